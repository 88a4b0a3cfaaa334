"""Coverage end to end: an API that hides sessions from its list, yet counts them, is found out.

The clocks of the API and of the daemon are one, which the test sets forward by hours.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from exporter.clock import SystemClock
from exporter.simulator.app import create_app
from exporter.simulator.clock import SimClock, micros
from exporter.simulator.faults import Faults
from exporter.simulator.server import serve
from exporter.simulator.service import ApiSettings
from exporter.simulator.sessions import is_hidden
from exporter.simulator.world import World, WorldSettings
from tests.e2e.running import Exporter, Scrape, in_process
from tests.e2e.simulation import LIVELY, Simulation

HOUR = 3600
OVERLAP = 60
COVERAGE = "isnotai_session_coverage_ratio"
FRONTIER = "isnotai_session_frontier_timestamp_seconds"


class Leaping(SystemClock):
    """A clock that starts at `start` and goes as ours does, but for the leaps that a test makes.

    What sleeps does not wake earlier.
    """

    def __init__(self, start: datetime) -> None:
        self._start = start.timestamp()
        self._began = monotonic()
        self._ahead = 0.0

    def monotonic(self) -> float:
        return monotonic() + self._ahead

    def now(self) -> float:
        return self._start + self.monotonic() - self._began

    def leap_to(self, time: float) -> None:
        """Set it forward to these Unix seconds."""
        self._ahead += time - self.now()


@asynccontextmanager
async def simulated_at(start: datetime, clock: Leaping, hidden: float) -> AsyncIterator[Simulation]:
    """An API that lists some of its sessions only, with half an hour of history at `start`."""
    lively = {**LIVELY, "rate": 0.5, "invalid_share": 0.0, "history": timedelta(minutes=30)}
    app = create_app(
        World(7, WorldSettings(**lively), start),
        SimClock(clock.monotonic, start),
        ApiSettings(tier="enterprise"),
        Faults(hide_sessions=hidden),
    )
    async with serve(app) as url:
        yield Simulation(url, app.service)


def listed_share(api: Simulation, hour: datetime, hidden: float) -> float:
    """The sessions created in that hour that the list shows, over all of them."""
    first = micros(hour)
    end = first + micros(hour + timedelta(hours=1)) - first
    rows = api.service.world.visible(api.service.now())
    created = [session for session in rows if first <= session.created < end]
    return sum(not is_hidden(session.salt, hidden) for session in created) / len(created)


async def read_up_to(exporter: Exporter, time: float) -> Scrape:
    """What is shown once all that was created before `time` was counted, and analytics after."""
    reached = await exporter.until(lambda scrape: (scrape.value(FRONTIER) or 0) >= time)
    polled = reached.value("isnotai_polls_total", resource="analytics") or 0
    return await exporter.until(
        lambda scrape: (
            (scrape.value("isnotai_polls_total", resource="analytics") or 0) >= polled + 2
        )
    )


@pytest.mark.parametrize("hidden", [0.25, 0.0])
async def test_the_coverage_of_the_last_whole_hour_is_the_share_that_the_list_shows(
    hidden: float,
) -> None:
    start = datetime(2026, 3, 4, 9, 50, tzinfo=UTC)
    hour = datetime(2026, 3, 4, 10, tzinfo=UTC)
    ten = hour.timestamp()
    clock = Leaping(start)
    async with simulated_at(start, clock, hidden) as api:
        variables = {
            **api.variables,
            "ISNOTAI_SESSIONS_LOOKBACK": "0s",
            "ISNOTAI_SESSIONS_OVERLAP": f"{OVERLAP}s",
        }
        async with in_process(variables, clock=clock) as exporter:
            # The hour before the start was not read from its beginning on.
            clock.leap_to(ten + HOUR / 2)
            assert (await read_up_to(exporter, ten + HOUR / 3)).value(COVERAGE) is None

            # The hour is over, but its last sessions may still show up.
            clock.leap_to(ten + HOUR + 1)
            scrape = await read_up_to(exporter, ten + HOUR - OVERLAP)
            assert (scrape.value(FRONTIER) or 0) < ten + HOUR
            assert scrape.value(COVERAGE) is None

            clock.leap_to(ten + HOUR + OVERLAP + 5)
            scrape = await read_up_to(exporter, ten + HOUR)
            share = listed_share(api, hour, hidden)
            assert scrape.value(COVERAGE) == pytest.approx(share, abs=1e-6)
            assert share == pytest.approx(1 - hidden, abs=0.03)

            # Another hour, another share.
            clock.leap_to(ten + 2 * HOUR + OVERLAP + 5)
            scrape = await read_up_to(exporter, ten + 2 * HOUR)
            following = listed_share(api, hour + timedelta(hours=1), hidden)
            assert scrape.value(COVERAGE) == pytest.approx(following, abs=1e-6)
            assert (following != share) == bool(hidden)
