"""With everything on, on the free tier, sessions are counted as if it were not there."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from exporter.commands.one_shot import one_shot_pipeline
from exporter.metrics import catalogue
from exporter.metrics.model import Histogram
from exporter.pipeline import Pipeline
from exporter.settings.load import load
from exporter.simulator.app import create_app
from exporter.simulator.clock import SimClock
from exporter.simulator.service import DEFAULT_KEY, ApiSettings, Service
from exporter.simulator.world import World, WorldSettings
from tests import virtual_time
from tests.virtual_time import VirtualClock

START = datetime(2026, 6, 10, 12, tzinfo=UTC)
MINUTES = 60
SETTLING = 15
"""Until then the backlog from before the start is read."""
ALLOWED = 15
"""Requests a minute: a quarter of the free tier's 60."""

EVERYTHING = {
    "ISNOTAI_POLL_USERS_INTERVAL": "20m",
    "ISNOTAI_POLL_COURSES_INTERVAL": "30m",
}


class InPlace(Executor):
    """Runs what it is given at once: a thread would come too late for virtual time."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            done.set_exception(error)
        return done


@dataclass
class Run:
    """lags: of the frontier in seconds, each minute. most: requests within a minute.

    seconds: that polls of sessions took once the backlog was read.
    """

    lags: list[float]
    requests: Counter[str]
    codes: set[int]
    most: int
    users: float
    polls: float
    failed: float
    seconds: float


def value(pipeline: Pipeline, metric: object) -> float:
    found = [it.value for it in pipeline.samples() if it.metric is metric]
    return float(found[0]) if found and isinstance(found[0], float) else 0.0


def polling(pipeline: Pipeline) -> float:
    """Seconds that polls of sessions have taken."""
    found = [
        it.value for it in pipeline.telemetry.poll_duration.samples() if "sessions" in it.labels
    ]
    return sum(it.sum for it in found if isinstance(it, Histogram))


async def run(more: dict[str, str], rate: float) -> Run:
    clock = VirtualClock(START.timestamp() - asyncio.get_running_loop().time())
    world = World(3, WorldSettings(rate=rate, flat=True, history=timedelta(hours=1)), START)
    app = create_app(world, SimClock(clock.monotonic, START), ApiSettings(tier="free"))
    environment = {
        "ISNOTAI_BASE_URL": "http://api.test",
        "ISNOTAI_API_KEY": DEFAULT_KEY,
        "ISNOTAI_SESSIONS_LOOKBACK": "1h",
        **more,
    }
    settings = load([], environment).settings
    lags, early = list[float](), 0.0
    async with one_shot_pipeline(settings, settings.accounts()[0], clock) as pipeline:
        pipeline._shared.store._thread = InPlace()  # type: ignore[assignment]  # a double
        pipeline.api._http._transport = httpx.ASGITransport(app)
        async with asyncio.TaskGroup() as group:
            pipeline.start(group)
            for minute in range(MINUTES):
                await clock.sleep(60)
                if minute == SETTLING:
                    early = polling(pipeline)
                lags.append(clock.now() - value(pipeline, catalogue.SESSION_FRONTIER))
            polls = pipeline.telemetry.polls
            done = polls.value("sessions", "success")
            failed = sum(polls.value(name, "failure") for name in ("sessions", "users", "courses"))
            users = value(pipeline, catalogue.USERS)
            seconds = polling(pipeline) - early
            pipeline.cancel()
        return Run(lags, *seen(app.service), users, done, failed, seconds)


def seen(service: Service) -> tuple[Counter[str], set[int], int]:
    """Requests by path, the statuses of answers, and the most requests of any minute."""
    times = [it.at for it in service.requests.arrivals if it.path.startswith("/v1")]
    most = max(sum(at <= time < at + 60 for time in times) for at in times)
    return service.requests.counts, {code for _, code in service.requests.answers}, most


def test_sessions_are_unharmed_on_the_free_tier_with_everything_on() -> None:
    alone = virtual_time.run(run({}, 0.3))
    beside = virtual_time.run(run(EVERYTHING, 0.3))

    assert alone.requests["/v1/users"] == 0
    assert beside.requests["/v1/users"] > 50
    assert beside.requests["/v1/courses"] >= 4
    assert beside.users > 800
    for one in (alone, beside):
        assert one.codes == {200}
        assert one.most <= ALLOWED
        assert one.failed == 0
    assert beside.seconds <= alone.seconds + 10
    assert beside.polls >= alone.polls - 1
    assert max(beside.lags[SETTLING:]) <= max(alone.lags[SETTLING:]) + 60
    assert beside.lags[-1] <= alone.lags[-1] + 60
