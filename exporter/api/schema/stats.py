"""`GET /v1/stats`: a schema nobody knows, so every number in it is read and named by its path.

No list, boolean or string is read, and no key that could be somebody's name becomes part of a name.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exporter.api.schema.decode import (
    LARGEST,
    number_or_none,
    object_with_or_without_envelope,
)
from exporter.api.schema.names import snake_case

MAX_DEPTH = 3
_SEGMENT = re.compile(r"[A-Za-z][A-Za-z0-9]{0,39}")


@dataclass(frozen=True, slots=True)
class Stats:
    """The numbers of one answer.

    values: by name; none is larger than an int64.
    ambiguous: names that two paths or more share; none of their values is in `values`.
    """

    values: Mapping[str, float]
    ambiguous: frozenset[str]


def read_stats(body: object) -> Stats:
    """Every number in `body`, with or without `data` round it.

    Raises InvalidResponseError where there is no object.
    """
    return read_numbers(object_with_or_without_envelope(body, "stats"))


def read_numbers(
    data: Mapping[str, Any], skipped: Callable[[str], bool] = lambda key: False
) -> Stats:
    """Every number in an object, but for those below a key that is to be skipped."""
    values: dict[str, float] = {}
    ambiguous: set[str] = set()
    for name, value in _numbers(data, (), skipped):
        if name in values:
            ambiguous.add(name)
        values[name] = value
    for name in ambiguous:
        del values[name]
    return Stats(values, frozenset(ambiguous))


def _numbers(
    data: Mapping[str, Any], path: tuple[str, ...], skipped: Callable[[str], bool]
) -> Iterator[tuple[str, float]]:
    for key, value in data.items():
        if not _SEGMENT.fullmatch(key) or skipped(key):
            continue
        here = (*path, snake_case(key))
        if isinstance(value, dict):
            if len(here) < MAX_DEPTH:
                yield from _numbers(value, here, skipped)
        elif (number := number_or_none(value, -LARGEST, LARGEST)) is not None:
            yield "_".join(here), number
