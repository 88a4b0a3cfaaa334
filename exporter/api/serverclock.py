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

AGREED_SECONDS = 60.0
"""Two Dates agree that foretell one another this well."""

LEAST_JUMP_SECONDS = 2.0
"""A Date is cut to the second, and answers take time: what is closer is no jump."""


def jump_seconds(overlap: float) -> float:
    """How far off what was expected a Date may be, to be believed before a second one agrees.

    overlap: `sessions.overlap`, seconds. The frontier lies that far behind the API's clock, so half
    of it, and at most a minute, does no harm.
    """
    return max(LEAST_JUMP_SECONDS, min(AGREED_SECONDS, overlap / 2))


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
    """What the API's clock shows, in microseconds since 1970, and never more than it really shows,
    save that it follows a step back one answer late; `observe` gives that answer its own time.

    A reading more than `jump` seconds off what the last one foretells is set aside until another
    agrees: one wrong Date ahead would move the frontier past sessions that nobody read, and one
    behind would take for readable what left the history. So is a first one that is so far off our
    own clock. Of two that agree, the one that shows less counts.

    now: Unix seconds of our clock; without it the first Date is believed.
    """

    def __init__(
        self, now: Callable[[], float] | None = None, jump: float = AGREED_SECONDS
    ) -> None:
        self._now = now
        self._jump = round(jump * MICROSECONDS)
        self._anchor: _Anchor | None = None
        self._suspect: _Anchor | None = None

    def observe(self, date: str | None, sent: float, received: float) -> int | None:
        """Learn from an answer's Date; `sent` and `received` are on the monotonic clock.

        Gives the API's time when that request left, at the latest: what its own Date says, unless
        the clock shows less; what the clock shows, where the answer has no Date.
        """
        server = parse_http_date(date) if date else None
        if server is None:
            return self.at(sent)
        own = server - round((received - sent) * MICROSECONDS)
        self._learn(server, sent, received)
        shown = self.at(sent)
        return None if shown is None else min(shown, own)

    def _learn(self, server: int, sent: float, received: float) -> None:
        trip = received - sent
        # On average a Date was written half-way, and cut by half a second.
        seen = _Anchor(server - round(trip * MICROSECONDS), sent, trip / 2 + 0.5)
        suspect = self._suspect
        if self._anchor is None:
            foreseen = not self._is_strange(server)
        else:
            foreseen = abs(seen.server - self._anchor.at(sent)) <= self._jump
        if foreseen:
            self._anchor, self._suspect = seen, None
        elif suspect and abs(seen.server - suspect.at(sent)) <= AGREED_SECONDS * MICROSECONDS:
            lower = min(seen, suspect, key=lambda anchor: anchor.at(sent))
            self._anchor, self._suspect = lower, None
        else:
            self._suspect = seen

    def _is_strange(self, server: int) -> bool:
        if self._now is None:
            return False
        return abs(server - self._now() * MICROSECONDS) > self._jump

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
