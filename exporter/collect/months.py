"""Which days must be asked for, and which remembered, so that a month's consumption is whole.

Pure rules over dates and a time. All days are UTC. The API answers a date before the tier's history
with an empty page, not an error, so nothing may be asked for whose whole day is not readable.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

LONGEST_MONTH = 31
FINAL_AFTER = timedelta(hours=6)
# A request may wait for the budget or be retried; its first day must still be readable when it runs
_MARGIN = timedelta(minutes=10)
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MonthPlan:
    """How to learn what a month has consumed until today.

    remembered: finished days that can only come from memory, ascending.
    first_asked: the first day of the one request that gives the rest, until today.
    """

    remembered: tuple[date, ...]
    first_asked: date


def day_of(now: int) -> date:
    """The UTC day of `now`, Unix microseconds."""
    return _moment(now).date()


def first_readable(now: int, history_days: int) -> date:
    """The first day that lies whole within a history of that many days."""
    edge = _moment(now) + _MARGIN - timedelta(days=history_days)
    started = datetime(edge.year, edge.month, edge.day, tzinfo=UTC)
    return edge.date() if edge == started else edge.date() + _DAY


def plan_month(today: date, readable: date) -> MonthPlan | None:
    """The plan for today's month, or None where not even today is readable.

    readable: the first readable day.
    """
    if readable > today:
        return None
    start = today.replace(day=1)
    first_asked = max(start, readable)
    return MonthPlan(_days(start, first_asked), first_asked)


def day_to_remember(
    today: date, now: int, readable: date, remembered: Collection[date], tries: dict[date, int]
) -> date | None:
    """The next finished day of today's month to read and remember, if there is one.

    A day is finished 6 h after its end, when late rows are in. The oldest comes first, since it
    leaves the history first, but a day tried before without success waits for the others.
    """
    finished = (_moment(now) - FINAL_AFTER).date()
    days = _days(max(today.replace(day=1), readable), finished)
    missing = [day for day in days if day not in remembered]
    return min(missing, key=lambda day: (tries.get(day, 0), day), default=None)


def _days(first: date, end: date) -> tuple[date, ...]:
    """From `first` up to but without `end`."""
    return tuple(first + index * _DAY for index in range((end - first).days))


def _moment(now: int) -> datetime:
    return _EPOCH + timedelta(microseconds=now)
