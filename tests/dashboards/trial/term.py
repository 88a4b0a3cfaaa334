"""A day of a simulated term, as a Prometheus that scrapes once a minute would have it.

The exporter's own pipelines poll the simulated API at their default intervals, on a clock that is
moved here: no socket, no waiting, the same numbers each time. Two integrations with an exporter
each, a large calm one and a small one that has a wave of agents; an outage of the API, pods that
move, a server whose clock is a quarter of an hour behind. The week before is what `backfill` would
have written: its counters alone, without job and instance. Only the process's memory and CPU are
invented.
"""

import asyncio
import heapq
import json
import logging
import math
import multiprocessing
from array import array
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

import httpx
import structlog

from benchmarks.alerts.exporter import Scrapes
from exporter.api.retry import RetryPolicy
from exporter.api.schema.session import Session, decode_session
from exporter.api.times import MICROSECONDS
from exporter.build import VERSION
from exporter.collect.registry import polled_names
from exporter.commands.backfill.counter import WRITTEN
from exporter.counting import make_ledger
from exporter.ledger import rules, state
from exporter.ledger.findings import StoredOutbox
from exporter.ledger.rules import Bounds, Rules, Tally
from exporter.ledger.state import LedgerState
from exporter.ledger.store import Store
from exporter.metrics import catalogue
from exporter.metrics.model import Histogram, Metric, Sample, Value
from exporter.metrics.snapshot import Group, build
from exporter.metrics.telemetry import Telemetry, dropped_counter
from exporter.net.peer_client import PeerClient
from exporter.pipeline import Pipeline
from exporter.polling.frame import Poller
from exporter.polling.timetable import Timetable
from exporter.publish.backfill import Columns
from exporter.publish.backfill import lines as backfilled
from exporter.settings.load import load
from exporter.shared import Shared
from exporter.simulator.app import Edge, create_app
from exporter.simulator.clock import SimClock
from exporter.simulator.lists import ListSettings
from exporter.simulator.service import DEFAULT_KEY, ApiSettings
from exporter.simulator.world import World, WorldSettings
from tests.clocks import FakeClock
from tests.dashboards.trial import ruled

END = datetime(2026, 9, 22, 20, 0, tzinfo=UTC).timestamp()
"""A Tuesday evening. Fixed, so that each run gives the same numbers."""

DAY_SECONDS = 86_400.0
SCRAPE_SECONDS = 60.0
WEEK_STEP_SECONDS = 300
JOB, NAMESPACE = "isnotai-exporter", "notai"
PODS = ("6f7c", "9d21")
LATENCY_SECONDS = (0.04, 0.4)
EVERYTHING = r"""
quota:
  limits: {api_calls: 600000, sessions: 300000, storage_bytes: 200000000000}
poll: {users_interval: 2h, courses_interval: 6h}
sessions:
  places:
    - {name: course, pattern: '/courses/(\d+)'}
  places_min_users: 3
  details: true
otlp: {findings: true}
"""
"""Settings by which the rows that are empty by default have numbers; of few users, too."""
COLLECTOR_SECONDS = 15.0
"""How often a Collector takes the findings that wait."""

_Key = tuple[str, tuple[tuple[str, str], ...]]
Column = tuple["array[float]", "array[float]"]
"""Times and values."""


@dataclass(frozen=True, slots=True)
class Site:
    """An integration. rate: sessions a second. wave: the rate and the share of bots during it.

    skew: seconds by which its API's clock is ahead.
    """

    name: str
    seed: int
    rate: float
    bot_share: float
    wave: tuple[float, float] | None = None
    skew: float = 0.0


SITES = (
    Site("campus", 11, rate=0.06, bot_share=0.05),
    Site("library", 12, rate=0.015, bot_share=0.05, wave=(0.06, 0.75), skew=-900.0),
)


