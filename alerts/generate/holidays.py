"""A school calendar as a recording rule: `isnotai:holiday` is 1 on the days of a file.

A line is a day (`2026-05-17`) or a range (`2026-12-19 2027-01-03`, both days included); what
follows a `#` is a remark. Days begin at midnight by the offset from UTC that is given.
"""

import re
from datetime import date, datetime, time, timedelta, timezone

from alerts.generate.model import Recording
from alerts.generate.series import HOLIDAY

OFFSET = re.compile(r"([+-])(\d\d):([0-5]\d)")
EARLIEST, LATEST = timedelta(hours=-12), timedelta(hours=14)
"""Offsets beyond these are nobody's."""


class CalendarError(Exception):
    """The calendar cannot be read; the message says which option, and which line."""


def holidays(text: str, offset: str) -> tuple[Recording, ...]:
    """The rule. offset: as `+01:00`. Raises CalendarError, also where there is no day."""
    spans = [
        f"(vector(time()) >= {start:.0f} < {end:.0f})" for start, end in _spans(text, _zone(offset))
    ]
    if not spans:
        raise CalendarError("--holidays: has no day: write one a line, as 2026-05-17")
    return (Recording(HOLIDAY, "vector(1)\nand on ()\n(\n  " + "\n  or\n  ".join(spans) + "\n)"),)


def _zone(offset: str) -> timezone:
    found = OFFSET.fullmatch(offset)
    if found is not None:
        size = timedelta(hours=int(found[2]), minutes=int(found[3]))
        shift = size if found[1] == "+" else -size
        if EARLIEST <= shift <= LATEST:
            return timezone(shift)
    raise CalendarError(f"--utc-offset: must be like +01:00, -12:00 to +14:00, not {offset!r}")


def _spans(text: str, zone: timezone) -> list[tuple[float, float]]:
    spans = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            first, last = date.fromisoformat(words[0]), date.fromisoformat(words[-1])
            after = last + timedelta(days=1)
        except (ValueError, OverflowError):
            raise _bad(number, line, "one or two days") from None
        if len(words) > 2 or last < first:
            raise _bad(number, line, "one or two days in order")
        start, end = (datetime.combine(day, time(), zone) for day in (first, after))
        spans.append((start.timestamp(), end.timestamp()))
    return spans


def _bad(number: int, line: str, wanted: str) -> CalendarError:
    return CalendarError(
        f"--holidays: line {number}: {line!r} is not {wanted}: "
        "write 2026-05-17, or 2026-12-19 2027-01-03"
    )
