"""A clock that moves only when a test moves it, or when code sleeps on it."""

import asyncio


class FakeClock:
    """Wall and monotonic time in one; sleeping moves both on at once."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.wall = now
        self.mono = 1000.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.mono

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.mono += seconds
