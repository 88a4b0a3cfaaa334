"""One item of the session list, reduced to what is counted; what names a person is not kept.

Written out by hand, not by a model class: a page of a hundred items has to decode in well under a
millisecond for the largest tier's rate.
"""

import math
from dataclasses import dataclass
from typing import cast

from exporter.api.times import parse_time

_TEXTS = ("status", "pageUrl", "userAgentSummary", "userId", "userName", "userUrl")


@dataclass(frozen=True, slots=True)
class Session:
    """A session as one reading gave it. Times are microseconds since 1970, by the API's clock."""

    id: str
    created: int
    updated: int | None = None
    status: str | None = None
    score: float | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InvalidSession:
    """An item with a field of a wrong type.

    id: its own, or None where it has none that can be read. created: likewise.
    """

    id: str | None
    created: int | None
    field: str


def decode_session(item: object) -> Session | InvalidSession:
    """`item` as a session. Every field but id and createdAt may be null or absent."""
    if not isinstance(item, dict):
        return InvalidSession(None, None, "item")
    fields = cast("dict[str, object]", item)
    identity = fields.get("id")
    if not isinstance(identity, str) or not identity:
        return InvalidSession(None, _time(fields.get("createdAt")), "id")
    created = _time(fields.get("createdAt"))
    if created is None:
        return InvalidSession(identity, None, "createdAt")
    updated = None
    if fields.get("updatedAt") is not None:
        updated = _time(fields["updatedAt"])
        if updated is None:
            return InvalidSession(identity, created, "updatedAt")
    for name in _TEXTS:
        text = fields.get(name)
        if text is not None and not isinstance(text, str):
            return InvalidSession(identity, created, name)
    score = fields.get("botScore")
    if score is not None and not _is_score(score):
        return InvalidSession(identity, created, "botScore")
    flags = fields.get("detectionFlags")
    if flags is None:
        flags = ()
    elif not isinstance(flags, list) or not all(isinstance(flag, str) for flag in flags):
        return InvalidSession(identity, created, "detectionFlags")
    return Session(
        identity,
        created,
        updated,
        cast("str | None", fields.get("status")),
        None if score is None else float(cast("float", score)),
        tuple(flags),
    )


def _time(value: object) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        return parse_time(value)
    except ValueError:
        return None


def _is_score(value: object) -> bool:
    """Whether it is a finite number from 0 on; a sum of scores must not fall."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value) and value >= 0
    except OverflowError:
        return False
