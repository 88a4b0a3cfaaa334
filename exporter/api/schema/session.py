"""One item of the session list, reduced to what is counted; what names a person is not kept.

Written out by hand, not by a model class: a page of a hundred items has to decode in well under a
millisecond for the largest tier's rate. Whatever an item holds, what is made of it is small.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType
from typing import cast

from msgspec import Struct

from exporter.api.schema.decode import number_or_none
from exporter.api.times import parse_time
from exporter.places import NO_PLACES, Places

MOST_FLAGS = 100
"""So many distinct flags of one session are read."""

LONGEST_ID = 4096
LONGEST_FLAG = 64
"""Characters; a longer flag is kept as a hash."""

_UNDER_WAY = frozenset(
    ("active", "open", "opened", "inprogress", "ongoing", "running", "live", "started")
)
FIELDS = MappingProxyType(
    {
        "id": "string",
        "createdAt": "string",
        "updatedAt": "string",
        "status": "string",
        "botScore": "number",
        "detectionFlags": "array",
    }
)
"""What is read of every session, and of which kind it has to be."""

PLACE_FIELDS = MappingProxyType({"pageUrl": "string", "userId": "string"})
"""What is read besides where places are set."""


class Session(Struct, frozen=True, gc=False):
    """A session as one reading gave it. Times are microseconds since 1970, by the API's clock.

    score: from 0 to 1. flags: distinct. odd: fields that were out of bounds, and so left out.
    places: (place, value) of its page, where places are asked for; the page itself is not kept.
    user: whose it is, where places are asked for; only to be hashed.
    """

    id: str
    created: int
    updated: int | None = None
    status: str | None = None
    score: float | None = None
    flags: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    places: tuple[tuple[str, str], ...] = ()
    user: str | None = None

    def __repr__(self) -> str:
        """Without what names a person."""
        return f"Session({self.id!r}, created={self.created})"


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

    `active` is documented; the others are words for the same, and count as it, since they only make
    a session settle later.
    """
    return "".join(filter(str.isalpha, status.lower())) in _UNDER_WAY


def decode_session(
    item: object, scale: float = 1.0, places: Places = NO_PLACES
) -> Session | InvalidSession:
    """`item` as a session. Every field but id and createdAt may be null or absent.

    scale: the botScore of a certain bot; scores are divided by it.
    places: what of its page counts. A pageUrl or userId of a wrong type is none.
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
    try:
        updated = _updated(fields)
        status = _status(fields)
        score = _score(fields, scale)
        flags = _flags(fields)
    except _WrongTypeError as wrong:
        return InvalidSession(identity, created, wrong.field, identity)
    odd: tuple[str, ...] = ()
    if score is None and fields.get("botScore") is not None:
        odd = ("botScore",)
    if len(flags) > MOST_FLAGS:
        odd, flags = (*odd, "detectionFlags"), flags[:MOST_FLAGS]
    found = places.of(fields.get("pageUrl")) if places else ()
    user = _user(fields) if found else None
    return Session(identity, created, updated, status, score, flags, odd, found, user)


class _WrongTypeError(Exception):
    """A field is of a type that it cannot have."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def _updated(fields: Mapping[str, object]) -> int | None:
    given = fields.get("updatedAt")
    updated = None if given is None else _time(given)
    if given is not None and updated is None:
        raise _WrongTypeError("updatedAt")
    return updated


def _status(fields: Mapping[str, object]) -> str | None:
    status = fields.get("status")
    if status is None:
        return None
    if not isinstance(status, str):
        raise _WrongTypeError("status")
    return status[:LONGEST_FLAG]


def _score(fields: Mapping[str, object], scale: float) -> float | None:
    """The score as a share of a certain bot's; None without one, and out of its range."""
    given = fields.get("botScore")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise _WrongTypeError("botScore")
    score = number_or_none(given, 0.0, scale)
    return None if score is None else score / scale


def _flags(fields: Mapping[str, object]) -> tuple[str, ...]:
    listed = fields.get("detectionFlags")
    if listed is None or listed == []:
        return ()
    if not isinstance(listed, list) or not all(isinstance(flag, str) for flag in listed):
        raise _WrongTypeError("detectionFlags")
    return tuple(dict.fromkeys(map(_bounded, listed)))


def _user(fields: Mapping[str, object]) -> str | None:
    user = fields.get("userId")
    return user if isinstance(user, str) and 0 < len(user) <= LONGEST_ID else None


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
