"""Small worlds and readers for the tests of the simulator."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from exporter.simulator.app import create_app
from exporter.simulator.clock import SimClock
from exporter.simulator.edge import Edge
from exporter.simulator.server import serve
from exporter.simulator.service import DEFAULT_KEY, ApiSettings
from exporter.simulator.world import World, WorldSettings
from tests.plain import TRUSTS_NOBODY

START = datetime(2026, 6, 10, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
BEARER = {"authorization": f"Bearer {DEFAULT_KEY}"}


class Hand:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def world(seed: int = 7, start: datetime = START, **settings: Any) -> World:
    """A flat world of one session a second with ten minutes of history, unless told otherwise."""
    chosen: dict[str, Any] = {"rate": 1.0, "flat": True, "history": 10 * MINUTE, **settings}
    return World(seed, WorldSettings(**chosen), start)


def items(of: World) -> list[dict[str, Any]]:
    """What the list would show now, oldest first, decoded."""
    return [json.loads(session.json()) for session in of.visible(of.now)]


class SimulatorRig:
    """A served application, its hand-driven clock and a client with the right key."""

    def __init__(self, app: Edge, hand: Hand, client: httpx.AsyncClient) -> None:
        self.app = app
        self.service = app.service
        self.hand = hand
        self.client = client

    async def get(self, path: str, **parameters: Any) -> httpx.Response:
        return await self.client.get(path, params=parameters)

    async def data(self, path: str, **parameters: Any) -> Any:
        response = await self.get(path, **parameters)
        assert response.status_code == 200, response.text
        return response.json()["data"]

    async def arrived(self, path: str, count: int) -> None:
        """Wait until so many requests to a path have arrived."""
        async with asyncio.timeout(10):
            while self.service.requests.counts[path] < count:  # noqa: ASYNC110 - yields, never waits
                await asyncio.sleep(0)


@asynccontextmanager
async def served(
    of: World | None = None, api: ApiSettings | None = None, start: datetime = START
) -> AsyncIterator[SimulatorRig]:
    """The simulated API on a real socket."""
    hand = Hand()
    app = create_app(of or world(), SimClock(hand, start), api)
    async with (
        serve(app) as url,
        # No TLS is spoken, so no certificates need be loaded.
        httpx.AsyncClient(
            base_url=url,
            headers=BEARER,
            timeout=10,
            verify=TRUSTS_NOBODY,
        ) as client,
    ):
        yield SimulatorRig(app, hand, client)
