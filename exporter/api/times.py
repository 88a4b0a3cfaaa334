"""Times as the API writes them: ISO 8601, up to seven fractional digits, with or without a zone.

Held as whole microseconds since 1970, UTC, so that comparing and storing them loses nothing.
"""

from datetime import UTC, datetime, timedelta

MICROSECONDS = 1_000_000
MINUTE = 60 * MICROSECONDS
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EARLIEST, LATEST = -62_135_596_800 * MICROSECONDS, 253_339_228_800 * MICROSECONDS
"""The years 1 and 9998: with what is beyond, a month more or less is not a date any more."""

LONGEST_TEXT = 64
"""No time is longer, in ISO 8601 or in HTTP."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(text: str) -> int:
    """Microseconds since 1970 of an ISO 8601 time; one without a zone is read as UTC.

    Digits past the sixth of a fraction are cut, and what lies beyond EARLIEST or LATEST becomes
    that. Raises ValueError where `text` is not such a time.
    """
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"no time in {len(text)} characters")
    moment = datetime.fromisoformat(text)
    if "T" not in text and "t" not in text and " " not in text:
        raise ValueError(f"no time of day in {len(text)} characters")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    micros = since.days * DAY + since.seconds * MICROSECONDS + since.microseconds
    return min(max(micros, EARLIEST), LATEST)


def format_time(micros: int) -> str:
    """`micros` as the API reads it in a query, cut to the second: `2026-06-10T12:00:00Z`."""
    moment = _EPOCH + timedelta(seconds=micros // MICROSECONDS)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
