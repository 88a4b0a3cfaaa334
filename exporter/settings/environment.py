"""Settings from `ISNOTAI_*` variables, by pydantic-settings' own source for them.

Unknown variables are pointed out, their values never shown; it would take them for bad keys.

Kubernetes adds variables to every pod for each Service in its namespace, and a Service called
`isnotai-web` makes `ISNOTAI_WEB_PORT`. Those are not settings and are passed over in silence.
Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from pydantic_settings import BaseSettings, EnvSettingsSource
from pydantic_settings.sources.utils import parse_env_vars

from exporter.redaction import redact
from exporter.settings.describe import PREFIX, all_settings
from exporter.settings.layers import Layer, Raw

_SERVICE_LINK: Final = re.compile(
    rf"{PREFIX}([A-Z0-9_]+_)?"
    r"(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_[A-Z]+(_ADDR|_PORT|_PROTO)?)?)"
)


class EnvironmentSource(EnvSettingsSource):
    """What an environment sets; an empty variable counts as not set.

    It is handed the known variables alone, in their exact spelling, since a Service's
    `ISNOTAI_WEB_PORT` would else be a bad key of `web`.
    """

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(settings_cls)
        self.layer = self._layer()

    def _load_env_vars(self) -> Mapping[str, str | None]:
        variables = [setting.variable for setting in all_settings() if setting.variable is not None]
        known = {name: self._environ[name] for name in variables if name in self._environ}
        return parse_env_vars(known, self.case_sensitive, self.env_ignore_empty)

    def _layer(self) -> Layer:
        layer: Layer = {}
        values = self()
        for setting in all_settings():
            *sections, attribute = setting.path
            section = values
            for name in sections:
                section = section.get(name, {})
            if attribute in section and setting.variable is not None:
                layer[setting.name] = Raw(setting.variable, section[attribute])
        return layer


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
