"""Settings from `ISNOTAI_*` variables. Unknown ones are pointed out, their values never shown.

Kubernetes adds variables to every pod for each Service in its namespace, and a Service called
`isnotai-web` makes `ISNOTAI_WEB_PORT`. Those are no settings and are passed over in silence.
Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from exporter.redaction import redact
from exporter.settings.describe import PREFIX, all_settings
from exporter.settings.layers import Layer, Raw

_SERVICE_LINK: Final = re.compile(
    rf"{PREFIX}([A-Z0-9_]+_)?"
    r"(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_[A-Z]+(_ADDR|_PORT|_PROTO)?)?)"
)


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """What the environment sets; an empty variable counts as not set."""
    return {
        setting.name: Raw(setting.variable, environ[setting.variable])
        for setting in all_settings()
        if setting.variable is not None and environ.get(setting.variable)
    }


def unknown_variables(environ: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Variables that look like settings and are none, each with the nearest known name."""
    known = [setting.variable for setting in all_settings() if setting.variable is not None]
    for variable in sorted(environ):
        if not variable.upper().startswith(PREFIX) or variable in known:
            continue
        if not environ[variable] or _SERVICE_LINK.fullmatch(variable):
            continue
        # Without the prefix, which alone would make every name look near.
        bare = [name.removeprefix(PREFIX) for name in known]
        near = get_close_matches(variable.upper().removeprefix(PREFIX), bare, n=1)
        yield redact.text(variable), PREFIX + near[0] if near else None