@dataclass(frozen=True, slots=True)
class Day:
    """When what happens, in seconds before the end. seconds: how long the day is.

    config: a file with settings besides the defaults, of the site that is named; of all, if none.
    """

    seconds: float = DAY_SECONDS
    wave: tuple[float, float] = (5400.0, 900.0)
    outage: tuple[float, float] = (39_600.0, 38_400.0)
    move: float = 54_000.0
    config: Path | None = None
    named: str = ""
    week: bool = True


class Samples:
    """Series by name and labels, each with its times and values, ascending."""

    def __init__(self) -> None:
        self.series: dict[_Key, Column] = {}

    def column(self, key: _Key) -> Column:
        """Where the series' samples are appended."""
        return self.series.setdefault(key, (array("d"), array("d")))

    def lines(self) -> Iterator[str]:
        """An OpenMetrics file, whose names stand alone: the parts of histograms, too."""
        for name in dict.fromkeys(name for name, _ in self.series):
            yield f"# TYPE {name} unknown\n"
            for (found, labels), (times, values) in self.series.items():
                if found != name:
                    continue
                inner = ",".join(f"{key}={json.dumps(value)}" for key, value in labels)
                for at, value in zip(times, values, strict=True):
                    yield f"{name}{{{inner}}} {value!r} {at:.3f}\n"
        yield "# EOF\n"


@dataclass
class _Api:
    """One integration's simulated API, whose requests take time on the shared clock."""

    site: Site
    clock: FakeClock
    start: float
    history: timedelta
    app: Edge = field(init=False)
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        site = self.site
        self.random = Random(site.seed)  # noqa: S311 - a simulation
        settings = WorldSettings(
            rate=site.rate, bot_share=site.bot_share, history=self.history, invalid_share=0.001
        )
        start = datetime.fromtimestamp(self.start, UTC) + timedelta(seconds=site.skew)
        self.app = create_app(
            World(site.seed, settings, start),
            SimClock(self.clock.monotonic, start),
            ApiSettings(tier="pro", seed=site.seed, lists=ListSettings()),
        )

    def client(self) -> PeerClient:
        transport = httpx.ASGITransport(self.app)

        async def timed(request: httpx.Request) -> httpx.Response:
            response = await transport.handle_async_request(request)
            low, high = LATENCY_SECONDS
            self.clock.advance(low + (high - low) * self.random.random() ** 4)
            return response

        return PeerClient(transport=_Transport(timed), base_url="http://api.example", timeout=10.0)

    async def change(self, rate: float, bot_share: float) -> None:
        """From now on so many sessions come, and such a share of them are bots."""
        self.app.service.now()
        self.app.service.world.change(rate=rate, bot_share=bot_share)

    async def answer(self, down: str) -> None:
        """From now on answer well (empty), or not at all: as the fault `down` has it."""
        service = self.app.service
        service.faults = replace(service.faults, down=down)

    def sessions(self, before: float) -> Iterator[Session]:
        """What the list shows of the sessions created before that time, the oldest first."""
        for session in list(self.app.service.world.visible(self.app.service.now())):
            if session.created >= before * MICROSECONDS:
                break
            decoded = decode_session(json.loads(session.json()))
            if isinstance(decoded, Session):
                yield decoded


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, handle: Callable[[httpx.Request], Awaitable[httpx.Response]]) -> None:
        self._handle = handle

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._handle(request)


