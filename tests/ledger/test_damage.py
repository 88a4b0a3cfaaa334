"""A state that turns out damaged under way: no counter falls, and what comes later is counted."""

import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from exporter.api.answer import Answer
from exporter.api.errors import StatusError
from exporter.api.times import MICROSECONDS, parse_time
from exporter.ledger.engine import StateError
from tests.examples import examples
from tests.ledger.bench import Make, add, polls
from tests.ledger.listing import Fake
from tests.ledger.test_exactly_once import Counting
from tests.ledger.world import FLAGS


def damage() -> sqlite3.DatabaseError:
    """What SQLite says of a page that makes no sense."""
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


class Damaged(Counting):
    """The trouble of `Counting`, and a state file that has to be moved aside."""

    damaged_at: int | None = None

    @initialize()
    def undamaged(self) -> None:
        self.damaged_at = None

    @precondition(lambda self: self.bench.state.origin is not None)
    @rule(spared=st.integers(0, 6))
    def poll_on_a_damaged_state(self, spared: int) -> None:
        """From one of its commits on; the process lives, and lays a new state."""
        store = self.bench.store
        assert store is not None
        generation = store.generation
        store.fail, store.spared = damage(), spared
        self.attempt()
        store.fail, store.spared = None, 0
        if store.generation == generation:
            return  # the poll had no so many commits
        self.bench.run(self.bench.ledger.prepare())
        self.watch()
        self.damaged_at = self.listing.now() + self.back * MICROSECONDS
        self.horizon = self.bench.state.bounds.horizon
        self.before, self.scores_before = self.bench.counts(), self.bench.scores()
        assert isinstance(self.bench.path, Path)
        assert list(self.bench.path.parent.glob("*.damaged-*"))

    def check(self) -> None:
        """What was read up to then is forgotten, and is not counted again where it was walked past.

        So of what was created since the horizon of the new state, all that the list shows since
        then counts, and nothing twice.
        """
        if self.damaged_at is None:
            super().check()
            return
        valid = [it for it in self.listing.sessions.values() if not it.broken]
        again = [it for it in valid if it.created >= self.horizon]
        new = [it for it in again if it.visible > self.damaged_at]
        counts, (scored, total) = self.bench.counts(), self.bench.scores()
        before = self.before
        for name, counted in [
            ("sessions", lambda it: True),
            ("bots", lambda it: (it.score or 0.0) >= 0.7),
            *((f"flag:{flag}", lambda it, flag=flag: flag in it.flags) for flag in FLAGS),
            *(
                (
                    f"bot_flag:{flag}",
                    lambda it, flag=flag: flag in it.flags and (it.score or 0.0) >= 0.7,
                )
                for flag in FLAGS
            ),
        ]:
            more = counts.get(name, 0) - before.get(name, 0)
            assert number(new, counted) <= more <= number(again, counted), name
        count_before, total_before = self.scores_before
        assert number(new, is_scored) <= scored - count_before <= number(again, is_scored)
        most = sum(it.score or 0.0 for it in again)
        assert total - total_before <= most + 0.001
        assert self.bench.state.unsettled == 0


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
def test_damage_while_a_sweep_is_stuck_loses_nothing_and_counts_nothing_twice(
    make: Make, again: bool
) -> None:
    bench = make(interval=60, page_size=50, latency=0.1)
    bench.poll()
    for number in range(10):
        bench.clock.advance(60)
        add(bench, f"unread{number}")
    poison, ask = bench.listing.now() - 300 * MICROSECONDS, bench.listing.get

    async def poisoned(
        path: str, params: Mapping[str, str] | None = None, *, resource: str
    ) -> Answer:
        if params and "startDate" in params and parse_time(params["startDate"]) <= poison:
            end = params.get("endDate")
            if end is None or parse_time(end) >= poison:
                raise StatusError(500)
        answer: Answer = await ask(path, params, resource=resource)
        return answer

    bench.listing.get = poisoned  # type: ignore[method-assign]  # it fails where it is to
    for number in range(25):
        add(bench, f"tail{number}")
        bench.clock.advance(60)
        with suppress(StatusError):
            bench.poll()
    before = bench.counts()
    # What lies behind the moment that cannot be read was counted, and what tails reached.
    assert 25 <= before["sessions"] < 35

    assert bench.store is not None
    for _ in range(1 + again):
        bench.store.fail = damage()
        with pytest.raises(StateError):
            bench.poll()
        bench.store.fail = None
        with suppress(StatusError):
            bench.poll()
        assert bench.counts() == before
    bench.listing.get = ask  # type: ignore[method-assign]  # and does no more
    polls(bench, 20)

    assert bench.counts()["sessions"] == 35
    assert bench.counts().get("gap", 0) == 0
    assert bench.state.bounds.frontier > bench.listing.now() - 300 * MICROSECONDS


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE session SET flags = '[1'",
        "UPDATE session SET flags = '[1]'",
        "UPDATE session SET flags = '{}'",
        "UPDATE session SET flags = replace(hex(zeroblob(9999)), '0', '[')",
        "UPDATE session SET flags = CAST(x'ff22' AS TEXT)",
        "UPDATE session SET score = 9e999",
        "UPDATE counter SET value = -1 WHERE name = 'sessions'",
        "UPDATE counter SET value = 9e999 WHERE name = 'sessions'",
        "UPDATE counter SET label = CAST(x'c3' AS TEXT) WHERE name = 'flag'",
        "UPDATE meta SET value = x'00' WHERE key = 'salt'",
        "UPDATE session SET flags = '[1'; PRAGMA user_version = 2",
    ],
)
def test_rows_that_cannot_be_ours_are_damage_and_counting_goes_on(make: Make, harm: str) -> None:
    bench = make(settle_after=3600.0)
    polls(bench, 2)
    add(bench, "before", status="active", flags=["webdriver"])
    polls(bench, 2)
    assert isinstance(bench.path, Path)
    assert bench.store is not None
    bench.run(bench.store.close())
    connection = sqlite3.connect(bench.path)
    connection.executescript(harm)
    connection.close()
    path = bench.path

    with suppress(StateError):  # some damage is met at once, some by the first poll
        bench.start()
    bench.listing.sessions["before"].flags.append("headless")
    for _ in range(3):
        with suppress(StateError):
            polls(bench, 1)
    add(bench, "after")
    polls(bench, 2)

    assert bench.counts()["sessions"] >= 1
    assert list(path.parent.glob("*.damaged-*"))


def is_scored(it: Fake) -> bool:
    return it.score is not None


def number(sessions: list[Fake], counted: Callable[[Fake], bool]) -> int:
    return sum(map(counted, sessions))


TestDamaged = Damaged.TestCase
TestDamaged.settings = settings(
    max_examples=examples(7),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_counting_goes_on_after_damage_in_many_more_histories() -> None:
    run_state_machine_as_test(
        Damaged,
        settings=settings(
            max_examples=int(os.environ.get("SOAK_EXAMPLES", "1000")) // 2,
            stateful_step_count=50,
            deadline=None,
            derandomize=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
