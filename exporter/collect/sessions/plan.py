"""How the time from a start to now is cut into slices, each of about so many pages.

Pure: no I/O, no clock; all times are microseconds since 1970 by the API's clock.
"""

from exporter.api.times import DAY, MICROSECONDS
from exporter.collect.sessions.dates import LATER
from exporter.collect.sessions.widths import FAILED_NARROWEST, FIRST_WIDTH, NARROWEST, Widest
from exporter.ledger.rules import Slice

FAILURES = 3
"""After so many times in a row without a first page, half of the slice is tried."""


class SlicePlanner:
    """Cuts the time from a start to now into slices of about `target` pages.

    With coarse date filters an answer shows days more than was asked for. Slices are then at least
    a day wide, and one whose endDate would lie in the future has no end.
    """

    def __init__(self, start: int, target: int, width: int = FIRST_WIDTH) -> None:
        self.position = start
        self.target = target
        self.width = max(width, NARROWEST)
        self._refused_from: int | None = None
        self._failures = 0
        self._widest = Widest()

    def next(self, now: int, *, coarse: bool, whole: bool = False) -> Slice:
        """The slice to walk now; the last one has no end.

        now: the API's time. whole: read all that is left in one slice, as it is known to be small.
        """
        end, least = self.position + self.width, self._earliest_end(coarse)
        if self._refused_from is None:
            return self._until(None if whole else max(end, least), now, coarse)
        half = max(least, min(end, (self.position + self._refused_from) // 2))
        piece = self._until(half, now, coarse)
        # Half of what was refused may be too near to now for an end where the least is not.
        return piece if piece.end is not None else self._until(least, now, coarse)

    def _until(self, end: int | None, now: int, coarse: bool) -> Slice:
        """The slice to the next whole second from `end` on; without end where that is near now."""
        if end is not None:
            end += -end % MICROSECONDS
            if end + (LATER if coarse else 0) >= now - MICROSECONDS:
                end = None
        return Slice(self.position, end)

    def _earliest_end(self, coarse: bool) -> int:
        """The earliest end of a slice."""
        return self.position + (DAY if coarse else NARROWEST)

    def walked(self, done: Slice, pages_read: int) -> None:
        """Take note of a whole walk over `done`."""
        self._failures = 0
        if done.end is None:
            return
        # By the width that was walked: after a refusal it is narrower than `self.width` was.
        factor = min(4.0, max(0.25, self.target / max(1, pages_read)))
        self.width = self._widest.following((done.end - done.start) * factor)
        self.position = done.end
        self._refused_from = None

    def refused(self, tried: Slice, now: int) -> None:
        """A cursor of the slice was refused, or it was too long: try half of it."""
        end = now if tried.end is None else tried.end
        self._refused_from = max(end, self.position + 2 * NARROWEST)
        self.width = max(NARROWEST, (end - self.position) // 2)

    def can_cut(self, tried: Slice, now: int, *, coarse: bool) -> bool:
        """Whether there is a slice that ends before this one."""
        least = self._earliest_end(coarse)
        if tried.end is None:
            return least + (LATER if coarse else 0) < now - 2 * MICROSECONDS
        return least + -least % MICROSECONDS < tried.end

    def failed(self) -> bool:
        """Count a slice whose first page failed. True if its width may be the reason."""
        self._failures += 1
        return self._failures % FAILURES == 0 and self.width > FAILED_NARROWEST

    def too_wide(self, tried: Slice, now: int) -> None:
        """The server cannot read so wide a window: the slices that follow grow slowly."""
        self.refused(tried, now)
        self._widest.too_wide(self.width)
