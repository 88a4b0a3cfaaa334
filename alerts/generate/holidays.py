"""A school calendar as a recording rule: `isnotai:holiday` is 1 on the days of a file.

A line is a day (`2026-05-17`) or a range (`2026-12-19 2027-01-03`, both days included); what
follows a `#` is a remark. Days begin at midnight by the offset from UTC that is given.
"""

import re
from datetime import date, datetime, time, timedelta, timezone

from alerts.generate.model import Recording
from alerts.generate.series import HOLIDAY

OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")


class CalendarError(Exception):
    """The calendar cannot be read; the message says which line."""


def holidays(text: str, offset: str) -> tuple[Recording, ...]:
    """The rule, or none where there is no day. offset: as `+01:00`. Raises CalendarError."""
    spans = [
        f"(vector(time()) >= {start:.0f} < {end:.0f})" for start, end in _spans(text, _zone(offset))
    ]
    if not spans:
        return ()
    return (Recording(HOLIDAY, "vector(1)\nand on ()\n(\n  " + "\n  or\n  ".join(spans) + "\n)"),)


def _zone(offset: str) -> timezone:
    found = OFFSET.fullmatch(offset)
    if found is None:
        raise CalendarError(f"--utc-offset: must be like +01:00, not {offset!r}")
    sign = 1 if found[1] == "+" else -1
    return timezone(sign * timedelta(hours=int(found[2]), minutes=int(found[3])))


def _spans(text: str, zone: timezone) -> list[tuple[float, float]]:
    spans = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            first, last = date.fromisoformat(words[0]), date.fromisoformat(words[-1])
        except ValueError:
            raise CalendarError(f"line {number}: {line!r} is not one or two days") from None
        if len(words) > 2 or last < first:
            raise CalendarError(f"line {number}: {line!r} is not one or two days in order")
        start = datetime.combine(first, time(), zone)
        end = datetime.combine(last + timedelta(days=1), time(), zone)
        spans.append((start.timestamp(), end.timestamp()))
    return spans
