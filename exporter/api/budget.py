"""The request budget of one key: how many requests may leave in any 60 seconds, and who is first.

A sliding window, not a token bucket: a bucket that may burst its full size can spend double within
60 seconds. A request takes up room from when it leaves until a window after it ended. So the
promise holds at the API, which does the counting, however slow the network is.

When there is little room, the session walk goes first. A request of another resource that has
waited a minute takes turns with it. So neither a long catch-up nor a small budget starves anybody.

Some stand behind all others: what is only good to have. They leave while no session is walked and
half of the budget is free, so that a poll of sessions finds room at once. Where that never comes,
since sessions are walked without a break or in large bursts, they get a third of what is left on
average, and one request in fifty where nothing is.
"""

from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from exporter.api import tiers
from exporter.api.errors import ThrottledError
from exporter.api.leftover import Leftover, longest
from exporter.api.pauses import KEY, Pauses
from exporter.clock import Clock

FIRST = "sessions"
"""The resource that goes first."""

WINDOW_SECONDS = 60.0
AGE_SECONDS = 5
"""How exactly the ages of requests are told to another exporter."""

MARGIN_SECONDS = 1.0
"""The window is watched this much longer, for what is on its way after we gave it up."""

PATIENCE_SECONDS = 60.0
"""How long others give way to sessions."""

LONGEST_WAIT_SECONDS = 120.0
"""A request that finds no room for this long gives up; its poll fails as throttled."""

LONGEST_WAIT_BEHIND_SECONDS = 900.0
"""The same for those who stand behind the others; longer where the budget is small."""

QUIET_SECONDS = 0.5
"""Sessions are walked until no request of theirs has come for so long."""

_ROUNDING = 1e-9
"""So that a tenth of sixty is six."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What one exporter tells another of a key's budget, before that one asks with the key.

    ages: how many requests take up room, by their age: seconds since they ended, 0, 5, 10 … Those
    under way have the age 0.
    tier: by which they were allowed; None: it is not known.
    """

    ages: Mapping[int, int] = field(default_factory=dict)
    tier: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    resource: str
    since: float
    scopes: tuple[str, ...]


