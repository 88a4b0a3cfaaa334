"""Replicas that share a database, as processes, and what is promised of all that they ever show."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import httpx

from exporter.ledger.database import Database
from exporter.simulator.truth import Truth
from tests.e2e.running import Exporter, Process, Scrape, client_of, process, rounded
from tests.soak.watch import LASTING, counters
from tests.tools.postgres import Cluster
from tests.tools.relay import Relay, relayed

SAMPLE_SECONDS = 0.2
BELOW_SECONDS = 5.0
"""So long the maximum over the replicas may be below an earlier one."""

DEAF = """
import sys
from exporter.fleet.fleet import Fleet, Leases
hold = Leases.hold
def keep(self, epochs):
    hold(self, {**epochs, **{it: l.epoch for it, l in self._leases.items() if l.epoch >= 0}})
Leases.hold = keep
async def watch(self):
    pass
Fleet._watch = watch
from exporter.api.budget import Spending
from exporter.pipelines import Pipelines
poll = Pipelines.hold
async def stay(self, held):
    await poll(self, {**{it.name: Spending() for it in self if it.polls}, **held})
Pipelines.hold = stay
"""
"""A replica that never notices that it lost a lease: nothing but the fence keeps it from harm."""

UNFENCED = """
from exporter.fleet.leases import Lease
def check(self, transaction):
    rows = transaction.execute(
        "UPDATE lease SET version = version + 1 WHERE integration = ? RETURNING version",
        (self.integration,))
    return rows.fetchone()[0]