class _Exporter:
    """One life of an exporter: its pipeline, without a server."""

    def __init__(
        self, api: _Api, store: Store, clock: FakeClock, pod: str, config: Path | None
    ) -> None:
        self._clock = clock
        self._started = (clock.now(), clock.monotonic())
        self._store = store
        self._dropped = dropped_counter(clock.now())
        self._target = {
            "job": JOB,
            "namespace": NAMESPACE,
            "instance": f"{api.site.name}-{pod}:10984",
        }
        self._columns: dict[tuple[Metric, tuple[str, ...]], list[Column]] = {}
        environment = {
            "ISNOTAI_API_KEY": DEFAULT_KEY,
            "ISNOTAI_INTEGRATION": api.site.name,
            **({"ISNOTAI_CONFIG_FILE": str(config)} if config else {}),
        }
        self.settings = settings = load([], environment).settings
        (account,) = settings.accounts()
        retry = RetryPolicy(Random(1).random)  # noqa: S311 - a simulation
        shared = Shared(store, clock, lambda name: None, retry, Timetable(clock))
        telemetry = Telemetry(clock.now(), polled_names(settings), self._dropped)
        ledger = make_ledger(api.site.name, settings, shared, telemetry, self._started)
        self.pipeline = Pipeline(
            account, settings, shared, api.client(), telemetry=telemetry, ledger=ledger
        )
        self.outbox = StoredOutbox(store, ledger)

    def scrape(self, samples: Samples) -> None:
        """What /metrics would show now."""
        at = self._clock.now()
        mine = Group(self.pipeline.name, self.pipeline.samples())
        for family in build([mine, Group(None, self._own())], at).families:
            for point in family.points:
                known = (family.metric, point.labels)
                columns = self._columns.get(known)
                if columns is None:
                    columns = self._columns[known] = [
                        samples.column((name, tuple({**self._target, **labels}.items())))
                        for name, labels in _series(*known)
                    ]
                for (times, values), value in zip(columns, _values(point.value), strict=True):
                    times.append(at)
                    values.append(value)
        started, _ = self._started
        age = at - started
        for name, value in (
            ("up", 1.0),
            ("process_start_time_seconds", started),
            ("process_resident_memory_bytes", (71 + 3 * math.sin(age / 9000)) * 2**20),
            ("process_cpu_seconds_total", 0.9 + 0.004 * age),
        ):
            times, values = samples.column((name, tuple(self._target.items())))
            times.append(at)
            values.append(value)

    def _own(self) -> Iterator[Sample]:
        yield Sample(catalogue.EXPORTER_BUILD_INFO, 1.0, (VERSION, "simulated"))
        yield Sample(catalogue.EXPORTER_RELOAD_OK, 1.0)
        yield Sample(catalogue.EXPORTER_LOG_LINES_DROPPED, 0.0)
        if self._store.last_commit is not None:
            yield Sample(catalogue.EXPORTER_LAST_COMMIT, self._store.last_commit)
        yield from self._dropped.samples()


