"""`GET /v1/usage`: what was consumed, in an envelope of its own, as rows of metric and value.

The form of a row's `period` and the keys of `totals` are unknown. Two things depend on a period: if
it is a day, its row counts only if that day was asked for; and of several storage rows the one with
the greatest period counts as the newest. Nothing depends on `totals`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from exporter.api.errors import InvalidResponseError
from exporter.api.schema.decode import MOST_ITEMS, Count, Items, Shape, decoded, decoded_or_none
from exporter.api.schema.names import snake_case
from exporter.metrics.catalogue import USAGE_METRICS
from exporter.metrics.model import OTHER

STORAGE = "storage_bytes"
KNOWN = USAGE_METRICS
_BY_LETTERS = {name.replace("_", ""): name for name in (*KNOWN, STORAGE)}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
LONGEST_NAME = 64
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T00:00(?::00(?:\.0{1,9})?)?(?:Z|[+-]00:00)?)?")


class _Row(Shape):
    period: str | None = None
    metric_type: str
    value: Count


class _Named(Shape):
    metric_type: str


class Body(Shape):
    """The whole of an answer, its rows not decoded yet."""

    data: Annotated[list[Any] | None, Items(_Row)]


@dataclass(frozen=True, slots=True)
class Consumption:
    """What one answer says was consumed between its two dates.

    sums: by metric, rows added up. A known metric that no row names is 0. One that is named only by
        rows that did not decode is missing. Storage is not in it: it is a level, not a flow.
    storage: the newest storage in bytes; None if no row gives it.
    invalid_items: rows that did not decode.
    outside: rows of other days, which are not in the sums.
    """

    sums: Mapping[str, int]
    storage: int | None
    invalid_items: int
    outside: int = 0


def metric_name(metric_type: str) -> str:
    """`ApiCalls`, `apicalls` and `API_CALLS` give `api_calls`; unknown types in snake_case.

    What is then no name of at most 40 of `a-z0-9_` is `other`.
    """
    if len(metric_type) > LONGEST_NAME:
        return OTHER
    letters = "".join(filter(str.isalnum, metric_type)).lower()
    if letters in _BY_LETTERS:
        return _BY_LETTERS[letters]
    name = snake_case(metric_type)
    return name if _NAME.fullmatch(name) else OTHER


def read_usage(body: object, first: date, last: date) -> Consumption:
    """What was consumed from one day to another, both included.

    None and `data: null` are not rows. Raises InvalidResponseError where `body` holds no list of
    rows, or more than there can be.
    """
    listed = [] if body is None else decoded(Body, body, "usage").data or []
    if len(listed) > MOST_ITEMS:
        raise InvalidResponseError(f"usage: more than {MOST_ITEMS} rows")
    rows = [decoded_or_none(_Row, item) for item in listed]
    sums: dict[str, int] = {}
    newest, storage, outside = "", None, 0
    for row in rows:
        if row is None:
            continue
        name, period = metric_name(row.metric_type), row.period or ""
        if not first <= (_day(period) or first) <= last:
            outside += 1
        elif name != STORAGE:
            sums[name] = sums.get(name, 0) + row.value
        elif storage is None or period >= newest:
            newest, storage = period, row.value
    bad = [item for item, row in zip(listed, rows, strict=True) if row is None]
    zeros = dict.fromkeys(set(KNOWN) - _names(bad), 0)
    return Consumption(zeros | sums, storage, len(bad), outside)


def _day(period: str) -> date | None:
    """The day that a period is: a date, or the midnight that it begins with; None otherwise."""
    match = _DAY.fullmatch(period)
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def _names(items: list[Any]) -> set[str]:
    """The metrics that rows name which did not decode otherwise."""
    named = [decoded_or_none(_Named, item) for item in items]
    return {metric_name(row.metric_type) for row in named if row is not None}