class Budget:
    """At most `share / replicas` of the tier's requests/minute, in any 60 seconds.

    An allowance below one request a minute becomes one request in proportionally more seconds.
    A pause that the API asked for (`pauses`) stops the requests of its scope.

    behind: the resources that stand behind all others.
    """

    def __init__(
        self, share: float, replicas: int, clock: Clock, behind: frozenset[str] = frozenset()
    ) -> None:
        self._part = share / replicas
        self._behind = behind
        self._clock = clock
        self._under_way = 0
        self._walking = 0
        self._walked = -QUIET_SECONDS
        self._ended: deque[float] = deque()
        self.pauses = Pauses(clock)
        self._waiting: list[_Waiting] = []
        self._overtaken = False
        self._turns: dict[str, int] = {}
        self._leftover = Leftover(clock.monotonic())
        self.tier: str | None = None

    @property
    def tier_limit(self) -> int:
        """Requests a minute of the tier."""
        return tiers.limits(self.tier).requests

    @property
    def per_minute(self) -> float:
        """Requests a minute that this exporter allows itself; may be below one."""
        allowed = self.tier_limit * self._part
        whole = int(allowed + _ROUNDING)
        return float(whole) if whole else allowed

    def longest_wait(self, resource: str) -> float:
        """Seconds after which a request of that resource that found no room gives up."""
        size, window = self._size()
        usual = LONGEST_WAIT_SECONDS if size > 1 else 3 * window
        if resource not in self._behind:
            return usual
        # So many resources take turns.
        turns = len(self._behind) * longest(size / window)
        return max(usual, LONGEST_WAIT_BEHIND_SECONDS, turns)

    def resize(self, share: float, replicas: int) -> None:
        """Allow another part of the tier's limit; what was spent and learnt stays."""
        self._part = share / replicas

    def room(self) -> int:
        """How many requests of the one that goes first could leave now without waiting."""
        if self.pauses.left((FIRST, KEY)) > 0:
            return 0
        self._forget()
        return max(0, self._size()[0] - self._under_way - len(self._ended))

    def spent(self) -> int:
        """How many requests take up room now: those under way, and those of the last minute."""
        self._forget()
        return self._under_way + len(self._ended)

    def spending(self) -> Spending:
        """What another has to know before it asks with the key."""
        self._forget()
        now = self._clock.monotonic()
        found = Counter(int((now - ended) // AGE_SECONDS) * AGE_SECONDS for ended in self._ended)
        if self._under_way:
            found[0] += self._under_way
        return Spending(dict(found), self.tier)

    def assume(self, theirs: Spending) -> None:
        """Reckon with requests that another sent with the key, and with the tier it did so by.

        By the lowest tier they would leave no room for the answer that names the tier.
        """
        now = self._clock.monotonic()
        ended = [now - age for age, number in theirs.ages.items() for _ in range(number)]
        self._ended = deque(sorted([*self._ended, *ended]))
        self.tier = theirs.tier or self.tier

    def wait(self) -> float:
        """Seconds until a request of the one that goes first may leave; 0 for now."""
        pause = self._pause(self._clock.monotonic())
        return max(0.0, pause, self.pauses.left((FIRST, KEY)))

    @asynccontextmanager
    async def request(self, resource: str, shared: str = KEY) -> AsyncIterator[None]:
        """Wait for room for one request of that resource, which leaves and ends inside.

        shared: the scope of pauses that it shares with others.
        Raises ThrottledError when a hold outlasts, or no room comes within, the longest wait.
        """
        scopes = (resource, shared)
        await self._wait(_Waiting(resource, self._clock.monotonic(), scopes))
        self.pauses.leaves(scopes)
        self._under_way += 1
        self._walking += resource == FIRST
        try:
            yield
        finally:
            self._under_way -= 1
            if resource == FIRST:
                self._walking -= 1
                self._walked = self._clock.monotonic()
            self._ended.append(self._clock.monotonic())

    async def _wait(self, mine: _Waiting) -> None:
        deadline = mine.since + self.longest_wait(mine.resource)
        behind = mine.resource in self._behind
        self._pass_time(mine.since)
        self._waiting.append(mine)
        try:
            while True:
                now = self._clock.monotonic()
                room = self._pause_behind(now) if behind else self._pause(now)
                pause = max(room, self.pauses.left(mine.scopes))
                if pause <= 0 and self._next(now) is mine:
                    break
                if now + pause > deadline:
                    raise ThrottledError(f"no request may leave for {max(pause, 1):.0f} s")
                # A turn may come at any moment, but for those who wait behind the others.
                await self._clock.sleep(min(max(pause, 0.1 if behind else 0.01), 1.0))
        finally:
            self._pass_time(self._clock.monotonic())
            self._waiting.remove(mine)
        self._leftover.pay(self._size()[0], behind=behind)
        self._overtaken = mine.resource != FIRST and any(
            it.resource == FIRST for it in self._waiting
        )
        self._turns[mine.resource] = max(self._turns.values(), default=0) + 1

    def _next(self, now: float) -> _Waiting:
        """Whose turn it is, of those who wait."""
        free = [it for it in self._waiting if self.pauses.left(it.scopes) <= 0]
        sessions = [it for it in free if it.resource == FIRST]
        others = [it for it in free if it.resource not in (FIRST, *self._behind)]
        long_waiting = [it for it in others if now - it.since >= PATIENCE_SECONDS]
        last = [it for it in free if it.resource in self._behind]
        if not long_waiting and self._leftover.overdue(self._per_second()) <= 0:
            long_waiting = last
        if sessions and (self._overtaken or not long_waiting):
            return sessions[0]
        others = others or last
        # Of those who have waited long, the one whose resource has gone without for longest.
        return min(long_waiting or others, key=lambda it: self._turns.get(it.resource, 0))

    def _size(self) -> tuple[int, float]:
        """So many requests, in so many seconds."""
        allowed = self.per_minute
        if allowed >= 1:
            return int(allowed), WINDOW_SECONDS + MARGIN_SECONDS
        return 1, WINDOW_SECONDS / allowed + MARGIN_SECONDS

    def _per_second(self) -> float:
        size, window = self._size()
        return size / window

    def _forget(self) -> None:
        since = self._clock.monotonic() - self._size()[1]
        while self._ended and self._ended[0] <= since:
            self._ended.popleft()

    def _pause(self, now: float) -> float:
        """The least seconds until there is room for a request; 0 or less for now."""
        return self._until_fewer(self._size()[0], now)

    def _pause_behind(self, now: float) -> float:
        """The same for one that stands behind the others."""
        self._pass_time(now)
        size = self._size()[0]
        quiet = QUIET_SECONDS if self._walking else self._walked + QUIET_SECONDS - now
        aside = max(quiet, self._until_fewer((size + 1) // 2, now))
        left = max(self._leftover.wait(self._per_second()), self._until_fewer(size, now))
        return min(aside, left)

    def _until_fewer(self, size: int, now: float) -> float:
        """The least seconds until fewer than `size` requests take up room; 0 or less for now."""
        self._forget()
        over = self._under_way + len(self._ended) - size
        if over < 0:
            return 0.0
        # Where all the room is under way, the earliest end is yet to come.
        end = self._ended[over] if over < len(self._ended) else now
        return end + self._size()[1] - now

    def _pass_time(self, now: float) -> None:
        """Note what was left since the last call; to be called before `_waiting` changes."""
        wanted = any(it.resource == FIRST for it in self._waiting)
        self._leftover.pass_time(now, self._per_second(), wanted=wanted)
