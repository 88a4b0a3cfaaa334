"""Settings from the YAML file: strict about keys, silent about values.

An unknown key, a key given twice, a list where a mapping belongs: each is refused with the key's
name, and none of the messages quotes the file, since a key of the API may stand in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Never

import yaml

from exporter.settings.describe import all_settings
from exporter.settings.errors import SettingsError, shown
from exporter.settings.layers import Layer, Raw
from exporter.settings.model import IntegrationSettings

_LARGEST_BYTES: Final = 1 << 20


def file_layer(path: Path) -> Layer:
    """What the file sets. Raises SettingsError if it is missing, broken or has unknown keys.

    A key without a value is not set, as an empty variable is not.
    """
    known = [setting.name for setting in all_settings() if setting.in_file]
    sections = {name.partition(".")[0] for name in known if "." in name} | {"config"}
    layer: Layer = {}
    for key, value in _entries(_read(path), f"{path}"):
        inside = _entries(value, f"{path}: {key}") if key in sections else [("", value)]
        for inner, inner_value in inside:
            name = f"{key}.{inner}" if inner else key
            if name not in known or "." in key or "." in inner:
                _refuse(path, name, known)
            if inner_value is not None:
                layer[name] = Raw(f"{path}: {name}", inner_value)
    if "integrations" in layer:
        _check_integrations(path, layer["integrations"].value)
    return layer


def _check_integrations(path: Path, entries: object) -> None:
    if not isinstance(entries, list):
        raise SettingsError(f"{path}: integrations: must be a list, got {shown(entries)}")
    known = [name for name in IntegrationSettings.model_fields if name != "api_key"]
    for index, entry in enumerate(entries):
        where = f"integrations[{index}]"
        for key, _ in _entries(entry, f"{path}: {where}"):
            if key == "api_key":
                raise SettingsError(
                    f"{path}: {where}.api_key: an entry's key comes from api_key_file or "
                    "api_key_env, which names a variable"
                )
            if key not in known:
                _refuse(path, f"{where}.{key}", [f"{where}.{name}" for name in known])


def _refuse(path: Path, name: str, known: Iterable[str]) -> Never:
    section, _, key = name.partition(".")
    if name in ("config", "config.file"):
        raise SettingsError(f"{path}: {name}: the file cannot name itself; use --config.file")
    if " " not in name and name.count(".") == 1 and name in known:
        raise SettingsError(f"{path}: unknown key {name}, write it as {section}: {{{key}: …}}")
    near = get_close_matches(name, list(known), n=1)
    raise SettingsError(
        f"{path}: unknown key {_printable(name)}" + (f", did you mean {near[0]}?" if near else "")
    )


def _printable(name: str) -> str:
    """A key's name as an error may show it: what is no plain name could be anything, so not."""
    return name if re.fullmatch(r"[\w.\[\]-]{1,80}", name) else shown(name)


def _entries(value: object, where: str) -> Iterator[tuple[str, Any]]:
    if value is None:
        return
    if not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else "a single value"
        raise SettingsError(f"{where}: must be a mapping of keys to values, got {kind}")
    for key, inner in value.items():
        yield str(key), inner


def _read(path: Path) -> object:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > _LARGEST_BYTES:
        raise SettingsError(f"{path}: is larger than 1 MiB")
    try:
        return yaml.load(content, Loader=_Loader)  # noqa: S506 - a SafeLoader, and stricter
    except _RefusedError as error:
        raise SettingsError(f"{path}: {error}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise SettingsError(f"{path}: not valid YAML{place}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        # Bytes that are no text, dates that do not exist, a thousand brackets.
        raise SettingsError(f"{path}: not valid YAML") from None


class _RefusedError(Exception):
    """What valid YAML may hold and settings may not, and on which line."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A safe loader that lets no key silently win over its twin, and reads no endless numbers."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        number: int = super().construct_yaml_int(node)
        if number.bit_length() > 64:
            raise _RefusedError(f"line {node.start_mark.line + 1}: a number is too large")
        return number

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise _RefusedError(f"line {line}: key {_printable(key.value)} is given twice")
                seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


# Constructors are found by tag, not by name.
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
