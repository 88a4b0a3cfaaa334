"""A session collector with its ledger on a test's clock, which can be killed and started again."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from exporter.api.answer import Answer
from exporter.api.budget import Budget
from exporter.api.serverclock import ServerClock
from exporter.api.times import MICROSECONDS
from exporter.collect import registry
from exporter.collect.sessions.collector import Sessions
from exporter.ledger.database import Database
from exporter.ledger.engine import Connection
from exporter.ledger.ledger import Ledger
from exporter.ledger.rules import Rules
from exporter.ledger.sqlite import SqliteEngine
from exporter.ledger.state import LedgerState
from exporter.ledger.store import Store
from exporter.metrics.model import Sample
from exporter.metrics.telemetry import Telemetry, dropped_counter
from exporter.places import Place
from tests.clocks import FakeClock
from tests.ledger.listing import Fake, Listing

T = TypeVar("T")


class KilledError(BaseException):
    """The process ends here, as kill -9 ends it."""


class MortalStore(Store):
    """A store whose process can be killed just before or just after a commit.

    kill, fail: from the commit after the next `spared` on.
    entered: set when a transaction begins; it goes on when `gate` is set.
    """

    kill: str | None = None
    fail: sqlite3.Error | None = None
    spared = 0
    entered = threading.Event()
    gate = threading.Event()
    gate.set()

    def _transact(self, work: Callable[[Connection], T], then: Callable[[T], T]) -> T:
        self.entered.set()
        self.gate.wait(10)
        if (self.kill or self.fail) and self.spared:
            self.spared -= 1
            return super()._transact(work, then)
        if self.kill == "before":

            def dying(connection: Connection) -> T:
                work(connection)
                raise KilledError

            return super()._transact(dying, then)
        if self.kill == "after":

            def died(result: T) -> T:
                raise KilledError

            return super()._transact(work, died)
        failure: Exception | None = self.fail
        if failure is not None and not isinstance(self.engine, SqliteEngine):
            failure = psycopg.OperationalError(str(failure))
        if failure is not None:

            def failing(connection: Connection) -> T:
                work(connection)
                raise failure

            return super()._transact(failing, then)
        return super()._transact(work, then)


class Bench:
    """Runs polls; `restart` gives up the process and starts another on the same state.

    budgeted: whether requests wait until the budget has room for them, as the client's do.
    """

    def __init__(
        self,
        path: Path | Database | None,
        *,
        overlap: float = 20.0,
        settle_after: float = 120.0,
        interval: float = 10.0,
        lookback: float = 0.0,
        max_flags: int = 100,
        tier: str | None = "free",
        clock: FakeClock | None = None,
        share: float = 1.0,
        budgeted: bool = False,
        places: tuple[Place, ...] = (),
        min_users: int = 3,
        details: bool = False,
        findings: bool = False,
        **listing: Any,
    ) -> None:
        self.path = path
        self.clock = clock or FakeClock()
        self.rules = Rules(
            round(overlap * MICROSECONDS),
            round(settle_after * MICROSECONDS),
            0.7,
            places=places,
            min_users=min_users,
            details=details,
            findings=findings,
        )
        self.interval = interval
        self.lookback = lookback
        self.max_flags = max_flags
        self.tier = tier
        self.share = share
        self.budgeted = budgeted
        self.shown = dict[str, list[Sample]]()
        self.runner = asyncio.Runner()
        self.listing = Listing(self.clock, ServerClock(), **listing)
        self.start()

    def restart(self) -> None:
        """A new process: nothing in memory survives."""
        if self.path is None:
            raise ValueError("a state in memory does not survive")
        self.run(self.store.close())
        self.start()

    def held(self) -> bytes:
        """All that a process leaves in the state; another one is started then."""
        self.run(self.store.close())
        if isinstance(self.path, Database):
            found = rows_of(self.path)
        else:
            assert self.path is not None
            found = b"".join(file.read_bytes() for file in self.path.parent.iterdir())
        self.start()
        return found

    def start(self) -> None:
        """A process on the state as it lies there."""
        self.store = MortalStore(self.path, self.clock.now)
        self.telemetry = Telemetry(self.clock.now(), ("sessions",), dropped_counter(0.0))
        self.listing.server_clock = ServerClock(self.clock.now)
        self.budget = Budget(self.share, 1, self.clock, registry.BEHIND)
        self.budget.tier = self.tier
        self.listing.tell = lambda tier: setattr(self.budget, "tier", tier)
        self.ledger = Ledger(
            self.store,
            "test",
            self.rules,
            clock=self.clock,
            started=(self.clock.now(), self.clock.monotonic()),
            lookback=self.lookback,
            max_flags=self.max_flags,
            exemplars=False,
            telemetry=self.telemetry,
        )
        self.sessions = Sessions(
            api=self,
            ledger=self.ledger,
            budget=self.budget,
            server_clock=self.listing.server_clock,
            clock=self.clock,
            interval=self.interval,
        )
        # As the first poll does at once, also while the API is down.
        self.run(self.ledger.prepare())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def poll(self) -> None:
        """One poll; `shown` holds what it publishes, by part. Raises what it raises."""

        def publish(part: str, samples: Iterable[Sample]) -> None:
            self.shown[part] = list(samples)

        self.run(self.sessions.update(publish))

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, resource: str
    ) -> Answer:
        """As the client asks: the listing, through the budget where that is wanted."""
        async with self.budget.request(resource) if self.budgeted else nullcontext():
            return await self.listing.get(path, params, resource=resource)

    def close(self) -> None:
        self.run(self.store.close())
        self.runner.close()

    @property
    def state(self) -> LedgerState:
        assert self.ledger.state is not None
        return self.ledger.state

    def counts(self) -> dict[str, float]:
        """Counters by name, flags as `flag:<name>`."""
        found = {
            f"{name}:{label}" if label else name: value
            for (name, label), value in self.state.counts.items()
        }
        return {key: value for key, value in found.items() if not key.startswith("score")}

    def scores(self) -> tuple[int, float]:
        """Count and sum of the histogram of final scores."""
        counts = self.state.counts
        total = sum(value for (name, _), value in counts.items() if name == "score")
        return int(total), counts.get(("score_sum", ""), 0.0)


def rows_of(server: Database) -> bytes:
    """All rows of all tables, as the server writes them."""
    with psycopg.connect(server.read(), autocommit=True) as connection:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
        tables = [name for (name,) in connection.execute(query, (server.schema,))]
        rows = [
            connection.execute(f'SELECT t::text FROM "{server.schema}"."{it}" AS t'.encode())  # noqa: S608 - our own names
            for it in tables
        ]
        return "\n".join(text for found in rows for (text,) in found).encode()


Make = Callable[..., Bench]
"""Makes a bench, of the options given."""


def add(bench: Bench, name: str, ago: float = 0.0, **fields: Any) -> Fake:
    created = bench.listing.now() - round(ago * MICROSECONDS)
    values: dict[str, Any] = {"visible": created, "updated": created, "status": "closed"}
    values |= {"score": 0.1, **fields}
    it = Fake(name, created, **values)
    bench.listing.sessions[name] = it
    return it


def polls(bench: Bench, count: int, apart: float = 60.0) -> None:
    for _ in range(count):
        bench.clock.advance(apart)
        bench.poll()
