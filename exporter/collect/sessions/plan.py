"""Which part of the time line to read next: tail, sweep, and the slices of a long way.

The tail reads what was created since the last poll. The sweep re-reads, at a slower rhythm, from
the older of the frontier and the oldest unsettled session, and moves the frontier. A long sweep,
a backlog above all, is cut into slices that are walked and committed one by one. Pure: no I/O, no
clock; all times are microseconds since 1970 by the API's clock.
"""

from dataclasses import dataclass

from exporter.api.times import DAY, MICROSECONDS
from exporter.ledger.rules import Slice

FIRST_WIDTH = 900 * MICROSECONDS
"""How wide the first slice of a backlog is, before its density is known."""

NARROWEST = MICROSECONDS
"""No slice is narrower: the API's filters are written in whole seconds."""

FAILURES = 3
"""So many times in a row a slice gives not even its first page, before half of it is tried."""

FAILED_NARROWEST = 60 * MICROSECONDS
"""No slice is cut narrower for that."""


def midnight_before(time: int) -> int:
    """The UTC midnight at or before `time`."""
    return time - time % DAY


class SlicePlanner:
    """Cuts the way from a start to now into slices of about `target` pages.

    Whether the API honours the time in endDate is unknown; it may honour only its date, and then
    either take the whole day or stop at its midnight. An end at a midnight is right in each case.
    Any other end is trusted once an answer has shown a session created after the midnight of its
    own endDate; until then a slice that shows none is walked again with a later end.
    """

    def __init__(self, start: int, target: int, width: int = FIRST_WIDTH) -> None:
        self.position = start
        self.target = target
        self.width = max(width, NARROWEST)
        self._empty_to = start
        self._refused_from: int | None = None
        self._failures = 0
        self._widest = DAY

    def next(self, now: int, ends: "EndDates", *, whole: bool) -> Slice:
        """The slice to walk now; the last one has no end.

        now: the API's time. whole: the rest is known to be small, so it is read in one slice.
        """
        end = self._end(ends)
        if whole and self._refused_from is None:
            return Slice(self.position, None)
        if end >= now - MICROSECONDS:
            return Slice(self.position, None)
        return Slice(self.position, end)

    def _end(self, ends: "EndDates") -> int:
        midnight = midnight_before(self.position) + DAY
        if ends.days_only:
            return midnight
        end = self.position + self.width
        if end <= self._empty_to:
            end = self._empty_to + max(self.width, self._empty_to - self.position)
        if self._refused_from is not None:
            if end >= self._refused_from:
                end = (self._empty_to + self._refused_from) // 2
            end = max(end, self.position + NARROWEST)
        end += -end % MICROSECONDS
        return min(end, midnight)

    def walked(self, done: Slice, pages_read: int, ends: "EndDates", *, proven: bool) -> bool:
        """Take note of a whole walk over `done`. True where it covers the slice.

        proven: the walk showed a session created after the midnight of its endDate.
        """
        self._failures = 0
        end = done.end
        if end is None:
            return True
        if proven:
            ends.honoured = True
        if not (ends.honoured or end % DAY == 0):
            self._empty_to = max(self._empty_to, end)
            ends.doubted = (self.position, self._empty_to)
            self._forget_refusal(end)
            return False
        # From what was walked, which a refusal or a midnight may have made narrower than wanted.
        factor = min(4.0, max(0.25, self.target / max(1, pages_read)))
        self.width = max(NARROWEST, min(self._widest, round((end - done.start) * factor)))
        self.position = end
        self._empty_to = end
        self._refused_from = None
        return True

    def refused(self, tried: Slice, now: int) -> None:
        """A cursor of the slice was refused, or it was too long: try half of it."""
        end = now if tried.end is None else tried.end
        self._refused_from = max(end, self.position + 2 * NARROWEST)
        self.width = max(NARROWEST, (end - self.position) // 2)

    def can_cut(self, tried: Slice, now: int, ends: "EndDates") -> bool:
        """Whether there is a slice that ends before this one and is not known to be empty."""
        if ends.days_only:
            return False
        least = max(self.position, self._empty_to) + NARROWEST
        return least + -least % MICROSECONDS < (now if tried.end is None else tried.end)

    def failed(self) -> bool:
        """The first page of a slice did not come. True where that may be due to its width."""
        self._failures += 1
        return self._failures % FAILURES == 0 and self.width > FAILED_NARROWEST

    def too_wide(self, tried: Slice, now: int) -> None:
        """The server cannot read so wide a window: no slice of this way is as wide any more."""
        self.refused(tried, now)
        self._widest = self.width

    def _forget_refusal(self, read_to: int) -> None:
        """What was refused has now been read whole."""
        if self._refused_from is not None and self._refused_from <= read_to:
            self._refused_from = None


@dataclass(slots=True)
class EndDates:
    """What the API was seen to make of endDate and startDate in this process.

    honoured: an answer held a session created after the midnight of its endDate.
    days_only: cutting a day is of no use: an answer held sessions outside its window, or sessions
        that a slice of the day should have shown and did not.
    doubted: the window, [start, end), of the last slice that showed nothing and proved nothing.
    """

    honoured: bool = False
    days_only: bool = False
    doubted: tuple[int, int] | None = None
