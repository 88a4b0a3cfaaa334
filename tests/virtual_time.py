"""An event loop whose time jumps to the next timer, so that hours of waiting take no time.

For code that waits on timers and on other tasks; a thread or a socket would come too late.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from exporter.clock import SystemClock

T = TypeVar("T")


class _Jumping(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.time = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("every task waits for something that never comes")
        ready = super().select(0)
        if not ready and timeout > 0:
            self.time += timeout
        return ready


class VirtualClock(SystemClock):
    """The running loop's time as our clock. It sleeps in that time, which jumps: see `run`."""

    def __init__(self, started: float = 1_790_000_000.0) -> None:
        self._started = started

    def now(self) -> float:
        return self._started + self.monotonic()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, run in virtual time. Leftover tasks are cancelled."""

    def make_loop() -> asyncio.AbstractEventLoop:
        selector = _Jumping()
        loop = asyncio.SelectorEventLoop(selector)
        loop.time = lambda: selector.time  # type: ignore[method-assign]  # the one way to set its time
        return loop

    with asyncio.Runner(loop_factory=make_loop) as runner:
        return runner.run(work)
