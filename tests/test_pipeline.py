"""One integration wired up: what it polls, what it shows, and what a dead API leaves standing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest

from exporter import pipeline
from exporter.api.retry import RetryPolicy
from exporter.commands.one_shot import one_shot_pipeline
from exporter.metrics import catalogue
from exporter.metrics.model import Metric, Sample
from exporter.metrics.snapshot import Group, build
from exporter.pipeline import Pipeline
from exporter.settings.load import load
from tests.api.clients import KEY
from tests.api.tiny_server import Connection, Talk, TinyServer, closed_port, reply, tiny_server
from tests.clocks import FakeClock

DATE = "Date: Mon, 21 Sep 2026 14:13:20 GMT\r\n"
LIST = {"data": [], "pagination": {"hasMore": False, "limit": 50}}
ANSWERS: dict[str, object] = {
    "/health": {"status": "healthy", "version": "1.0.17.0"},
    "/v1/integration": {"data": {"apiKeyMasked": "aik_v1_***"}},
    "/v1/stats": {"data": {"totalSessions": 9}},
    "/v1/sessions": LIST,
}


@dataclass
class Wired:
    pipeline: Pipeline
    clock: FakeClock

    async def poll(self, *resources: str) -> None:
        for poller in self.pipeline.pollers:
            if not resources or poller.resource in resources:
                async with asyncio.timeout(20):
                    await poller.poll()

    def values(self, metric: Metric) -> dict[tuple[str, ...], object]:
        return {it.labels: it.value for it in self.samples() if it.metric is metric}

    def samples(self) -> list[Sample]:
        samples = list(self.pipeline.samples())
        build([Group("default", samples)], 0.0)
        return samples


@asynccontextmanager
async def wired(url: str, **variables: str) -> AsyncIterator[Wired]:
    environment = {
        "ISNOTAI_BASE_URL": url,
        "ISNOTAI_API_KEY": KEY,
        "ISNOTAI_POLL_ANALYTICS_INTERVAL": "0",
        "ISNOTAI_POLL_USAGE_INTERVAL": "0",
        "ISNOTAI_POLL_OPENAPI_INTERVAL": "0",
        **variables,
    }
    settings = load([], {name: value for name, value in environment.items() if value}).settings
    # As far from the real time as the Date of the answers.
    clock = FakeClock(1_790_000_000.0)
    (account,) = settings.accounts()
    once = RetryPolicy(lambda: 0.5)
    async with one_shot_pipeline(settings, account, clock, once) as pipeline:
        yield Wired(pipeline, clock)


def api(status: dict[str, str], server: list[TinyServer]) -> Talk:
    """The API's answers by path; `status` sets another status by path, or for all by `*`."""

    async def talk(connection: Connection) -> None:
        head = server[0].requests[-1]
        path = urlsplit(head.split()[1]).path
        line = status.get(path) or status.get("*") or "200 OK"
        tier = "" if path == "/health" else "x-isnotai-tier: pro\r\n"
        body = json.dumps(ANSWERS[path]).encode()
        await connection.send(reply(body, status=line, headers=f"{DATE}{tier}"))

    return talk


@asynccontextmanager
async def answering(status: dict[str, str]) -> AsyncIterator[TinyServer]:
    servers: list[TinyServer] = []
    async with tiny_server(api(status, servers)) as server:
        servers.append(server)
        yield server


async def test_before_the_first_poll_it_claims_nothing() -> None:
    async with wired("http://127.0.0.1:9") as one:
        assert one.values(catalogue.UP) == {(): 0.0}
        assert one.values(catalogue.API_KEY_VALID) == {}
        assert one.values(catalogue.INTEGRATION_INFO) == {("us", "unknown"): 1.0}
        assert one.values(catalogue.API_CLOCK_SKEW) == {}
        assert one.values(catalogue.API_RATE_LIMIT) == {(): 60.0}
        assert one.values(catalogue.API_BUDGET) == {(): 15.0}
        assert set(one.values(catalogue.RESOURCE_UP).values()) == {0.0}
        assert one.values(catalogue.SESSIONS) == {}


