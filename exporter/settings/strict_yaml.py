"""The one YAML loader, for the settings file and the web-config file: plain values, or one line.

A file gives mappings, lists, text, numbers, booleans and nulls. Whatever else YAML can say is
refused by its line: a key given twice (YAML's last one would win in silence), other tags, numbers
without end, nesting without end. No message quotes the file, since a secret may stand in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from exporter.settings.errors import SettingsError, printable_key

_LARGEST_BYTES: Final = 256 << 10
#: Settings need four levels. PyYAML's C loader recurses without a limit, and crashes the process.
_DEEPEST: Final = 32
#: A 64-bit integer has 64 digits in binary; in YAML's base 60 the cost is quadratic.
_LONGEST_NUMBER: Final = 80
#: All mappings together may have so many keys; `<<` can multiply them at each step.
_MOST_MERGED: Final = 10_000

_TAG: Final = "tag:yaml.org,2002:"


def read_yaml(path: Path) -> object:
    """What the file holds; None where it is empty.

    Raises SettingsError, which names file and line, where it cannot be read or is refused.
    """
    value, _ = read_with_lines(path)
    return value


def read_with_lines(path: Path) -> tuple[object, dict[str, int]]:
    """The same, and on which line, from 1, each of its keys stands.

    Keys inside a mapping have its name before theirs: `web.listen_address`. What only a merge
    (`<<`) brings in has no line of its own.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > _LARGEST_BYTES:
        raise SettingsError(f"{path}: is larger than 256 KiB")
    try:
        _check(content)
        return _values_and_lines(_Loader(content))
    except _RefusedError as error:
        raise SettingsError(f"{path}: {error}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise SettingsError(f"{path}: not valid YAML{place}") from None
    except (yaml.YAMLError, ValueError):
        # Bytes that are not text.
        raise SettingsError(f"{path}: not valid YAML") from None


def _values_and_lines(loader: _Loader) -> tuple[object, dict[str, int]]:
    try:
        root = loader.get_single_node()
        if root is None:
            return None, {}
        # Before the values are made, which puts what is merged among the keys.
        lines = dict(_lines(root, "", 2))
        return loader.construct_document(root), lines
    finally:
        loader.dispose()


def _lines(node: yaml.Node, prefix: str, depth: int) -> Iterator[tuple[str, int]]:
    if not isinstance(node, yaml.MappingNode) or not depth:
        return
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        yield name, key.start_mark.line + 1
        yield from _lines(value, f"{name}.", depth - 1)


class _RefusedError(Exception):
    """What valid YAML may hold and settings may not, and on which line."""

    def __init__(self, node: yaml.Node | yaml.Event, problem: str) -> None:
        mark = node.start_mark
        super().__init__(f"line {mark.line + 1}: {problem}" if mark else problem)


def _check(content: bytes) -> None:
    """Raises _RefusedError for what is nested without end, and for keys that are given twice."""
    # For each open collection the keys so far and whether one is next; None for a list.
    keys: list[set[str] | None] = []
    is_key: list[bool] = []
    for event in yaml.parse(content, Loader=_Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            keys.pop()
            is_key.pop()
        elif isinstance(event, yaml.NodeEvent):
            if keys and (seen := keys[-1]) is not None:
                if is_key[-1]:
                    _check_key(event, seen)
                is_key[-1] = not is_key[-1]
            if isinstance(event, yaml.CollectionStartEvent):
                if len(keys) == _DEEPEST:
                    raise _RefusedError(event, f"is nested deeper than {_DEEPEST} levels")
                keys.append(set() if isinstance(event, yaml.MappingStartEvent) else None)
                is_key.append(True)


def _check_key(event: yaml.NodeEvent, seen: set[str]) -> None:
    if not isinstance(event, yaml.ScalarEvent):
        raise _RefusedError(event, "a key must be a name")
    if event.value in seen:
        raise _RefusedError(event, f"key {printable_key(event.value)} is given twice")
    seen.add(event.value)


# Which base it is, libyaml's or Python's, is known only where it runs.
class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A safe loader for plain values."""

    yaml_constructors: dict[str | None, Any] = {}  # noqa: RUF012 - how PyYAML has it
    yaml_implicit_resolvers = {  # noqa: RUF012 - without dates, which stay text
        first: [(tag, pattern) for tag, pattern in resolvers if tag != f"{_TAG}timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _merged = 0

    def construct_scalar_value(self, node: yaml.Node) -> object:
        kind = node.tag.removeprefix(_TAG)
        if not isinstance(node, yaml.ScalarNode):
            raise _RefusedError(node, f"must be a single value, as its tag says {kind}")
        if kind in ("int", "float") and len(node.value) > _LONGEST_NUMBER:
            raise _RefusedError(node, "a number is too large")
        try:
            value: object = getattr(yaml.SafeLoader, f"construct_yaml_{kind}")(self, node)
        except (ValueError, LookupError, OverflowError):
            # From a tag that was written out, such as `!!int x`.
            raise _RefusedError(node, f"is not a valid {kind}") from None
        if isinstance(value, int) and value.bit_length() > 64:
            raise _RefusedError(node, "a number is too large")
        return value

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        self._merged += len(node.value)
        if self._merged > _MOST_MERGED:
            raise _RefusedError(node, "too many keys")


# Constructors are found by tag, not by name.
for _kind in ("null", "bool", "int", "float", "str"):
    _Loader.add_constructor(f"{_TAG}{_kind}", _Loader.construct_scalar_value)
_Loader.add_constructor(f"{_TAG}seq", _Loader.construct_yaml_seq)
_Loader.add_constructor(f"{_TAG}map", _Loader.construct_yaml_map)
_Loader.add_constructor(None, _Loader.construct_undefined)
