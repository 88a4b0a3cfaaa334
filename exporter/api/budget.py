"""The request budget of one key: how many requests may leave in any 60 seconds, and who is first.

A window that slides, not a bucket that refills: a bucket which may burst its full size can spend
double within 60 seconds. The session walk goes first when it is tight, but a request of another
resource that has waited a minute goes before it, so that a long catch-up starves nobody.
"""

import heapq
from collections import deque
from itertools import count

from exporter.api import tiers
from exporter.api.errors import ThrottledError
from exporter.clock import Clock

WINDOW_SECONDS = 60.0
MARGIN_SECONDS = 1.0
"""The window is watched this much longer, so that jitter on the way does not squeeze it."""

PATIENCE_SECONDS = 60.0
"""How long others give way to sessions."""

LONGEST_WAIT_SECONDS = 120.0
"""A request that finds no room for this long gives up; its poll fails as throttled."""


class Budget:
    """At most `share / replicas` of the tier's requests/minute, in any 60 seconds.

    An allowance below one request a minute becomes one request in proportionally more seconds.
    A hold (the API asked for a pause) stops every request of the key.
    """

    def __init__(self, share: float, replicas: int, clock: Clock) -> None:
        self._part = share / replicas
        self._clock = clock
        self._sent: deque[float] = deque()
        self._held_until = clock.monotonic()
        self._waiting: list[tuple[int, int]] = []
        self._places = count()
        self.tier: str | None = None

    @property
    def tier_limit(self) -> int:
        """Requests a minute of the tier."""
        return tiers.limits(self.tier).requests

    @property
    def per_minute(self) -> float:
        """Requests a minute that this exporter allows itself; may be below one."""
        allowed = self.tier_limit * self._part
        return float(int(allowed)) if allowed >= 1 else allowed

    @property
    def held_for(self) -> float:
        """Seconds until the pause that the API asked for is over; 0 without one."""
        return max(0.0, self._held_until - self._clock.monotonic())

    def hold(self, seconds: float) -> None:
        """Send nothing for that long; a longer pause already running stays."""
        self._held_until = max(self._held_until, self._clock.monotonic() + seconds)

    def follow(self, before: "Budget") -> None:
        """Take over what another budget of the same key has spent and learnt, after a reload."""
        self._sent = before._sent.copy()
        self._held_until = before._held_until
        self.tier = before.tier

    def room(self) -> int:
        """How many requests could leave now without waiting."""
        if self.held_for:
            return 0
        self._forget()
        return max(0, self._size()[0] - len(self._sent))

    async def acquire(self, *, first: bool) -> None:
        """Wait for room for one request and take it; `first` goes before the others.

        Raises ThrottledError when a hold outlasts, or no room comes within, the longest wait.
        """
        started = self._clock.monotonic()
        deadline = started + max(LONGEST_WAIT_SECONDS, 2 * self._size()[1])
        place = next(self._places)
        ticket = (0 if first else 1, place)
        patient_until = started + PATIENCE_SECONDS
        heapq.heappush(self._waiting, ticket)
        try:
            while True:
                now = self._clock.monotonic()
                if not first and ticket[0] == 1 and now >= patient_until:
                    self._leave(ticket)
                    ticket = (-1, place)
                    heapq.heappush(self._waiting, ticket)
                pause = self._pause(now)
                if pause <= 0 and self._waiting[0] == ticket:
                    self._sent.append(now)
                    return
                if now + max(pause, self.held_for) > deadline:
                    raise ThrottledError(f"no request may leave for {max(pause, 1):.0f} s")
                await self._clock.sleep(min(max(pause, 0.01), 1.0))
        finally:
            self._leave(ticket)

    def _leave(self, ticket: tuple[int, int]) -> None:
        self._waiting.remove(ticket)
        heapq.heapify(self._waiting)

    def _size(self) -> tuple[int, float]:
        allowed = self.tier_limit * self._part
        if allowed >= 1:
            return int(allowed), WINDOW_SECONDS + MARGIN_SECONDS
        return 1, WINDOW_SECONDS / allowed + MARGIN_SECONDS

    def _forget(self) -> None:
        since = self._clock.monotonic() - self._size()[1]
        while self._sent and self._sent[0] <= since:
            self._sent.popleft()

    def _pause(self, now: float) -> float:
        """Seconds until a request may leave; 0 or less for now."""
        self._forget()
        size, window = self._size()
        full = len(self._sent) >= size
        for_room = self._sent[len(self._sent) - size] + window - now if full else 0.0
        return max(for_room, self._held_until - now)
