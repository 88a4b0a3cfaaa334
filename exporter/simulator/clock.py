"""The server's clock, driven by somebody else's monotonic clock, at any speed.

It never reads the wall clock: the start is given, and only elapsed time moves it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(instant: datetime) -> int:
    """Microseconds since the Unix epoch, exactly. Raises ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs a time zone: {instant!r}")
    return (instant - EPOCH) // _MICROSECOND


def instant(microseconds: int) -> datetime:
    """The UTC datetime of a number of microseconds since the Unix epoch."""
    return EPOCH + timedelta(microseconds=microseconds)


class SimClock:
    """World time: `start` plus the real time since construction, times `speed`."""

    def __init__(
        self, real_monotonic: Callable[[], float], start: datetime, speed: float = 1.0
    ) -> None:
        """Take the real monotonic clock (seconds) and a speed above 0; raises ValueError."""
        self.real_monotonic = real_monotonic
        self._anchor = start
        self._anchored_at = real_monotonic()
        self._speed = 1.0
        self.set_speed(speed)

    @property
    def speed(self) -> float:
        """World seconds per real second."""
        return self._speed

    def now(self) -> datetime:
        """The world's time now."""
        elapsed = (self.real_monotonic() - self._anchored_at) * self._speed
        return self._anchor + timedelta(seconds=elapsed)

    def set_speed(self, speed: float) -> None:
        """Run at another speed from now on; the time itself does not jump."""
        if not speed > 0:
            raise ValueError(f"speed must be above 0: {speed!r}")
        self._anchor, self._anchored_at = self.now(), self.real_monotonic()
        self._speed = speed
