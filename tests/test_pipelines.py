"""A reload: which pipelines stay, start and stop, and what each of them knows afterwards."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from exporter.api.pauses import KEY as WITH_KEY
from exporter.api.retry import RetryPolicy
from exporter.api.times import MICROSECONDS
from exporter.ledger.store import Store
from exporter.metrics.telemetry import dropped_counter
from exporter.pipeline import Pipeline
from exporter.pipelines import Pipelines
from exporter.polling.frame import Poller
from exporter.polling.timetable import Timetable
from exporter.settings.load import load
from exporter.settings.model import Settings
from exporter.shared import Shared
from tests.api.clients import KEY, OTHER_KEY
from tests.clocks import FakeClock

DAY_SECONDS = 86_400.0
UNREACHABLE = "http://127.0.0.1:9"


def settings(**variables: str) -> Settings:
    """Settings whose polls reach nothing."""
    environment = {"ISNOTAI_API_KEY": KEY, "ISNOTAI_BASE_URL": UNREACHABLE, **variables}
    return load([], {name: value for name, value in environment.items() if value}).settings


@dataclass
class Reloaded:
    pipelines: Pipelines
    clock: FakeClock

    async def reload(self, wanted: Settings) -> None:
        await self.pipelines.reconcile(self.pipelines.plan(wanted))

    def only(self) -> Pipeline:
        (pipeline,) = self.pipelines
        return pipeline

    @property
    def timetable(self) -> Timetable:
        return self.pipelines._shared.timetable

    def poller(self, resource: str) -> Poller:
        return next(it for it in self.only().pollers if it.resource == resource)


@asynccontextmanager
async def begun(wanted: Settings) -> AsyncIterator[Reloaded]:
    clock = FakeClock()
    store = Store(None, clock.now)
    started = (clock.now(), clock.monotonic())
    shared = Shared(store, clock, lambda name: None, RetryPolicy(lambda: 0.5), Timetable(clock))
    pipelines = Pipelines(shared, started, dropped_counter(started[0]))
    pipelines.begin(pipelines.plan(wanted))
    try:
        yield Reloaded(pipelines, clock)
    finally:
        await pipelines.close()
        await store.close()


async def test_a_reload_keeps_the_pollers_that_it_does_not_concern() -> None:
    async with begun(settings()) as one:
        before = {it.resource: it for it in one.only().pollers}
        pipeline = one.only()

        await one.reload(
            settings(
                ISNOTAI_STATS_INCLUDE="total_*",
                ISNOTAI_POLL_USAGE_INTERVAL="1h",
                ISNOTAI_POLL_ANALYTICS_INTERVAL="0",
                ISNOTAI_POLL_STALE_AFTER="1h",
            )
        )

        after = {it.resource: it for it in one.only().pollers}
        assert one.only() is pipeline
        assert [name for name in after if after[name] is before[name]] == [
            "health",
            "integration",
            "sessions",
            "openapi",
        ]
        assert list(after) == ["health", "integration", "stats", "usage", "sessions", "openapi"]
        assert {it.stale_after for it in after.values()} == {3600.0}
        assert after["usage"].interval == 3600.0


async def test_what_is_kept_polls_on_and_what_is_not_ends() -> None:
    async with begun(settings()) as one, asyncio.TaskGroup() as group:
        one.pipelines.start(group)
        kept, ended = one.poller("health"), one.poller("stats")

        await one.reload(settings(ISNOTAI_POLL_STATS_INTERVAL="0"))

        assert one.poller("health") is kept
        assert kept in one.timetable
        assert ended not in one.timetable
        one.pipelines.cancel()


async def test_a_reload_to_another_key_or_address_inherits_neither_pause_nor_tier() -> None:
    for changed in (
        {"ISNOTAI_API_KEY": OTHER_KEY},
        {"ISNOTAI_BASE_URL": "http://127.0.0.1:10"},
    ):
        async with begun(settings()) as one:
            one.only().budget.pauses.hold(WITH_KEY, 3600)
            one.only().budget.tier = "enterprise"
            ledger, telemetry = one.only().ledger, one.only().telemetry

            await one.reload(settings(**changed))

            assert one.only().budget.pauses.left((WITH_KEY,)) == 0
            assert one.only().budget.tier is None
            assert one.only().ledger is ledger
            assert one.only().telemetry is telemetry


async def test_the_budget_that_was_spent_stays_spent_under_another_share_and_another_name() -> None:
    async with begun(settings()) as one:
        budget = one.only().budget
        budget.tier = "free"
        for _ in range(3):
            async with budget.request("stats"):
                pass

        await one.reload(settings(ISNOTAI_BUDGET_SHARE="0.1", ISNOTAI_INTEGRATION="renamed"))

        assert one.only().name == "renamed"
        assert one.only().budget.per_minute == 6
        assert one.only().budget.room() == 3


async def test_how_the_resources_fare_is_known_after_another_key_but_not_under_another_name() -> (
    None
):
    async with begun(settings()) as one:
        await one.poller("stats").poll()
        assert one.poller("stats").state.tried

        await one.reload(settings(ISNOTAI_API_KEY=OTHER_KEY))
        assert one.poller("stats").state.failures == 1

        await one.reload(settings(ISNOTAI_API_KEY=OTHER_KEY, ISNOTAI_INTEGRATION="renamed"))
        assert not one.poller("stats").state.tried


async def test_the_ledger_outlives_a_reload_and_counts_by_the_new_rules() -> None:
    async with begun(settings()) as one:
        ledger = one.only().ledger

        await one.reload(
            settings(ISNOTAI_SESSIONS_BOT_THRESHOLD="0.9", ISNOTAI_SESSIONS_SETTLE_AFTER="1h")
        )

        assert one.only().ledger is ledger
        assert ledger.rules.threshold == 0.9
        assert ledger.rules.settle_after == 3600 * MICROSECONDS


def two_integrations(folder: Path, names: str) -> Settings:
    config = folder / "exporter.yml"
    entries = "".join(f"- {{name: {name}, api_key_env: KEY_{name}}}\n" for name in names)
    config.write_text(f"base_url: {UNREACHABLE}\nintegrations:\n{entries}")
    keys = {f"KEY_{name}": KEY[:-1] + name for name in names}
    return load(["--config.file", str(config)], keys).settings


async def test_an_integration_that_a_reload_adds_counts_from_then_on(tmp_path: Path) -> None:
    async with begun(two_integrations(tmp_path, "a")) as one:
        one.clock.advance(3 * DAY_SECONDS)
        await one.reload(two_integrations(tmp_path, "ab"))
        one.clock.advance(60)
        now = round(one.clock.now() * MICROSECONDS)

        ages = {}
        for pipeline in one.pipelines:
            await pipeline.ledger.begin(now)
            assert pipeline.ledger.state is not None
            assert pipeline.ledger.state.origin is not None
            ages[pipeline.name] = (now - pipeline.ledger.state.origin) / MICROSECONDS

        assert ages == {"a": 3 * DAY_SECONDS + 60, "b": 60}


async def test_an_integration_that_a_reload_removes_is_polled_no_more(tmp_path: Path) -> None:
    async with begun(two_integrations(tmp_path, "ab")) as one, asyncio.TaskGroup() as group:
        one.pipelines.start(group)
        _, removed = one.pipelines
        pollers = removed.pollers
        assert all(it in one.timetable for it in pollers)

        await one.reload(two_integrations(tmp_path, "a"))

        assert not any(it in one.timetable for it in pollers)
        assert [pipeline.name for pipeline in one.pipelines] == ["a"]
        one.pipelines.cancel()


async def test_polls_that_may_start_during_a_reload_start_by_the_new_settings_alone() -> None:
    async with begun(settings()) as one, asyncio.TaskGroup() as group:
        one.pipelines.start(group)
        reload = asyncio.create_task(one.reload(settings(ISNOTAI_INTEGRATION="renamed")))
        before = one.only()
        for _ in range(3):
            await asyncio.sleep(0)
        assert not any(it in one.timetable for it in before.pollers)
        assert not reload.done()

        one.pipelines.start(group)
        await reload

        assert not any(it in one.timetable for it in before.pollers)
        assert one.only().name == "renamed"
        assert len(one.only().pollers) == 7
        assert all(it in one.timetable for it in one.only().pollers)
        one.pipelines.cancel()


def many_integrations(folder: Path, keys: dict[str, str]) -> Settings:
    """Settings with these integrations, by name the key."""
    entries = "".join(f"- {{name: {name}, api_key_env: KEY_{name}}}\n" for name in keys)
    file = folder / "many.yml"
    file.write_text(f"base_url: {UNREACHABLE}\nintegrations:\n{entries}")
    return load([f"--config.file={file}"], {f"KEY_{name}": keys[name] for name in keys}).settings


async def test_a_reload_touches_only_those_that_were_added_removed_or_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {f"c{number}": f"aik_v1_{number:040d}" for number in range(100)}
    async with (
        begun(many_integrations(tmp_path, keys)) as one,
        asyncio.TaskGroup() as group,
    ):
        one.pipelines.start(group)
        before = {pipeline.name: pipeline for pipeline in one.pipelines}
        pollers = {name: [*pipeline.pollers] for name, pipeline in before.items()}
        pools = {name: pipeline.api._http for name, pipeline in before.items()}
        assert len(set(pools.values())) == 8
        told: list[str] = []
        shared = replace(one.pipelines._shared, on_change=told.append)
        monkeypatch.setattr(one.pipelines, "_shared", shared)
        touched: list[str] = []
        for name in ("adjust", "stop"):
            monkeypatch.setattr(Pipeline, name, noting(touched, getattr(Pipeline, name)))

        changed = {**keys, "new": "aik_v1_" + "n" * 40, "c7": "aik_v1_" + "7" * 40}
        del changed["c3"]
        # The daemon keeps its network as long as its settings are the same.
        assert one.pipelines._plan is not None
        network = one.pipelines._plan.network
        plan = one.pipelines.plan(many_integrations(tmp_path, changed), network)
        await one.pipelines.reconcile(plan)

        after = {pipeline.name: pipeline for pipeline in one.pipelines}
        assert sorted(touched) == ["c3", "c7"]
        assert sorted(told) == ["c7", "new"]
        assert list(after) == list(changed)
        for name in before.keys() - {"c3", "c7"}:
            assert after[name] is before[name]
            assert [*after[name].pollers] == pollers[name]
            assert after[name].api._http is pools[name]
        assert after["c7"] is not before["c7"]
        assert len(after["new"].pollers) == 7
        assert all(it in one.timetable for pipeline in one.pipelines for it in pipeline.pollers)
        assert {pipeline.api._http for pipeline in one.pipelines} == set(pools.values())
        assert not any(http.is_closed for http in pools.values())
        one.pipelines.cancel()


def noting(
    names: list[str], method: Callable[..., Coroutine[None, None, None]]
) -> Callable[..., Coroutine[None, None, None]]:
    """The method, which notes of whom it was called."""

    async def noted(pipeline: Pipeline, *args: object, **named: object) -> None:
        names.append(pipeline.name)
        await method(pipeline, *args, **named)

    return noted