def _series(metric: Metric, values: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Names and labels of the series that one point makes."""
    labels = dict(zip(metric.label_names, values, strict=True))
    if metric.kind != "histogram":
        yield metric.exposed_name, labels
        return
    for edge in (*map(str, metric.buckets), "+Inf"):
        yield f"{metric.name}_bucket", {**labels, "le": edge}
    yield f"{metric.name}_sum", labels
    yield f"{metric.name}_count", labels


def _values(value: Value) -> tuple[float, ...]:
    if isinstance(value, Histogram):
        cumulated = tuple(map(float, value.cumulative))
        return (*cumulated, value.sum, cumulated[-1])
    return (value,)


class _Story:
    """What happens on the day, in order of time."""

    def __init__(self, day: Day, api: _Api, clock: FakeClock) -> None:
        self.samples = Samples()
        self._day = day
        self._api = api
        self._clock = clock
        self._store = Store(None, clock.now)
        self._config = day.config if day.named in ("", api.site.name) else None
        self._life = _Exporter(api, self._store, clock, PODS[0], self._config)
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], Awaitable[None]]]] = []

    async def tell(self) -> None:
        """To its end."""
        day, api = self._day, self._api
        self._start_polls()
        self._at(self._clock.now() + SCRAPE_SECONDS / 2, self._scrape)
        if self._life.settings.otlp.findings:
            self._at(self._clock.now(), self._collect)
        if api.site.wave is not None:
            self._at(END - day.wave[0], partial(api.change, *api.site.wave))
            self._at(END - day.wave[1], partial(api.change, api.site.rate, api.site.bot_share))
        self._at(END - day.outage[0], partial(api.answer, "503"))
        self._at(END - day.outage[1], partial(api.answer, ""))
        self._at(END - day.move, self._move)
        while self._due[0][0] <= END:
            when, _, action = heapq.heappop(self._due)
            self._clock.advance(max(0.0, when - self._clock.now()))
            await action()
        await self._life.pipeline.close()
        await self._store.close()

    def _at(self, when: float, action: Callable[[], Awaitable[None]]) -> None:
        heapq.heappush(self._due, (when, next(self._order), action))

    def _start_polls(self) -> None:
        for poller in self._life.pipeline.pollers:
            self._at(self._clock.now(), partial(self._poll, self._life, poller))

    async def _poll(self, life: _Exporter, poller: Poller) -> None:
        if life is not self._life:
            return
        began = self._clock.now()
        await poller.poll()
        missed = int((self._clock.now() - began) // poller.interval)
        self._at(began + (missed + 1) * poller.interval, partial(self._poll, life, poller))

    async def _scrape(self) -> None:
        self._life.scrape(self.samples)
        self._at(self._clock.now() // SCRAPE_SECONDS * SCRAPE_SECONDS + 90, self._scrape)

    async def _collect(self) -> None:
        """A Collector takes what waits."""
        outbox = self._life.outbox
        await outbox.sent(await outbox.waiting(1000), rejected=0)
        self._at(self._clock.now() + COLLECTOR_SECONDS, self._collect)

    async def _move(self) -> None:
        """The pod moves: another instance goes on with the same state."""
        await self._life.pipeline.close()
        self._clock.advance(40)
        self._life = _Exporter(self._api, self._store, self._clock, PODS[1], self._config)
        self._start_polls()


async def _run(day: Day, site: Site) -> tuple[Samples, list[str]]:
    start = END - day.seconds
    clock = FakeClock(start)
    api = _Api(site, clock, start, timedelta(days=8 if day.week else 1))
    past = list(backfilled([_week_before(api, start)])) if day.week else []
    story = _Story(day, api, clock)
    await story.tell()
    return story.samples, past


def _told(day: Day, site: Site) -> tuple[Samples, list[str]]:
    # In a process of its own: what fails is counted, not logged.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return asyncio.run(_run(day, site))


def _week_before(api: _Api, until: float) -> Columns:
    """The ledger's counters of the week before, minute by minute, as `backfill` counts them."""
    counting = Rules(overlap=0, settle_after=0, threshold=0.7)
    columns = Columns(api.site.name)
    first = until - 7.5 * DAY_SECONDS
    step = WEEK_STEP_SECONDS
    times = map(float, range(int(first) // step * step, int(until) - 900, step))
    standing = LedgerState(row=0, first_start=first, begun=first)
    tally = Tally()
    upcoming = next(times, math.inf)

    def note() -> None:
        nonlocal standing, tally, upcoming
        tally.minutes.clear()
        standing, _, _ = state.counted(standing, tally, first, 100)
        tally = Tally()
        samples = state.samples(standing, {}, gauges=False)
        columns.add(upcoming, (it for it in samples if it.metric in WRITTEN))
        upcoming = next(times, math.inf)

    for session in api.sessions(until):
        if session.created < first * MICROSECONDS:
            continue
        while session.created >= upcoming * MICROSECONDS:
            note()
        rules.read(None, session, session.created, Bounds(0, 0), counting, tally)
    return columns


def scraped(files: Iterable[Iterable[str]]) -> Scrapes:
    """What the rules read of these files: the day, and the week before it as the same site's."""
    first = int(END - 8.5 * DAY_SECONDS)
    return ruled.scrapes(files, first, int(END), job=JOB, namespace=NAMESPACE, instance="past")


def simulate(day: Day, sites: Sequence[Site] = SITES) -> Iterator[Iterable[str]]:
    """The lines of OpenMetrics files: the day, then the week before it of each site."""
    with ProcessPoolExecutor(len(sites), multiprocessing.get_context("spawn")) as pool:
        told = list(pool.map(partial(_told, day), sites))
    whole = Samples()
    for samples, _ in told:
        whole.series |= samples.series
    yield whole.lines()
    yield from (past for _, past in told if past)
