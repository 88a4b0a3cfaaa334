"""A site without a daemon, and a server on a real socket, for the tests of the HTTP side."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from exporter.metrics import catalogue
from exporter.metrics.model import Histogram, Sample
from exporter.metrics.snapshot import Group, build
from exporter.publish.exposition import Exposition, Renderer
from exporter.web.address import bind
from exporter.web.app import create_app
from exporter.web.backend import Health, ReloadError, Status
from exporter.web.server import Server
from exporter.web.webconfig import WebConfig

NOW = 1_790_000_000.0
GOOD = Health(True)
BARE = Status("1.2.3", "abc1234", NOW - 3600, NOW, ())


def exposition() -> Exposition:
    """A small exposition whose formats differ."""
    samples = [
        Sample(catalogue.SESSIONS, 7.0, created=NOW - 60),
        Sample(
            catalogue.SESSION_BOT_SCORE,
            Histogram.empty(catalogue.SCORE_BOUNDS).observe(0.9),
            created=NOW - 60,
        ),
    ]
    return Renderer(CollectorRegistry()).render(build([Group("campus", samples)], NOW))


@dataclass
class FakeSite:
    """A site that answers what it is told to, and remembers how often it was reloaded."""

    exposition: Exposition | None = field(default_factory=exposition)
    healthy: Health = GOOD
    is_ready: Health = GOOD
    page: Status = BARE
    reload_problem: str | None = None
    reloads: int = 0

    def health(self) -> Health:
        return self.healthy

    def ready(self) -> Health:
        return self.is_ready

    def status(self) -> Status:
        return self.page

    async def reload(self) -> None:
        self.reloads += 1
        if self.reload_problem is not None:
            raise ReloadError(self.reload_problem)


@asynccontextmanager
async def serving(app: ASGIApp, webconfig: WebConfig | None = None) -> AsyncIterator[Server]:
    """A server of `app` on a free port of loopback, stopped at the end."""
    server = Server(app, bind("127.0.0.1", 0), webconfig)
    async with server.running():
        yield server


@pytest.fixture
def site() -> FakeSite:
    return FakeSite()


@pytest.fixture
def app(site: FakeSite) -> ASGIApp:
    return create_app(site, enable_lifecycle=True)
