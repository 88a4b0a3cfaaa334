"""The body of an answer: how much of one is read, and the JSON in it.

Before a body is decoded, two things are bounded: its bytes, and the values that they can hold. Two
bytes of JSON can be an object that takes a hundred times as much memory. Both bounds are many times
what the documented answers need.
"""

import json
from dataclasses import dataclass

import msgspec

from exporter.api.errors import UnreadableBodyError

KIB = 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """size: bytes. values: numbers, strings, lists, objects and members, at most so many."""

    size: int
    values: int


LIST = Bounds(2048 * KIB, 50_000)
"""A page of a list: 100 sessions are some 100 kB, and some 1,500 values."""

ERROR = Bounds(16 * KIB, 1_000)
"""An error, of which only a code is of use."""


def decode(body: bytes, most: Bounds) -> object:
    """The JSON in a body. Raises UnreadableBodyError where it is none, or past the bounds."""
    if not body:
        raise UnreadableBodyError("the body is empty")
    if len(body) > most.size:
        raise UnreadableBodyError(f"the body is larger than {most.size} bytes")
    # Each value but the first follows one of these; those inside of strings count as well.
    if body.count(b",") + body.count(b"[") + body.count(b"{") > most.values:
        raise UnreadableBodyError(f"the body may hold more than {most.values} values")
    try:
        decoded: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_slowly(body)
    return decoded


def _decode_slowly(body: bytes) -> object:
    """What json makes of a body that msgspec, three times as fast, refuses.

    One number that is out of range, or one half of a surrogate pair, is not to cost the whole page.
    """
    try:
        decoded: object = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise UnreadableBodyError("the body is not JSON") from None
    return decoded


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
