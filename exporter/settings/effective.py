"""Every setting with the value that is in force and where that came from; secrets are blotted out.

`--print-config` and the status page show it. Nothing is opened.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import BaseModel

from exporter.redaction import redact
from exporter.settings.describe import Setting, all_settings, in_words
from exporter.settings.model import IntegrationSettings, Settings

DEFAULT = "default"


class Effective(NamedTuple):
    """A setting as it is. source: a flag, a variable, a file and line, or DEFAULT."""

    name: str
    value: str
    source: str


def effective(settings: Settings, origins: Mapping[str, str]) -> tuple[Effective, ...]:
    """All settings in the order of the model; each entry of `integrations` is one.

    origins: as `Loaded` has them.
    """
    return tuple(
        Effective(one.name, redact.text(one.value), redact.text(one.source))
        for one in _rows(settings, origins)
    )


def _rows(settings: Settings, origins: Mapping[str, str]) -> Iterator[Effective]:
    for setting in all_settings():
        origin = origins.get(setting.name, DEFAULT)
        if setting.name == "integrations" and settings.integrations:
            for index, entry in enumerate(settings.integrations):
                yield Effective(f"integrations[{index}]", _entry(entry), origin)
            continue
        value = _value(settings, setting)
        words = setting.default if origin == DEFAULT and setting.default_in_words else None
        yield Effective(setting.name, words or value, origin)


def _value(settings: Settings, setting: Setting) -> str:
    found: object = settings
    for name in setting.path:
        found = getattr(found, name)
    return in_words(found, is_duration=setting.is_duration)


def _entry(entry: IntegrationSettings) -> str:
    """One integration: all but its key."""
    given = BaseModel.model_dump(entry, exclude={"api_key"}, exclude_none=True)
    return " ".join(f"{name}={value}" for name, value in given.items())
