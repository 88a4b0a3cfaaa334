"""When polls are due: spread evenly over the interval where there are many integrations.

Each poller has a place of its own in its interval, which follows from the names of its integration
and its resource alone. So a restart shifts nothing, and two processes agree without a word.
"""

from dataclasses import dataclass
from hashlib import blake2b

SPREAD_SECONDS = 0.06
"""Integrations that start together begin so many seconds apart on average."""

LONGEST_SPREAD_SECONDS = 60.0


def place(integration: str, resource: str) -> float:
    """A number in [0, 1) that depends on these names alone, spread evenly over all names."""
    digest = blake2b(f"{integration}\0{resource}".encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48


@dataclass(frozen=True, slots=True)
class Schedule:
    """The ticks of one poller.

    interval: seconds from tick to tick.
    place: where in each interval, counted from 1970 on our clock, its tick lies: a part of it.
        None: the first tick is at the start.
    within: seconds from the start within which the first poll begins, tick or not.
    """

    interval: float
    place: float | None = None
    within: float = 0.0

    def begin(self, now: float) -> tuple[float, float]:
        """Seconds from `now` (Unix) to the first poll, and to the tick that is counted first.

        Where the tick would be too late for a first poll, one more comes before it.
        """
        if self.place is None:
            return 0.0, 0.0
        tick = (self.place * self.interval - now) % self.interval
        return (tick if tick <= self.within else self.place * self.within), tick


def spread(integrations: int) -> float:
    """Seconds within which the first polls of so many integrations begin."""
    return min(LONGEST_SPREAD_SECONDS, SPREAD_SECONDS * integrations)
