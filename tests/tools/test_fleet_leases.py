"""Leases in a real database: equal shares, taken over in time, given up in time, told apart."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

import pytest

from exporter.api.budget import Spending
from exporter.clock import SystemClock
from exporter.fleet import leases
from exporter.fleet.fleet import Fleet, Leases, States
from exporter.ledger.database import Database
from exporter.ledger.engine import StateError
from exporter.ledger.fence import LostLeaseError
from exporter.ledger.store import Store
from tests.tools.postgres import Cluster
from tests.tools.relay import relayed

pytestmark = [pytest.mark.tools, pytest.mark.timeout(200)]

SECONDS = 30.0
_Told = TypeVar("_Told")
NAMES = [f"customer-{number:04}" for number in range(1000)]


@dataclass
class Member:
    """One replica's part in a fleet.

    beaten: set with each beat, once it was told what to poll. read_by: the threads that read what
    this replica tells.
    """

    store: Store
    leases: Leases
    wanted: list[str]
    spending: dict[str, Spending] = field(default_factory=dict)
    held: Mapping[str, Spending] = field(default_factory=dict)
    beaten: asyncio.Event = field(default_factory=asyncio.Event)
    read_by: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.fleet = Fleet(
            self.store,
            self.leases,
            SystemClock(),
            wanted=lambda: self.tell(self.wanted),
            spending=lambda: self.tell(self.spending),
            hold=self.hold,
            follow=self.follow,
        )

    def tell(self, told: _Told) -> _Told:
        self.read_by.add(threading.get_ident())
        return told

    async def hold(self, held: Mapping[str, Spending]) -> None:
        self.held = held
        self.beaten.set()

    def follow(self, states: States) -> None:
        pass


def member(place: Database, name: str, wanted: list[str] = NAMES) -> Member:
    return Member(Store(place, lambda: 0.0), Leases(name), wanted)


@asynccontextmanager
async def running(*members: Member) -> AsyncIterator[list[asyncio.Task[None]]]:
    """They beat while the block runs, unless their task is cancelled before."""
    tasks = [asyncio.create_task(it.fleet.run()) for it in members]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for it in members:
            with suppress(StateError):
                await it.fleet.leave()


async def until(condition: Callable[[], object], *members: Member) -> float:
    """Wait until it holds, looking at each beat of these; gives the seconds that it took."""
    began = monotonic()
    async with asyncio.timeout(SECONDS):
        while not condition():
            waits = [asyncio.create_task(it.beaten.wait()) for it in members]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            for it in members:
                it.beaten.clear()
    return monotonic() - began


def shares(*members: Member) -> list[int]:
    return sorted(len(it.held) for it in members)


async def test_a_thousand_integrations_are_shared_and_a_dead_ones_are_taken_over(
    postgres: Cluster,
) -> None:
    place = postgres.server()
    first, second, third = (member(place, name) for name in "abc")
    async with running(first, second, third) as tasks:
        await until(lambda: shares(first, second, third) == [333, 333, 334], first, second, third)
        held = [set(it.held) for it in (first, second, third)]
        assert set().union(*held) == set(NAMES)

        tasks[0].cancel()
        took = await until(lambda: shares(second, third) == [500, 500], second, third)
        assert took < 20
        # What the living held stays where it was.
        assert held[1] <= set(second.held)
        assert held[2] <= set(third.held)


async def test_who_leaves_is_followed_at_once_and_what_it_spent_is_known(postgres: Cluster) -> None:
    place = postgres.server()
    first, second = member(place, "a", ["one"]), member(place, "b", ["one"])
    await first.fleet.beat()
    await second.fleet.beat()
    assert (set(first.held), set(second.held)) == ({"one"}, set())
    first.spending = {"one": Spending({0: 5, 30: 2}, "pro")}

    await first.fleet.leave()
    await second.fleet.beat()

    told = second.held["one"]
    assert told.tier == "pro"
    assert sorted(told.ages.values()) == [2, 5]
    assert min(told.ages) < 5
    await second.fleet.leave()


async def test_tables_of_before_tiers_were_told_are_upgraded(postgres: Cluster) -> None:
    place = postgres.server()
    first = member(place, "a", ["one"])
    await first.fleet.beat()
    await first.fleet.leave()
    postgres.ask(f"ALTER TABLE {place.schema}.replica DROP COLUMN tiers")
    postgres.ask(f"UPDATE {place.schema}.meta SET value = '1' WHERE key = 'version'")  # noqa: S608 - our own name
    second = member(place, "b", ["one"])

    await second.fleet.beat()

    assert set(second.held) == {"one"}
    await second.fleet.leave()


async def test_what_the_event_loop_changes_is_read_there(postgres: Cluster) -> None:
    one = member(postgres.server(), "a", ["one"])

    await one.fleet.beat()
    await one.fleet.leave()

    assert set(one.held) == {"one"}
    assert one.read_by == {threading.get_ident()}


async def test_a_lost_lease_commits_nothing(postgres: Cluster) -> None:
    place = postgres.server()
    first, second = member(place, "a", ["one"]), member(place, "b", ["one"])
    await first.fleet.beat()
    fence = first.leases.lease("one")
    versions = [await first.store.run(fence.check) for _ in range(2)]
    assert versions == [1, 2]

    # As it is when its process stood still for longer than a lease.
    await first.store.run(
        lambda it: it.execute("UPDATE replica SET expires = clock_timestamp() - interval '1s'")
    )
    await second.fleet.beat()

    assert set(second.held) == {"one"}
    with pytest.raises(LostLeaseError):
        await first.store.run(fence.check)
    assert await second.store.run(second.leases.lease("one").check) == 3
    await first.fleet.beat()
    assert set(first.held) == set()
    for it in (first, second):
        await it.fleet.leave()


async def test_a_replica_cut_off_from_the_database_rests_before_others_take_over(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 4)
    monkeypatch.setattr("exporter.fleet.fleet.LEASE_SECONDS", 4)
    place = postgres.server()
    with relayed(postgres.port) as relay:
        cut = member(Database(place.schema, postgres.url(relay.port)), "a", ["one"])
        other = member(place, "b", ["one"])
        await cut.fleet.beat()
        async with running(cut, other):
            await until(lambda: cut.held and cut.fleet.alive == 2, cut)
            relay.swallow()
            await until(lambda: not cut.held, cut)
            assert not other.held
            assert cut.leases.held() == []
            await until(lambda: other.held, other)
            relay.pass_on()
            relay.cut()


async def test_replicas_with_other_settings_take_only_what_nobody_polls(postgres: Cluster) -> None:
    place = postgres.server()
    old = member(place, "old", ["one", "two"])
    new = member(place, "new", ["two", "three"])
    await old.fleet.beat()
    await new.fleet.beat()
    assert (set(old.held), set(new.held)) == ({"one", "two"}, {"three"})

    old.wanted = ["one"]
    await old.fleet.beat()
    await new.fleet.beat()

    assert (set(old.held), set(new.held)) == ({"one"}, {"two", "three"})
    for it in (old, new):
        await it.fleet.leave()
