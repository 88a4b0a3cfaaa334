"""The API's clock, learned from the Date header of its answers.

Windows and ages are counted on this clock, so that ours may be minutes off. A Date is cut to the
second and was written somewhere between request and answer, so `Date - round trip` is the latest
moment that surely lies no later than the request's leaving; that bound is what is kept. Between
answers the monotonic clock carries it on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from exporter.api.times import MICROSECONDS

JUMP_SECONDS = 60.0
"""A Date further ahead than this of what was expected is believed when a second one agrees."""

STRANGE_SECONDS = 24 * 3600.0
"""So far from our clock, which may be minutes off, the first Date wants a second one as well."""


def parse_http_date(text: str) -> int | None:
    """Microseconds since 1970 of an HTTP-date (RFC 9110), or None where `text` is none."""
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            # The oldest of the three forms names no zone, and means UTC all the same.
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp()) * MICROSECONDS
    except (ValueError, TypeError, OverflowError):
        return None


@dataclass(slots=True)
class _Anchor:
    """late: seconds by which `server` probably lies before the truth."""

    server: int
    monotonic: float
    late: float

    def at(self, monotonic: float) -> int:
        return self.server + round((monotonic - self.monotonic) * MICROSECONDS)


class ServerClock:
    """What the API's clock shows, in microseconds since 1970, never more than it really shows.

    A reading more than a minute ahead of what the last one foretells (one wrong Date would move
    the frontier past sessions that nobody read) is set aside until another confirms it; so is a
    first one that is a day or more off our own clock.

    now: Unix seconds of our clock; without it the first Date is believed.
    """

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self._now = now
        self._anchor: _Anchor | None = None
        self._suspect: _Anchor | None = None

    def observe(self, date: str | None, sent: float, received: float) -> None:
        """Learn from an answer's Date; `sent` and `received` are on the monotonic clock."""
        server = parse_http_date(date) if date else None
        if server is None:
            return
        trip = received - sent
        # On average a Date was written half-way, and cut by half a second.
        seen = _Anchor(server - round(trip * MICROSECONDS), sent, trip / 2 + 0.5)
        limit = round(JUMP_SECONDS * MICROSECONDS)
        if self._anchor is None:
            foreseen = not self._is_strange(server)
        else:
            foreseen = seen.server - self._anchor.at(sent) <= limit
        confirmed = self._suspect and abs(seen.server - self._suspect.at(sent)) <= limit
        if foreseen or confirmed:
            self._anchor, self._suspect = seen, None
        else:
            self._suspect = seen

    def _is_strange(self, server: int) -> bool:
        if self._now is None:
            return False
        return abs(server / MICROSECONDS - self._now()) > STRANGE_SECONDS

    def at(self, monotonic: float) -> int | None:
        """The API's time at that moment of ours; None before the first usable Date."""
        return self._anchor.at(monotonic) if self._anchor else None

    def skew(self, monotonic: float, wall: float) -> float | None:
        """The API's clock minus ours, in seconds, as near as a Date tells; None before the first.

        Unlike `at`, the likeliest value, not the one that surely is not ahead.
        """
        if self._anchor is None:
            return None
        return self._anchor.at(monotonic) / MICROSECONDS + self._anchor.late - wall
