"""How far a catch-up has come shows in the log and in the frontier, poll by poll, failed ones too.

The clocks of the API and of the daemon are one, which runs many times faster than ours.
"""

from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from structlog.testing import capture_logs

from exporter.clock import SystemClock
from exporter.simulator.app import create_app
from exporter.simulator.clock import SimClock
from exporter.simulator.faults import Faults
from exporter.simulator.server import serve
from exporter.simulator.service import ApiSettings
from exporter.simulator.world import World, WorldSettings
from tests.e2e.running import Exporter, Scrape, in_process
from tests.e2e.simulation import LIVELY, Simulation

SPEED = 40.0
START = datetime(2026, 3, 4, 15, tzinfo=UTC)
LOOKBACK = 5 * 3600.0
SLACK = 600.0
"""What start and end of a daemon may take on a slow machine; a poll here reads some 3,000 s."""

Condition = Callable[[Scrape], bool]
FRONTIER = "isnotai_session_frontier_timestamp_seconds"

CATCHING_UP = {
    "ISNOTAI_SESSIONS_LOOKBACK": "5h",
    "ISNOTAI_SESSIONS_OVERLAP": "1m",
    "ISNOTAI_SESSIONS_SETTLE_AFTER": "15m",
    "ISNOTAI_BUDGET_SHARE": "0.5",
    "ISNOTAI_POLL_SESSIONS_INTERVAL": "1m",
    "ISNOTAI_POLL_STATS_INTERVAL": "0",
    "ISNOTAI_POLL_ANALYTICS_INTERVAL": "0",
    "ISNOTAI_POLL_USAGE_INTERVAL": "0",
    "ISNOTAI_POLL_INTEGRATION_INTERVAL": "0",
    "ISNOTAI_POLL_HEALTH_INTERVAL": "0",
}


class Fast(SystemClock):
    """A clock that starts at START and runs SPEED times as fast as ours."""

    def __init__(self) -> None:
        self._began = monotonic()

    def monotonic(self) -> float:
        return (monotonic() - self._began) * SPEED

    def now(self) -> float:
        return START.timestamp() + self.monotonic()

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / SPEED)


@asynccontextmanager
async def backlog(clock: Fast) -> AsyncIterator[Simulation]:
    """An API of the smallest tier, with some minutes' worth of requests in its list."""
    lively = {**LIVELY, "rate": 0.5, "history": timedelta(seconds=LOOKBACK)}
    app = create_app(
        World(3, WorldSettings(**lively), START),
        SimClock(clock.monotonic, START),
        ApiSettings(tier="free", rate_limits=False),
        Faults(),
    )
    async with serve(app) as url:
        yield Simulation(url, app.service)


@dataclass
class Progress:
    """What the log said of the catch-up, and where the frontier was seen meanwhile.

    seen: for each scrape, how many lines there were by then, and seconds from the origin to the
    frontier.
    """

    log: list[MutableMapping[str, Any]]
    origin: float = START.timestamp() - LOOKBACK
    seen: list[tuple[int, float]] = field(default_factory=list)

    @property
    def lines(self) -> list[MutableMapping[str, Any]]:
        return [line for line in self.log if line["event"] == "catching_up"]

    @property
    def done(self) -> list[float]:
        return [line["done_seconds"] for line in self.lines]

    @property
    def failed(self) -> list[float]:
        """How much was done when polls failed."""
        return [
            line["done_seconds"]
            for line, following in zip(self.log, self.log[1:], strict=False)
            if (line["event"], following["event"]) == ("catching_up", "poll_failed")
        ]

    def look(self, scrape: Scrape) -> None:
        frontier = scrape.value(FRONTIER)
        if frontier is not None:
            self.seen.append((len(self.lines), frontier - self.origin))

    async def until_done(self, exporter: Exporter) -> None:
        """Look until the backlog has been read."""

        def done(scrape: Scrape) -> bool:
            self.look(scrape)
            return (scrape.value(FRONTIER) or 0.0) >= START.timestamp()

        await exporter.until(done)


async def test_a_backlog_shows_how_far_it_has_come_with_each_poll() -> None:
    clock = Fast()
    with capture_logs() as log:
        async with (
            backlog(clock) as api,
            in_process({**api.variables, **CATCHING_UP}, clock=clock) as exporter,
        ):
            progress = Progress(log)
            await progress.until_done(exporter)

    done = progress.done
    assert len(done) >= 3
    assert done == sorted(set(done))
    totals = {line["total_seconds"] for line in progress.lines}
    assert len(totals) == 1
    assert LOOKBACK <= totals.pop() <= LOOKBACK + SLACK
    frontiers = [frontier for _, frontier in progress.seen]
    assert frontiers == sorted(frontiers)
    checked = 0
    for number, line in enumerate(done, start=1):
        # The frontier is where the log says, until the next poll moves both.
        assert all(frontier <= line + SLACK for lines, frontier in progress.seen if lines < number)
        reached = [frontier for lines, frontier in progress.seen if lines == number]
        if reached:
            assert line - SLACK <= reached[-1]
            checked += 1
    assert checked >= 2


async def test_a_backlog_shows_how_far_it_has_come_also_while_polls_fail_on_the_way() -> None:
    clock = Fast()
    with capture_logs() as log:
        async with (
            backlog(clock) as api,
            in_process({**api.variables, **CATCHING_UP}, clock=clock) as exporter,
        ):
            progress = Progress(log)
            for share in (0.1, 0.4):
                await exporter.until(frontier_past(progress.origin + share * LOOKBACK))
                api.fail(down="503", retry_after="none")
                enough = len(progress.failed) + 2
                await exporter.until(has_failed(progress, enough))
                api.fail()
            await progress.until_done(exporter)

    done, failed = progress.done, progress.failed
    assert done == sorted(done)
    assert len(failed) >= 4
    # What a failed poll read is not begun anew: the next goes on from there.
    assert 0.1 * LOOKBACK - SLACK <= failed[0] < failed[-1]
    assert failed[-1] >= 0.4 * LOOKBACK - SLACK


def frontier_past(time: float) -> Condition:
    return lambda scrape: (scrape.value(FRONTIER) or 0.0) > time


def has_failed(progress: Progress, times: int) -> Condition:
    return lambda scrape: len(progress.failed) >= times
