"""A state in a database of our own PostgreSQL, for tests that run on either engine."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import psycopg
import pytest

from tests.tools.postgres import Cluster
from tests.tools.relay import Relay, relayed

Kind = Literal["none", "cut", "silent", "deaf", "mute", "silent from the start"]

KINDS: tuple[Kind, ...] = (
    *("none",) * 5,
    *("cut", "silent", "deaf", "mute", "silent from the start"),
)


@dataclass
class Unreachable:
    """What happens to the connection to the database in one life of the exporter.

    kind: "deaf" hears nothing of the database any more, "mute" is not heard by it.
    """

    relay: Relay
    kind: Kind
    recovers: bool

    def prepare(self) -> Callable[[], None] | None:
        if self.kind == "silent from the start":
            self.relay.swallow()
        return None

    def strike(self, pid: int) -> None:
        if self.kind == "cut":
            self.relay.cut()
        elif self.kind in ("silent", "deaf", "mute"):
            self.relay.swallow(there=self.kind != "deaf", back=self.kind != "mute")

    def recover(self, pid: int | None = None) -> None:
        self.relay.pass_on()
        self.relay.cut()


class DatabaseState:
    """A schema of its own, which daemons reach by a relay."""

    def __init__(self, cluster: Cluster, relay: Relay) -> None:
        self._cluster = cluster
        self._relay = relay
        self._schema = cluster.server().schema

    @property
    def variables(self) -> dict[str, str]:
        return {
            "ISNOTAI_STATE_URL": self._cluster.url(self._relay.port),
            "ISNOTAI_STATE_SCHEMA": self._schema,
        }

    def contents(self) -> dict[str, bytes]:
        tables = self._cluster.ask(
            f"SELECT tablename FROM pg_tables WHERE schemaname = '{self._schema}'"
        )
        return {table: self._rows(table) for (table,) in tables}

    def _rows(self, table: str) -> bytes:
        """All values, each as it is: what is bytes is not written in other signs."""
        rows = self._cluster.ask(f"SELECT * FROM {self._schema}.{table}")
        values = [value for row in rows for value in row]
        return b"\n".join(it if isinstance(it, bytes) else str(it).encode() for it in values)

    def invalid_items(self) -> int:
        try:
            ((number,),) = self._cluster.ask(f"SELECT count(*) FROM {self._schema}.invalid")
        except psycopg.errors.UndefinedTable:
            return 0  # no daemon has reached it yet
        return int(number)

    def draw(self, chance: random.Random) -> Unreachable:
        return Unreachable(self._relay, chance.choice(KINDS), chance.random() < 0.5)


@pytest.fixture
def state(postgres: Cluster) -> Iterator[DatabaseState]:
    """Where a daemon keeps what it counts; for modules that import it by name."""
    with relayed(postgres.port) as relay:
        yield DatabaseState(postgres, relay)
