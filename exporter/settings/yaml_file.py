"""Settings from the YAML file: strict about keys, silent about values.

An unknown key, a list where a mapping belongs: each is refused with the key's name, and none of the
messages quotes the file, since a key of the API may stand in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Never

from exporter.settings.describe import all_settings
from exporter.settings.errors import SettingsError, printable_key, shown
from exporter.settings.layers import Layer, Raw
from exporter.settings.model import IntegrationSettings, PlaceSettings, Section
from exporter.settings.strict_yaml import read_with_lines


def file_layer(path: Path) -> Layer:
    """What the file sets. Raises SettingsError if it is missing, broken or has unknown keys.

    A key without a value is not set, as an empty variable is not.
    """
    known = [setting.name for setting in all_settings() if setting.in_file]
    sections = {name.partition(".")[0] for name in known if "." in name} | {"config"}
    layer: Layer = {}
    content, lines = read_with_lines(path)
    for key, value in _entries(content, f"{path}"):
        inside = _entries(value, f"{path}: {key}") if key in sections else [("", value)]
        for inner, inner_value in inside:
            name = f"{key}.{inner}" if inner else key
            if name not in known or "." in key or "." in inner:
                _refuse(path, name, known)
            if inner_value is not None:
                line = f"{path}:{lines[name]}" if name in lines else ""
                layer[name] = Raw(f"{path}: {name}", inner_value, line)
    if "integrations" in layer:
        _check_integrations(path, layer["integrations"].value)
    if "sessions.places" in layer:
        _check_entries(path, "sessions.places", layer["sessions.places"].value, PlaceSettings)
    return layer


def _check_integrations(path: Path, entries: object) -> None:
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict) and "api_key" in entry:
            raise SettingsError(
                f"{path}: integrations[{index}].api_key: an entry's key comes from api_key_file or "
                "api_key_env, which names a variable"
            )
    _check_entries(path, "integrations", entries, IntegrationSettings, hidden="api_key")


def _check_entries(
    path: Path, name: str, entries: object, entry_type: type[Section], hidden: str = ""
) -> None:
    """Refuse what is not a list of mappings, and keys that an entry does not have."""
    if not isinstance(entries, list):
        raise SettingsError(f"{path}: {name}: must be a list, got {shown(entries)}")
    known = [field for field in entry_type.model_fields if field != hidden]
    for index, entry in enumerate(entries):
        where = f"{name}[{index}]"
        for key, _ in _entries(entry, f"{path}: {where}"):
            if key not in known:
                _refuse(path, f"{where}.{key}", [f"{where}.{field}" for field in known])


def _refuse(path: Path, name: str, known: Iterable[str]) -> Never:
    section, _, key = name.partition(".")
    if name in ("config", "config.file"):
        raise SettingsError(f"{path}: {name}: the file cannot name itself; use --config.file")
    if " " not in name and name.count(".") == 1 and name in known:
        raise SettingsError(f"{path}: unknown key {name}, write it as {section}: {{{key}: …}}")
    near = get_close_matches(name, list(known), n=1)
    raise SettingsError(
        f"{path}: unknown key {printable_key(name)}"
        + (f", did you mean {near[0]}?" if near else "")
    )


def _entries(value: object, where: str) -> Iterator[tuple[str, Any]]:
    if value is None:
        return
    if not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else "a single value"
        raise SettingsError(f"{where}: must be a mapping of keys to values, got {kind}")
    for key, inner in value.items():
        yield str(key), inner