async def test_a_round_of_polls_shows_key_tier_budget_clock_and_sessions() -> None:
    async with answering({}) as server, wired(server.url) as one:
        await one.poll()

        assert one.values(catalogue.UP) == {(): 1.0}
        assert set(one.values(catalogue.RESOURCE_UP).values()) == {1.0}
        assert one.values(catalogue.API_KEY_VALID) == {(): 1.0}
        assert one.values(catalogue.INTEGRATION_INFO) == {("us", "pro"): 1.0}
        assert one.values(catalogue.API_INFO) == {("1.0.17.0",): 1.0}
        assert one.values(catalogue.API_RATE_LIMIT) == {(): 600.0}
        assert one.values(catalogue.API_BUDGET) == {(): 150.0}
        assert one.values(catalogue.STATS) == {("total_sessions",): 9.0}
        assert one.values(catalogue.SESSIONS) == {(): 0.0}
        assert len(one.values(catalogue.SESSION_FRONTIER)) == 1
        (skew,) = one.values(catalogue.API_CLOCK_SKEW).values()
        assert isinstance(skew, float)
        assert abs(skew) < 1


async def test_up_is_about_authenticated_resources_only() -> None:
    down = {path: "503 Busy" for path in ANSWERS if path != "/health"}
    async with answering(down) as server, wired(server.url) as one:
        await one.poll()

        assert one.values(catalogue.RESOURCE_UP)["health",] == 1.0
        assert one.values(catalogue.UP) == {(): 0.0}


async def test_one_resource_that_answers_is_enough_to_be_up() -> None:
    status = {"/v1/sessions": "503 Busy", "/v1/stats": "404 No"}
    async with answering(status) as server, wired(server.url) as one:
        await one.poll()

        assert one.values(catalogue.UP) == {(): 1.0}


async def test_a_refused_key_shows_and_nobody_is_hammered() -> None:
    async with answering({"*": "401 No"}) as server, wired(server.url) as one:
        for _ in range(3):
            await one.poll()

        assert one.values(catalogue.API_KEY_VALID) == {(): 0.0}
        assert one.values(catalogue.UP) == {(): 0.0}
        paths = [urlsplit(head.split()[1]).path for head in server.requests]
        assert len([path for path in paths if path != "/health"]) == 1


async def test_a_key_file_that_is_missing_shows_and_is_used_once_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "key"
    variables = {"ISNOTAI_API_KEY": "", "ISNOTAI_API_KEY_FILE": str(path)}
    async with answering({}) as server, wired(server.url, **variables) as one:
        await one.poll()
        assert one.values(catalogue.API_KEY_VALID) == {(): 0.0}
        assert one.values(catalogue.RESOURCE_UP)["health",] == 1.0

        path.write_text(KEY)
        await one.poll()

        assert one.values(catalogue.API_KEY_VALID) == {(): 1.0}
        assert one.values(catalogue.UP) == {(): 1.0}


async def test_a_key_file_with_an_odd_key_is_warned_about_once_and_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    variables = {"ISNOTAI_API_KEY": "", "ISNOTAI_API_KEY_FILE": str(path)}
    async with answering({}) as server, wired(server.url, **variables) as one:
        for key, warned in (("hunter22-hunter22", 1), (KEY, 0), ("other-hunter22", 1)):
            path.write_text(key)
            log = Mock()
            monkeypatch.setattr(pipeline, "_log", log)
            await one.poll()
            await one.poll()
            warnings = log.warning.call_args_list
            assert [call.kwargs["setting"] for call in warnings] == ["api_key_file"] * warned
            assert "hunter22" not in str(log.mock_calls)