Lease.check = check
"""

START = """
from exporter.cli import main
sys.exit(main())
"""


@dataclass
class Replica:
    """One process, and what it showed at its last sample."""

    daemon: Process
    exporter: Exporter
    relay: Relay
    stopped: bool = False
    highest: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)

    @property
    def pid(self) -> int:
        return self.daemon.pid

    def send(self, number: int) -> None:
        os.kill(self.pid, number)
        self.stopped = number == signal.SIGSTOP


class Fleet:
    """Starts replicas over one database, and watches what they show; `faults` says what broke."""

    def __init__(
        self,
        cluster: Cluster,
        variables: Mapping[str, str],
        truth: Callable[[], Truth],
        stack: AsyncExitStack,
        targets: Path | None,
    ) -> None:
        """targets: where Prometheus is told which replicas there are."""
        self.cluster = cluster
        self.place: Database = cluster.server()
        self.faults: list[str] = []
        self.replicas: list[Replica] = []
        self.samples = 0
        self._variables = variables
        self._truth = truth
        self._stack = stack
        self._targets = targets
        self._relays: list[Relay] = []
        """Of all replicas that there ever were."""
        self._rounds = 0
        self._looked = asyncio.Condition()
        self._top: dict[str, float] = {}
        self._reached: dict[str, float] = {}

    async def start(self, program: Sequence[str] = ("-m", "exporter")) -> Replica:
        """One more replica, once it serves."""
        relay = self._stack.enter_context(relayed(self.cluster.port))
        variables = {
            **self._variables,
            "ISNOTAI_STATE_URL": self.cluster.url(relay.port),
            "ISNOTAI_STATE_SCHEMA": self.place.schema,
        }
        daemon = await self._stack.enter_async_context(process(variables, program=program))
        exporter = await self._stack.enter_async_context(client_of(daemon))
        self._relays.append(relay)
        replica = Replica(daemon, exporter, relay)
        self.replicas.append(replica)
        self._tell()
        return replica

    async def end(self, replica: Replica, number: int = signal.SIGKILL) -> None:
        """End a replica, and look at it no more."""
        self.replicas.remove(replica)
        self._tell()
        replica.send(number)
        await replica.daemon.ended()

    def _tell(self) -> None:
        if self._targets is not None:
            targets = [it.exporter.url.removeprefix("http://") for it in self.replicas]
            written = self._targets.with_suffix(".new")
            written.write_text(json.dumps([{"targets": targets}]))
            written.replace(self._targets)

    async def poller(self, integration: str = "default", seconds: float = 30.0) -> Replica:
        """The one replica that says that it polls, once there is one."""
        async with asyncio.timeout(seconds):
            while True:
                for replica in self.replicas:
                    if replica.stopped:
                        continue
                    scrape = await replica.exporter.scrape()
                    if scrape.value("isnotai_exporter_poller", integration=integration) == 1:
                        return replica
                await self._moment()

    async def polled_well(self) -> Replica:
        """The one that polls, once the API answered it."""
        poller = await self.poller()
        await poller.exporter.until(lambda it: it.value("isnotai_up") == 1)
        return poller

    async def _moment(self) -> None:
        """Wait a moment, or fail where a replica ended by itself."""
        await self.replicas[0].daemon.moment()

    def record_commits(self) -> None:
        """Have the database write down each commit from now on, and over which connection."""
        schema = self.place.schema
        self.cluster.ask(f"""
            CREATE TABLE {schema}.history (
                n bigserial, integration text, epoch bigint, port bigint, at double precision);
            CREATE FUNCTION {schema}.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO {schema}.history (integration, epoch, port, at)
                VALUES (NEW.integration, NEW.epoch, inet_client_port(),
                    extract(epoch FROM clock_timestamp()));
                RETURN NEW; END $$;
            CREATE TRIGGER noted AFTER UPDATE ON {schema}.lease FOR EACH ROW
                WHEN (NEW.version <> OLD.version) EXECUTE FUNCTION {schema}.note()
        """)  # noqa: S608 - our own names

    def commits(self) -> list[tuple[str, int, int]]:
        """All commits in their order: integration, epoch, and which replica made it."""
        query = f"SELECT integration, epoch, port, at FROM {self.place.schema}.history ORDER BY n"  # noqa: S608 - our own name
        rows = self.cluster.ask(query)
        return [(name, epoch, self._by(port, at)) for name, epoch, port, at in rows]

    def _by(self, port: int, at: float) -> int:
        """Which replica had connected from that port last; the system gives a port out again."""
        return max(
            (when, number)
            for number, relay in enumerate(self._relays)
            for used, when in relay.connected
            if used == port and when <= at
        )[1]

    def check_commits(self) -> None:
        """Epochs come in order, and all commits of one were made by one replica: none by a replica
        that had lost the lease, as the new holder's epoch lies in the row by then."""
        epochs: dict[str, list[int]] = {}
        makers: dict[tuple[str, int], set[int]] = {}
        for integration, epoch, maker in self.commits():
            epochs.setdefault(integration, []).append(epoch)
            makers.setdefault((integration, epoch), set()).add(maker)
        assert epochs
        assert all(found == sorted(found) for found in epochs.values()), epochs
        assert all(len(found) == 1 for found in makers.values()), makers

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """All replicas are sampled, five times a second, while the block runs."""
        over = asyncio.Event()
        task = asyncio.create_task(self._watch(over))
        try:
            yield
        finally:
            over.set()
            await task

    async def _watch(self, over: asyncio.Event) -> None:
        while not over.is_set():
            began = monotonic()
            await asyncio.gather(*(self._look(it) for it in list(self.replicas) if not it.stopped))
            self._judge()
            async with self._looked:
                self._rounds += 1
                self._looked.notify_all()
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), SAMPLE_SECONDS - (monotonic() - began))

    async def sampled(self, rounds: int) -> None:
        """Wait until all replicas were sampled so many times more."""
        wanted = self._rounds + rounds
        async with asyncio.timeout(60), self._looked:
            await self._looked.wait_for(lambda: self._rounds >= wanted)

    async def _look(self, replica: Replica) -> None:
        try:
            response = await replica.exporter.client.get("/metrics", timeout=2)
        except httpx.HTTPError:
            return  # killed or stopped this moment
        if response.status_code != 200:
            return
        self.samples += 1
        truth = self._truth()
        found = {series: value for series, value, _ in counters(response.text)}
        for series, value in found.items():
            before = replica.highest.get(series, 0.0)
            if value < before:
                self.faults.append(f"{replica.pid}: {series} fell from {before} to {value}")
            replica.highest[series] = max(before, value)
        for series in replica.last.keys() - found.keys():
            self.faults.append(f"{replica.pid}: {series} is gone")
        replica.last = found
        for name, most in (
            ("isnotai_sessions_total", truth.sessions),
            ("isnotai_bot_sessions_total", truth.bot_sessions),
        ):
            shown = found.get(f'{name}{{integration="default"}}', 0.0)
            if shown > most:
                self.faults.append(f"{replica.pid}: {name} shows {shown}, there are {most}")

    def _judge(self) -> None:
        """The maximum over the replicas, as whoever scrapes all of them sees it."""
        now = monotonic()
        best: dict[str, float] = {}
        for replica in (it for it in self.replicas if not it.stopped):
            for series, value in replica.last.items():
                if series.partition("{")[0].removesuffix("_bucket") in LASTING:
                    best[series] = max(best.get(series, 0.0), value)
        for series, top in self._top.items():
            if best.get(series, 0.0) >= top:
                self._reached[series] = now
            elif now - self._reached[series] > BELOW_SECONDS:
                self.faults.append(f"all: {series} is at {best.get(series)}, and was at {top}")
                self._reached[series] = now
        for series, value in best.items():
            if value >= self._top.get(series, 0.0):
                self._top[series] = value
                self._reached[series] = now

    async def until_all_agree(self, truth: Truth, seconds: float = 60.0) -> None:
        """Wait until every replica shows the truth; says how they differ otherwise."""
        expected = _without_invalid(rounded(truth))
        deadline = monotonic() + seconds
        while True:
            shown = [await it.exporter.scrape() for it in self.replicas]
            counted = [_without_invalid(it.counted()) for it in shown]
            if all(it == expected for it in counted):
                return
            if monotonic() > deadline:
                for it, found in zip(self.replicas, counted, strict=True):
                    assert found == expected, f"{found}\nis not {expected}\n{it.daemon.output}"
            await self._moment()


def _without_invalid(truth: Truth) -> Truth:
    """Less what each process counts for itself."""
    fields = {name: getattr(truth, name) for name in Truth.__dataclass_fields__}
    return Truth(**{**fields, "invalid_items": 0})


def polls(scrape: Scrape) -> float:
    return scrape.value("isnotai_exporter_poller") or 0.0


@asynccontextmanager
async def fleet(
    cluster: Cluster,
    variables: Mapping[str, str],
    truth: Callable[[], Truth],
    targets: Path | None = None,
) -> AsyncIterator[Fleet]:
    """A fleet without a replica yet; all of its processes end with the block."""
    async with AsyncExitStack() as stack:
        yield Fleet(cluster, variables, truth, stack, targets)
