"""The clock of this machine, as one thing that is passed in; tests pass another."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Three ways of time. `now` may jump; `monotonic` never does."""

    def now(self) -> float:
        """Unix seconds of our wall clock; for display and for talk with others."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; for measuring and waiting."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Give way for that long."""
        ...


class SystemClock:
    """The real one."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
