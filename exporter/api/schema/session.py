"""One item of the session list, reduced to what is counted; what names a person is not kept.

Written out by hand, not by a model class: a page of a hundred items has to decode in well under a
millisecond for the largest tier's rate. Whatever an item holds, what is made of it is small.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import cast

from exporter.api.schema.decode import number_or_none
from exporter.api.times import parse_time

MOST_FLAGS = 100
"""So many distinct flags of one session are read."""

LONGEST_ID = 4096
LONGEST_FLAG = 64
"""Characters; a longer flag is kept as a hash."""

_UNDER_WAY = frozenset(
    ("active", "open", "opened", "inprogress", "ongoing", "running", "live", "started")
)


@dataclass(frozen=True, slots=True)
class Session:
    """A session as one reading gave it. Times are microseconds since 1970, by the API's clock.

    score: from 0 to 1. flags: distinct. odd: fields that were out of bounds, and so left out.
    """

    id: str
    created: int
    updated: int | None = None
    status: str | None = None
    score: float | None = None
    flags: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InvalidSession:
    """An item without an id or a createdAt, or with a field of a wrong type.

    id: its own, or None where it has none that can be read. created: likewise.
    key: tells it from other invalid items, also when another field of it changes.
    """

    id: str | None
    created: int | None
    field: str
    key: str


@lru_cache(256)
def is_under_way(status: str) -> bool:
    """Whether a status says that the session still goes on, in whatever spelling.

    `active` is documented; the others are words for the same, taken for it since they only make
    a session settle later.
    """
    return "".join(filter(str.isalpha, status.lower())) in _UNDER_WAY


def decode_session(item: object, scale: float = 1.0) -> Session | InvalidSession:
    """`item` as a session. Every field but id and createdAt may be null or absent.

    scale: the botScore of a certain bot; scores are divided by it.
    """
    if not isinstance(item, dict):
        return InvalidSession(None, None, "item", _digest(item))
    fields = cast("dict[str, object]", item)
    identity = fields.get("id")
    created = _time(fields.get("createdAt"))
    if not isinstance(identity, str) or not 0 < len(identity) <= LONGEST_ID:
        return InvalidSession(None, created, "id", _key(identity, created, item))
    if created is None:
        return InvalidSession(identity, None, "createdAt", identity)
    updated = None
    if fields.get("updatedAt") is not None:
        updated = _time(fields["updatedAt"])
        if updated is None:
            return InvalidSession(identity, created, "updatedAt", identity)
    status = fields.get("status")
    if status is not None and not isinstance(status, str):
        return InvalidSession(identity, created, "status", identity)
    odd: tuple[str, ...] = ()
    score, given = None, fields.get("botScore")
    if given is not None:
        if isinstance(given, bool) or not isinstance(given, int | float):
            return InvalidSession(identity, created, "botScore", identity)
        score = number_or_none(given, 0.0, scale)
        if score is None:
            odd = ("botScore",)
        elif scale != 1.0:
            score /= scale
    flags: tuple[str, ...] = ()
    listed = fields.get("detectionFlags")
    if listed:
        if not isinstance(listed, list) or not all(isinstance(flag, str) for flag in listed):
            return InvalidSession(identity, created, "detectionFlags", identity)
        flags = tuple(dict.fromkeys(map(_bounded, listed)))
        if len(flags) > MOST_FLAGS:
            flags, odd = flags[:MOST_FLAGS], (*odd, "detectionFlags")
    elif listed is not None and not isinstance(listed, list):
        return InvalidSession(identity, created, "detectionFlags", identity)
    return Session(
        identity,
        created,
        updated,
        None if status is None else status[:LONGEST_FLAG],
        score,
        flags,
        odd,
    )


def _time(value: object) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        return parse_time(value)
    except ValueError:
        return None


def _bounded(flag: str) -> str:
    return flag if len(flag) <= LONGEST_FLAG else "~" + _digest(flag)


def _key(identity: object, created: int | None, item: object) -> str:
    """What stands for an item without an id: what it has in its place, and when it was created."""
    if created is None and not isinstance(identity, int | float):
        return _digest(item)
    return f"{created} {_digest(identity)}"


def _digest(value: object) -> str:
    """A short text that stands for any JSON value."""
    try:
        written = json.dumps(value, sort_keys=True)
    except (RecursionError, ValueError):
        # Nested too deep, or a number too long, to be written again.
        written = type(value).__name__
    return blake2b(written.encode(), digest_size=16).hexdigest()