async def test_limits_of_the_plan_are_shown_only_while_usage_is_polled() -> None:
    limits = {"ISNOTAI_QUOTA_LIMITS": "sessions=5"}
    async with wired("http://127.0.0.1:9", **limits) as one:
        assert one.values(catalogue.QUOTA_LIMIT) == {}
    async with wired("http://127.0.0.1:9", **limits, ISNOTAI_POLL_USAGE_INTERVAL="1m") as one:
        assert one.values(catalogue.QUOTA_LIMIT) == {("sessions",): 5.0}


async def test_a_dead_api_leaves_counters_frontier_and_infos_and_takes_the_gauges() -> None:
    status: dict[str, str] = {}
    async with answering(status) as server, wired(server.url) as one:
        await one.poll()
        frontier = one.values(catalogue.SESSION_FRONTIER)
        succeeded = one.values(catalogue.RESOURCE_LAST_SUCCESS)
        assert one.values(catalogue.SESSIONS_UNSETTLED) == {(): 0.0}

        status["*"] = "503 Busy"
        for _ in range(30):
            one.clock.advance(60)
            await one.poll()

        for gone in (catalogue.STATS, catalogue.SESSIONS_UNSETTLED, catalogue.SESSIONS_ACTIVE):
            assert one.values(gone) == {}
        assert one.values(catalogue.SESSION_FRONTIER) == frontier
        assert one.values(catalogue.RESOURCE_LAST_SUCCESS) == succeeded
        assert one.values(catalogue.SESSIONS) == {(): 0.0}
        assert one.values(catalogue.API_INFO) == {("1.0.17.0",): 1.0}
        assert one.values(catalogue.INTEGRATION_INFO) == {("us", "pro"): 1.0}
        assert one.values(catalogue.UP) == {(): 0.0}

        del status["*"]
        await one.poll()

        assert one.values(catalogue.STATS) == {("total_sessions",): 9.0}
        assert one.values(catalogue.SESSIONS_UNSETTLED) == {(): 0.0}
        assert one.values(catalogue.UP) == {(): 1.0}


async def test_an_api_that_is_not_there_is_survived_by_every_resource() -> None:
    async with wired(f"http://127.0.0.1:{closed_port()}") as one:
        await one.poll()

        assert set(one.values(catalogue.RESOURCE_FAILURES).values()) == {1.0}
        requests = one.values(catalogue.API_REQUESTS)
        assert {labels[1] for labels, value in requests.items() if value} == {"connection"}


async def test_an_interval_of_zero_leaves_no_series_and_sends_no_request() -> None:
    async with answering({}) as server, wired(server.url, ISNOTAI_POLL_STATS_INTERVAL="0") as one:
        await one.poll()

        assert not any("stats" in sample.labels for sample in one.samples())
        assert not any("/v1/stats" in head for head in server.requests)
        assert one.values(catalogue.USAGE) == {}


@pytest.mark.parametrize(("replicas", "budget"), [("1", 15.0), ("3", 5.0), ("30", 0.5)])
async def test_replicas_divide_the_budget(replicas: str, budget: float) -> None:
    async with wired("http://127.0.0.1:9", ISNOTAI_BUDGET_REPLICAS=replicas) as one:
        assert one.values(catalogue.API_BUDGET) == {(): budget}


async def test_a_step_of_our_clock_shows_without_a_poll() -> None:
    clock = FakeClock()
    settings = load([], {"ISNOTAI_API_KEY": KEY}).settings
    (account,) = settings.accounts()
    async with one_shot_pipeline(settings, account, clock) as one:
        date = format_datetime(datetime.fromtimestamp(clock.now(), UTC), usegmt=True)
        one.server_clock.observe(date, clock.monotonic(), clock.monotonic())
        list(one.samples())
        assert one.steady(clock.monotonic(), clock.monotonic() + 4)

        clock.wall += 3600

        assert not one.steady(clock.monotonic(), clock.monotonic() + 4)
