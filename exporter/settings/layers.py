"""One layer per source of settings, keyed by the setting's name, each value with its origin.

pydantic-settings merges the layers and knows no origins, so each of its sources here keeps its
layer beside its values: the origin is the name by which the user gave a value, and errors say it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic_settings import BaseSettings, InitSettingsSource

from exporter.settings.describe import Setting, all_settings
from exporter.settings.values import BareNumber


@dataclass(frozen=True)
class Raw:
    """A value as it was given, and where: `--region`, `ISNOTAI_REGION`, `config.yml: region`.

    line: where it stands in a file, `config.yml:4`; empty for what has no line of its own.
    """

    origin: str
    value: object = field(repr=False)
    line: str = ""


#: Setting name, such as `web.listen_address`, to what one source says about it.
Layer: TypeAlias = dict[str, Raw]


class LayerSource(InitSettingsSource):
    """Gives pydantic-settings a layer that was read by stricter readers than its own.

    Its command line prints the whole usage for an error and cannot leave a field out, and
    api_key must have no flag. Its YAML source passes over a missing file in silence, lets a key win
    over its twin, and repeats the file's text in errors.
    """

    def __init__(self, settings_cls: type[BaseSettings], layer: Layer) -> None:
        self.layer = layer
        super().__init__(settings_cls, _nested(layer))


def _nested(layer: Layer) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for setting in all_settings():
        if setting.name in layer:
            *sections, attribute = setting.path
            section = values
            for name in sections:
                section = section.setdefault(name, {})
            section[attribute] = _as_written(setting, layer[setting.name].value)
    return values


def _as_written(setting: Setting, value: object) -> object:
    # Who writes a bare number for a duration may mean anything; only 0 needs no unit.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return BareNumber() if setting.is_duration and number and value else value
