"""Odd answers: a good one in which one place holds something else, as no documentation has it."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any, Final

Path = tuple[str | int, ...]

TOO_LARGE: Final = "a number that no float holds"
"""Stands for `1e400`, which json.dumps cannot write."""

ODD: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    -1,
    2**63 - 1,
    2**63,
    10**305,
    10**400,
    1e308,
    -1e308,
    5e-324,
    TOO_LARGE,
    "",
    " ",
    "active",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.9999999Z",
    "9999-12-31T23:59:59-14:00",
    "2026-02-30T00:00:00Z",
    "2026-06-10",
    "1e400",
    "\ud800",
    "\x00",
    "a" * 3000,
    "https://a" + "\u0315" * 300 + "\u0300" * 300,
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": 0},
    {"data": {}},
    [1, "a", None, {}],
    ["a"] * 300,
    [f"flag{number}" for number in range(300)],
)


def places(value: Any, here: Path = ()) -> Iterator[Path]:
    """The path of everything in a JSON value, itself included."""
    yield here
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*here, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*here, index))


def put(value: Any, place: Path, odd: Any) -> Any:
    """A copy with something else at that place."""
    if not place:
        return odd
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = put(value[place[0]], place[1:], odd)
    return copy


def encoded(value: Any) -> bytes:
    """The JSON of a value that may hold TOO_LARGE."""
    return json.dumps(value).replace(f'"{TOO_LARGE}"', "1e400").encode()


def spoiled(body: bytes, random: Random) -> bytes:
    """The JSON body with something odd in one place; an empty one as it is."""
    if not body:
        return body
    value = json.loads(body)
    return encoded(put(value, random.choice(list(places(value))), random.choice(ODD)))
