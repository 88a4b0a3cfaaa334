"""The simulated API for whole runs: on a real socket, in real time, with its truth at hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from exporter.simulator.app import create_app
from exporter.simulator.clock import SimClock
from exporter.simulator.faults import Faults
from exporter.simulator.lists import ListSettings
from exporter.simulator.server import serve
from exporter.simulator.service import DEFAULT_KEY, ApiSettings, Service
from exporter.simulator.truth import Truth
from exporter.simulator.world import World, WorldSettings

SECOND = timedelta(seconds=1)
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)

# Lives that end before `sessions.settle_after` of FAST, so that what settles them is final.
LIVELY: dict[str, Any] = {
    "rate": 8.0,
    "flat": True,
    "history": 20 * SECOND,
    "lifetime": (SECOND / 2, 2 * SECOND),
    "late_share": 0.1,
    "late_max": SECOND / 2,
    "null_share": 0.1,
    "invalid_share": 0.03,
}

FAST = {
    "ISNOTAI_WEB_LISTEN_ADDRESS": "127.0.0.1:0",
    "ISNOTAI_POLL_SESSIONS_INTERVAL": "1s",
    "ISNOTAI_POLL_STATS_INTERVAL": "1s",
    "ISNOTAI_POLL_ANALYTICS_INTERVAL": "1s",
    "ISNOTAI_POLL_USAGE_INTERVAL": "1s",
    "ISNOTAI_POLL_INTEGRATION_INTERVAL": "1s",
    "ISNOTAI_POLL_HEALTH_INTERVAL": "1s",
    "ISNOTAI_POLL_OPENAPI_INTERVAL": "0",
    "ISNOTAI_SESSIONS_LOOKBACK": "1h",
    "ISNOTAI_SESSIONS_OVERLAP": "1s",
    "ISNOTAI_SESSIONS_SETTLE_AFTER": "3s",
}


class Simulation:
    """A simulated API that runs beside the test."""

    def __init__(self, url: str, service: Service) -> None:
        self.url = url
        self.service = service

    @property
    def variables(self) -> dict[str, str]:
        """The environment of an exporter that polls this API every second."""
        return {**FAST, "ISNOTAI_BASE_URL": self.url, "ISNOTAI_API_KEY": DEFAULT_KEY}

    def fail(self, **faults: Any) -> None:
        self.service.faults = Faults(**faults)

    def settings(self, **changes: Any) -> None:
        self.service.settings = replace(self.service.settings, **changes)

    def pause(self) -> None:
        """Create no more sessions; those that exist run to their close."""
        self.service.world.pause(self.service.now())

    def freeze(self) -> None:
        """Change nothing any more, also not what is active."""
        self.service.now()
        self.service.world.freeze()

    def truth(self) -> Truth:
        """What must have been counted, of all sessions that ever were and that the list shows."""
        self.service.now()
        faults = self.service.faults
        return self.service.world.truth(
            BEGINNING, hidden_share=faults.hide_sessions, hidden_details=faults.hide_details
        )

    def asked(self, path: str | None = None) -> int:
        """How many requests came, to all paths or to one."""
        counts = self.service.requests.counts
        return counts.total() if path is None else counts[path]

    def answered(self, status: int) -> int:
        """How many requests were answered with that status."""
        answers = self.service.requests.answers
        return sum(count for (_, code), count in answers.items() if code == status)


@asynccontextmanager
async def simulated(
    *,
    seed: int = 11,
    tier: str = "enterprise",
    lists: dict[str, Any] | None = None,
    skew: float = 0.0,
    start: datetime | None = None,
    **world: Any,
) -> AsyncIterator[Simulation]:
    """A simulated API, LIVELY unless told otherwise, for as long as the block lasts.

    skew: seconds by which its clock is off from `start` (by default ours), from its beginning on.
    """
    start = start or datetime.now(UTC)
    app = create_app(
        World(seed, WorldSettings(**{**LIVELY, **world}), start + skew * SECOND),
        SimClock(monotonic, start),
        ApiSettings(tier=tier, lists=ListSettings(**(lists or {}))),
        Faults(clock_skew=skew),
    )
    async with serve(app) as url:
        yield Simulation(url, app.service)
