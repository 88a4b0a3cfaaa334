"""How far a reading has come, beside the output: a bar on a terminal, now and then a line off one.

It shows what takes the time, which is mostly the wait for the request budget. Rich is imported only
where there is a terminal to draw on.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from exporter.api.budget import Budget
from exporter.api.walk import Page
from exporter.terminal import note

LINE_SECONDS = 10.0
TICK_SECONDS = 0.5
LEAST_WAIT_SECONDS = 1.0


@dataclass(slots=True)
class Meter:
    """What has been done: `done` from 0 to 1, and how many sessions and pages were read.

    draw: shows the meter as it is. aside: a block in which the output may be written to.
    """

    name: str
    draw: Callable[["Meter"], None] = lambda meter: None
    aside: Callable[[], AbstractContextManager[Any]] = nullcontext
    began: float = field(default_factory=monotonic)
    done: float = 0.0
    sessions: int = 0
    pages: int = 0
    waiting: float = 0.0

    def page(self, page: Page) -> None:
        """A page of sessions was read."""
        self.pages += 1
        self.sessions += len(page.items)

    def read(self, done: float) -> None:
        """So much of the whole is done."""
        self.done = max(self.done, min(1.0, done))
        self.draw(self)

    @property
    def text(self) -> str:
        """`1,200 sessions, 24 pages, 40/s`, and the wait where there is one."""
        rate = self.sessions / max(1.0, monotonic() - self.began)
        text = f"{self.sessions:,} sessions, {self.pages:,} pages, {rate:.0f}/s"
        if self.waiting >= LEAST_WAIT_SECONDS:
            text += f"; waits {self.waiting:.0f}s for the request budget"
        return text


@asynccontextmanager
async def metered(name: str, budget: Budget) -> AsyncIterator[Meter]:
    """A meter that is drawn while the block runs."""
    bar, draw, aside = _bar(name) if sys.stderr.isatty() else (nullcontext(), _lines(), nullcontext)
    meter = Meter(name, draw, aside)

    async def tick() -> None:
        while True:
            meter.waiting = budget.wait()
            draw(meter)
            await asyncio.sleep(TICK_SECONDS)

    with bar:
        ticking = asyncio.create_task(tick())
        try:
            yield meter
            meter.waiting = 0.0
            draw(meter)
        finally:
            ticking.cancel()


def _lines() -> Callable[[Meter], None]:
    """Draws a line now and then."""
    said = monotonic()

    def draw(meter: Meter) -> None:
        nonlocal said
        if monotonic() - said >= LINE_SECONDS:
            said = monotonic()
            note(f"{meter.name}: {meter.done:.0%}, {meter.text}")

    return draw


_Bar = tuple[
    AbstractContextManager[Any],
    Callable[[Meter], None],
    Callable[[], AbstractContextManager[Any]],
]


def _bar(name: str) -> _Bar:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        Remaining(),
        TextColumn("{task.fields[text]}", markup=False),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
    )
    task = bar.add_task(name, total=1.0, text="")

    def draw(meter: Meter) -> None:
        bar.update(task, completed=meter.done, text=meter.text, refresh=True)

    @contextmanager
    def aside() -> Iterator[None]:
        bar.stop()
        try:
            yield
        finally:
            bar.start()

    return bar, draw, aside
