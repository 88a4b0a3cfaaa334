"""What the ledger counted of the last day, by the minute of createdAt: for the status page.

In memory only. After a start with a kept state, sessions are known as far back as the state has
them, and bots of what was created since; nothing here is ever guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from exporter.api.times import MICROSECONDS, MINUTE
from exporter.ledger.rules import Tally

KEPT_MINUTES = 25 * 60
"""A day, and an hour for clocks that differ."""

SLOT_MINUTES = 15
SLOTS = 24 * 60 // SLOT_MINUTES


class Slot(NamedTuple):
    """A quarter of an hour of createdAt that begins at `start`, Unix seconds of the API's clock.

    sessions, bots: counted so far; None where that is not known.
    """

    start: int
    sessions: int | None
    bots: int | None


@dataclass(frozen=True, slots=True)
class Recent:
    """Sessions and bots by the minute of createdAt; replaced with each commit.

    sessions_since, bots_since: the first minute of which all of them are known.
    """

    sessions: Mapping[int, int] = field(default_factory=dict)
    bots: Mapping[int, int] = field(default_factory=dict)
    sessions_since: int = 0
    bots_since: int = 0

    @classmethod
    def of_state(cls, minutes: Mapping[int, int], frontier: int | None) -> "Recent":
        """What a kept state knows: sessions by minute. frontier: microseconds; None: none yet."""
        if frontier is None:
            return cls()
        # What was created after both was not counted yet.
        since = max(frontier // MINUTE, *minutes, 0) + 1
        return cls(dict(minutes), {}, min(minutes, default=since), since)

    def counted(self, tally: Tally, wall: float) -> "Recent":
        """With a tally more; what is older than a day before `wall` (Unix seconds) is dropped."""
        if not tally.minutes and not tally.bot_minutes:
            return self
        first = int(wall // 60) - KEPT_MINUTES
        return replace(
            self,
            sessions=_added(self.sessions, tally.minutes, first),
            bots=_added(self.bots, tally.bot_minutes, first),
        )

    def slots(self, now: int, origin: int | None) -> tuple[Slot, ...]:
        """The last 24 h until `now` in quarters of an hour, the last one still filling.

        now, origin: microseconds by the API's clock; what was created before the origin was not
        counted. Empty before counting began.
        """
        if origin is None:
            return ()
        last = now // MINUTE // SLOT_MINUTES
        known = max(self.sessions_since, origin // MINUTE)
        return tuple(self._slot(place, known) for place in range(last - SLOTS + 1, last + 1))

    def _slot(self, place: int, known: int) -> Slot:
        begin, end = place * SLOT_MINUTES, (place + 1) * SLOT_MINUTES
        start = begin * MINUTE // MICROSECONDS
        if end <= known:
            return Slot(start, None, None)
        minutes = range(begin, end)
        sessions = sum(self.sessions.get(minute, 0) for minute in minutes)
        if begin < self.bots_since:
            return Slot(start, sessions, None)
        return Slot(start, sessions, sum(self.bots.get(minute, 0) for minute in minutes))


def _added(before: Mapping[int, int], more: Mapping[int, int], first: int) -> Mapping[int, int]:
    """The sums by minute, from the minute `first` on."""
    sums = {minute: number for minute, number in before.items() if minute >= first}
    for minute, number in more.items():
        if minute >= first:
            sums[minute] = sums.get(minute, 0) + number
    return sums
