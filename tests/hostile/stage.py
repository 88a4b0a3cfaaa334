"""One integration, wired as in the daemon, whose API is a function in the same process."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx

from exporter.api.errors import ApiError
from exporter.commands.one_shot import one_shot_pipeline
from exporter.metrics.model import Metric, Sample
from exporter.metrics.snapshot import Group, Snapshot, build
from exporter.pipeline import Pipeline
from exporter.settings.load import load
from tests.api.clients import KEY, unread
from tests.clocks import FakeClock
from tests.hostile.odd import GOOD

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)

Handler = Callable[[httpx.Request], httpx.Response | bytes | None]
"""Gives an answer, a body with 200, or None for a good answer."""


@dataclass
class Stage:
    """answer: of the API now. asked: the paths that were asked for.

    listed: the sessions of the list, one more with each poll.
    """

    pipeline: Pipeline
    clock: FakeClock
    answer: Handler = lambda request: None
    asked: list[str] = field(default_factory=list)
    listed: list[dict[str, Any]] = field(default_factory=list)

    def respond(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        given = self.answer(request)
        if given is None:
            given = json.dumps(self.good(request.url.path, request.url.params)).encode()
        if isinstance(given, bytes):
            given = httpx.Response(200, content=given)
        given.headers.setdefault("date", format_datetime(self.now(), usegmt=True))
        given.headers.setdefault("x-isnotai-tier", "enterprise")
        return unread(given)

    def now(self) -> datetime:
        return datetime.fromtimestamp(int(self.clock.now()), UTC)

    def good(self, path: str, asked: Mapping[str, str]) -> Any:
        """A good answer as of now; the list honours its filters to the second."""
        if path == "/v1/sessions":
            start, end = asked.get("startDate", ""), asked.get("endDate", "9999")
            found = [it for it in self.listed if start <= it["createdAt"] <= end]
            return {**GOOD[path], "data": found[-100:]}
        if path == "/v1/usage":
            rows = [{**row, "period": self.now().date().isoformat()} for row in GOOD[path]["data"]]
            return {**GOOD[path], "data": rows}
        return GOOD[path]

    def list_one(self) -> None:
        """Put a session into the list that was created lately."""
        (item,) = GOOD["/v1/sessions"]["data"]
        created = (self.now() - timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
        name = f"good-{len(self.listed)}"
        self.listed.append({**item, "id": name, "createdAt": created, "updatedAt": created})

    async def poll(self, resource: str) -> str | None:
        """One poll, a minute after the last; what failed, as the status page has it."""
        self.clock.advance(60.0)
        self.list_one()
        poller = next(one for one in self.pipeline.pollers if one.resource == resource)
        await poller.poll()
        return poller.state.error

    async def attempt(self, resource: str) -> ApiError | None:
        """One poll without the frame that survives everything. Raises what is a defect."""
        self.clock.advance(60.0)
        poller = next(one for one in self.pipeline.pollers if one.resource == resource)
        try:
            await poller.collector.update(lambda part, samples: None)
        except ApiError as error:
            return error
        return None

    def samples(self) -> list[Sample]:
        return list(self.pipeline.samples())

    def snapshot(self) -> Snapshot:
        return build([Group("default", self.samples())], 0.0)

    def value(self, metric: Metric, *labels: str) -> object:
        (found,) = (it.value for it in self.samples() if (it.metric, it.labels) == (metric, labels))
        return found


@asynccontextmanager
async def stage(answer: Handler | None = None, **variables: str) -> AsyncIterator[Stage]:
    environment = {
        "ISNOTAI_BASE_URL": "http://api.test",
        "ISNOTAI_API_KEY": KEY,
        "ISNOTAI_BUDGET_SHARE": "1",
        "ISNOTAI_POLL_USERS_INTERVAL": "1h",
        "ISNOTAI_POLL_COURSES_INTERVAL": "1h",
        **variables,
    }
    settings = load([], environment).settings
    clock = FakeClock(NOON.timestamp())
    (account,) = settings.accounts()
    async with one_shot_pipeline(settings, account, clock) as pipeline:
        it = Stage(pipeline, clock)
        if answer is not None:
            it.answer = answer
        pipeline.api._http._transport = httpx.MockTransport(it.respond)
        yield it
