"""With everything on, on the free tier, sessions are counted as if it were not there."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from exporter.api.contract.reads import READS
from exporter.commands.one_shot import one_shot_pipeline
from exporter.metrics import catalogue
from exporter.metrics.model import Histogram, Metric
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
    "ISNOTAI_POLL_OPENAPI_INTERVAL": "10m",
    "ISNOTAI_SESSIONS_DETAILS": "true",
    "ISNOTAI_OTLP_FINDINGS": "true",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318",
}
PLACES = r"""
sessions:
  places:
    - {name: course, pattern: '/courses/(\d+)'}
  places_min_users: 2
"""
DETAILS = "/v1/sessions/{id}/details"
OPTIONAL = ("users", "courses", "openapi", "details")


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

    requests: by path, as the exporter says what it reads. values: of each metric, all series of it.
    seconds: that polls of sessions took once the backlog was read.
    """

    lags: list[float]
    requests: Counter[str]
    codes: set[int]
    most: int
    values: dict[Metric, float]
    polls: float
    failed: float
    seconds: float


def values(pipeline: Pipeline) -> dict[Metric, float]:
    found: dict[Metric, float] = {}
    for it in pipeline.samples():
        if isinstance(it.value, float):
            found[it.metric] = found.get(it.metric, 0.0) + it.value
    return found


def polling(pipeline: Pipeline) -> float:
    """Seconds that polls of sessions have taken."""
    found = [
        it.value for it in pipeline.telemetry.poll_duration.samples() if "sessions" in it.labels
    ]
    return sum(it.sum for it in found if isinstance(it, Histogram))


async def run(more: dict[str, str], rate: float, minutes: int = MINUTES) -> Run:
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
            for minute in range(minutes):
                await clock.sleep(60)
                if minute == SETTLING:
                    early = polling(pipeline)
                frontier = values(pipeline).get(catalogue.SESSION_FRONTIER, 0.0)
                lags.append(clock.now() - frontier)
            polls = pipeline.telemetry.polls
            done = polls.value("sessions", "success")
            failed = sum(polls.value(name, "failure") for name in ("sessions", *OPTIONAL))
            told = values(pipeline)
            seconds = polling(pipeline) - early
            pipeline.cancel()
        return Run(lags, *seen(app.service), told, done, failed, seconds)


def seen(service: Service) -> tuple[Counter[str], set[int], int]:
    """Requests by path, the statuses of answers, and the most requests of any minute."""
    times = [it.at for it in service.requests.arrivals]
    most = max(sum(at <= time < at + 60 for time in times) for at in times)
    requests = Counter[str]()
    for path, count in service.requests.counts.items():
        requests[re.sub("^/v1/sessions/[^/]+/", "/v1/sessions/{id}/", path)] += count
    return requests, {code for _, code in service.requests.answers}, most


def everything(folder: Path) -> dict[str, str]:
    """The variables that switch on all that is off by default."""
    config = folder / "config.yml"
    config.write_text(PLACES)
    return {**EVERYTHING, "ISNOTAI_CONFIG_FILE": str(config)}


def test_sessions_are_unharmed_on_the_free_tier_with_everything_on(tmp_path: Path) -> None:
    alone = virtual_time.run(run({}, 0.3))
    beside = virtual_time.run(run(everything(tmp_path), 0.3))

    assert alone.requests["/v1/users"] == alone.requests[DETAILS] == 0
    assert beside.requests["/v1/users"] > 50
    assert beside.requests["/v1/courses"] >= 4
    assert beside.requests[DETAILS] > 100
    assert beside.requests["/openapi/v3.json"] >= 6
    assert beside.values[catalogue.USERS] > 800
    assert beside.values[catalogue.BOT_DETAILS] == beside.requests[DETAILS]
    assert beside.values[catalogue.PLACE_BOT_SESSIONS] == beside.values[catalogue.BOT_SESSIONS]
    assert beside.values[catalogue.FINDINGS_WAITING] >= beside.requests[DETAILS]
    for one in (alone, beside):
        assert one.codes == {200}
        assert one.most <= ALLOWED
        assert one.failed == 0
        assert one.requests.keys() <= {it.path for it in READS} | {"/openapi/v3.json"}
    unharmed(beside, alone)
    # Half a second for each poll.
    assert beside.seconds <= alone.seconds + (MINUTES - SETTLING) / 2


def test_walks_end_where_sessions_leave_no_pause_and_never_half_of_the_budget() -> None:
    often = {"ISNOTAI_POLL_SESSIONS_INTERVAL": "6s"}
    walks = {"ISNOTAI_POLL_USERS_INTERVAL": "20m", "ISNOTAI_POLL_COURSES_INTERVAL": "30m"}
    alone = virtual_time.run(run(often, 0.1, 40))
    beside = virtual_time.run(run({**often, **walks}, 0.1, 40))

    assert alone.requests["/v1/sessions"] > 10 * 40
    assert beside.values.get(catalogue.USERS, 0.0) > 300
    assert beside.values.get(catalogue.COURSES, 0.0) > 10
    assert beside.failed == 0
    assert beside.most <= ALLOWED
    unharmed(beside, alone)


def unharmed(beside: Run, alone: Run) -> None:
    """Sessions were polled as often, and their frontier was at most a minute later."""
    assert beside.polls >= 0.97 * alone.polls
    assert max(beside.lags[SETTLING:]) <= max(alone.lags[SETTLING:]) + 60
    assert beside.lags[-1] <= alone.lags[-1] + 60
