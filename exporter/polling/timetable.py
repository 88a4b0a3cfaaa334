"""When each poll is due: one timer for all pollers of a process.

A poller that waits is an entry here and nothing else, no task that sleeps: thousands of those take
memory, and hold up everything for a tenth of a second whenever the garbage collector looks through
them. One poll begins in each turn of the event loop, so that none begins while there is more to do.
A process that gets too little of the processor would else begin all that is due, and so much would
be under way that answers time out before they are looked at, and are asked for again: it never
catches up.
"""

import asyncio
import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from exporter.clock import Clock
from exporter.polling.frame import Poller


@dataclass(order=True, slots=True)
class _Turn:
    """When a poller is due.

    Of those due at the same time, the one due most often comes first, as it can wait least; then
    the one that has waited longest.
    """

    due: float
    interval: float
    number: int
    poller: Poller | None = field(compare=False)
    """None once it was ended: what is no longer polled is not kept until it would be due."""


class Timetable:
    """The pollers that were begun: when each is due, or its poll, while that is under way."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[Poller, _Turn] = {}
        self._polls: dict[Poller, asyncio.Task[None]] = {}
        self._numbers = count()
        self._turns: list[_Turn] = []
        """A heap of those that wait, and of some that were ended."""
        self._timer: asyncio.Task[None] | None = None
        self._sleep: asyncio.Future[None] | None = None

    def __contains__(self, poller: Poller) -> bool:
        return poller in self._waiting or poller in self._polls

    def begin(self, poller: Poller, group: asyncio.TaskGroup) -> None:
        """Poll on the poller's interval, in that group, until `end`."""
        self._enter(poller, poller.begin())
        if self._timer is None or self._timer.done():
            self._timer = group.create_task(self._run(group), name="timetable")

    def end(self, pollers: Iterable[Poller]) -> set[asyncio.Task[None]]:
        """Poll them no more; those of their polls that are under way, and were asked to end."""
        ending = set()
        for poller in pollers:
            if (turn := self._waiting.pop(poller, None)) is not None:
                turn.poller = None
            if (poll := self._polls.pop(poller, None)) is not None:
                poll.cancel()
                ending.add(poll)
        self._wake()
        return ending

    def _enter(self, poller: Poller, due: float) -> None:
        turn = _Turn(due, poller.interval, next(self._numbers), poller)
        self._waiting[poller] = turn
        heapq.heappush(self._turns, turn)
        if self._turns[0] is turn:
            self._wake()

    def _wake(self) -> None:
        """Have the timer look again."""
        if self._sleep is not None:
            self._sleep.cancel()

    async def _run(self, group: asyncio.TaskGroup) -> None:
        """Begin each poll when it is due, until the last poller has ended."""
        while self._waiting or self._polls:
            turn = self._next()
            if turn is None or turn.due > self._clock.monotonic():
                await self._rest(turn)
            else:
                self._begin_next(group)
                await asyncio.sleep(0)

    def _begin_next(self, group: asyncio.TaskGroup) -> None:
        poller = heapq.heappop(self._turns).poller
        if poller is not None:
            del self._waiting[poller]
            self._polls[poller] = group.create_task(self._poll(poller), name=poller.name)

    def _next(self) -> _Turn | None:
        """Whose turn it is next; None while nobody waits."""
        while self._turns and self._turns[0].poller is None:
            heapq.heappop(self._turns)
        return self._turns[0] if self._turns else None

    async def _rest(self, turn: _Turn | None) -> None:
        """Wait until that turn, or `_wake`; for `_wake` alone where it is nobody's."""
        if turn is None:
            self._sleep = asyncio.get_running_loop().create_future()
        else:
            seconds = turn.due - self._clock.monotonic()
            self._sleep = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait([self._sleep])
        finally:
            self._sleep.cancel()
            self._sleep = None

    async def _poll(self, poller: Poller) -> None:
        await poller.poll()
        # Another poll may be under way where it was ended and begun anew meanwhile.
        if self._polls.get(poller) is asyncio.current_task():
            del self._polls[poller]
            self._enter(poller, poller.polled())
