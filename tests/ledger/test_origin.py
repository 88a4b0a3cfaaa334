"""Where counting begins: what nobody meant to read is neither a backlog nor a gap."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest

from exporter.api.times import MICROSECONDS
from exporter.ledger.rules import Rules
from exporter.ledger.shown import Shown
from tests.clocks import FakeClock
from tests.ledger.bench import Bench, Make, add, polls

T = TypeVar("T")


def test_sessions_switched_off_for_weeks_are_no_backlog_and_no_gap_afterwards(make: Make) -> None:
    bench = make(tier="free")
    add(bench, "before", status="active", score=0.8)
    polls(bench, 1)
    bench.restart()
    bench.run(bench.ledger.rest())
    for day in range(40):
        bench.clock.advance(86_400)
        add(bench, f"meanwhile-{day}")
    bench.clock.advance(60)
    bench.restart()
    polls(bench, 1)
    add(bench, "after")

    polls(bench, 3)

    assert bench.counts()["sessions"] == 2
    assert "gap" not in bench.counts()
    assert bench.scores() == (2, 0.9)


def test_a_reload_that_switches_sessions_on_again_counts_from_then_on(make: Make) -> None:
    """One process all along; a lookback reaches back, but not over what is forgotten."""
    bench = make(tier="free", lookback=600)
    add(bench, "before")
    polls(bench, 2)
    bench.run(bench.ledger.rest())
    bench.run(bench.ledger.rest())
    bench.clock.advance(3 * 86_400)
    for minutes in (5, 15, 600):
        add(bench, f"{minutes}-ago", ago=60 * minutes)
    polls(bench, 3, apart=10)

    assert bench.counts()["sessions"] == 2
    assert bench.run(bench.ledger.rest()) is None
    bench.clock.advance(10)
    polls(bench, 2, apart=10)
    assert bench.counts()["sessions"] == 2


def test_a_first_process_without_a_clock_makes_no_backlog_of_fifty_years(make: Make) -> None:
    """1970, and the API down; then a restart on a clock that is set."""
    clock = FakeClock(5.0)
    bench = make(tier="free", clock=clock)
    bench.listing.date = lambda *_: None
    bench.listing.fail = lambda _: True
    with pytest.raises(Exception, match="503"):
        bench.poll()
    clock.advance(1_790_000_000.0)
    bench.listing.date = lambda _, right: right
    bench.listing.fail = lambda _: False
    add(bench, "old", ago=86_400)
    bench.restart()
    add(bench, "new")

    polls(bench, 3)

    assert bench.counts()["sessions"] == 1
    assert "gap" not in bench.counts()


def test_our_clock_that_is_set_back_while_it_runs_moves_no_origin(make: Make) -> None:
    clock = FakeClock()
    bench = make(clock=clock)
    bench.listing.fail = lambda _: True
    bench.listing.date = lambda *_: None
    with pytest.raises(Exception, match="503"):
        bench.poll()
    add(bench, "early")
    bench.clock.advance(300)
    clock.wall -= 900
    bench.listing.skew = 900.0
    bench.listing.fail = lambda _: False
    bench.listing.date = lambda _, right: right

    polls(bench, 3)

    assert bench.counts()["sessions"] == 1


@pytest.mark.parametrize("restarted", [False, True])
def test_where_counting_begins_moves_back_with_the_apis_clock(make: Make, restarted: bool) -> None:
    """Else nothing new would count until the clock is again where it was."""
    bench = make()
    add(bench, "before", ago=1500)
    polls(bench, 2)
    bench.listing.skew -= 1000
    add(bench, "after")
    if restarted:
        bench.restart()

    polls(bench, 7, apart=30)

    assert bench.counts()["sessions"] == 1
    assert bench.counts()["step_backs"] == 1
    assert bench.counts().get("gap", 0) == 0


@pytest.mark.parametrize("restarted", [False, True])
def test_what_a_set_back_clock_passes_again_is_a_gap_once(make: Make, restarted: bool) -> None:
    """However many polls there are until the clock is again where it was."""
    bench = make(overlap=60, settle_after=300)
    for number in range(20):
        add(bench, f"s{number}")
        polls(bench, 1, apart=60)
    horizon = bench.state.bounds.horizon
    bench.listing.skew -= 1800
    now = bench.listing.now()
    polls(bench, 3, apart=60)
    add(bench, "passed again")
    if restarted:
        bench.restart()

    polls(bench, 40, apart=60)
    add(bench, "new")
    polls(bench, 2, apart=60)

    assert bench.counts()["sessions"] == 21
    assert bench.counts()["step_backs"] == 1
    unknown = 240  # until the Dates are believed; a process that has just begun needs no less
    assert bench.counts()["gap"] == pytest.approx((horizon - now) / MICROSECONDS - unknown, abs=1)


def test_first_dates_that_are_behind_what_was_read_before_are_no_step_back(make: Make) -> None:
    """Two servers of several may be wrong alike; before, that was a gap of ten minutes."""
    bench = make(overlap=60, settle_after=300)
    for number in range(20):
        add(bench, f"s{number}")
        polls(bench, 1)
    bench.restart()
    bench.listing.date = lambda _, right: right - 600
    polls(bench, 2, apart=5)
    bench.listing.date = lambda _, right: right
    add(bench, "new")

    polls(bench, 10)

    assert bench.counts()["sessions"] == 21
    assert bench.counts().get("step_backs", 0) == 0
    assert bench.counts().get("gap", 0) == 0


def test_before_any_id_is_forgotten_the_first_start_moves_back_with_the_clock(make: Make) -> None:
    bench = make(overlap=900)
    add(bench, "before", ago=1500)
    polls(bench, 1)
    add(bench, "first")
    polls(bench, 1)
    assert bench.counts()["sessions"] == 1
    bench.listing.skew -= 600
    add(bench, "passed again")

    polls(bench, 12)

    assert bench.counts()["sessions"] == 2
    assert bench.counts()["step_backs"] == 1
    assert bench.counts().get("gap", 0) == 0


def test_a_prepare_that_is_late_never_undoes_what_another_has_committed(make: Make) -> None:
    """Two collectors call it at once; one has its answer when the other has begun to count."""
    bench = make()
    ledger, store, now = bench.ledger, bench.store, bench.listing.now()
    ledger._shown, ledger._loaded = Shown(), None
    run_then = store.run_then

    async def at_once() -> None:
        loaded, begun = asyncio.Event(), asyncio.Event()

        async def late(work: Callable[..., T], then: Callable[[T], T]) -> T:
            store.run_then = run_then  # type: ignore[method-assign]  # the next is not late
            result = await run_then(work, then)
            loaded.set()
            await begun.wait()
            return result

        store.run_then = late  # type: ignore[method-assign]  # a double
        waiting = asyncio.create_task(ledger.prepare())
        await loaded.wait()
        await ledger.begin(now)
        begun.set()
        await waiting

    bench.run(at_once())

    assert bench.state.origin is not None
    assert bench.state.bounds.frontier == bench.state.origin


def test_the_rules_of_a_ledger_are_changed_in_place(make: Make) -> None:
    bench: Bench = make(max_flags=1)
    bench.poll()
    add(bench, "one", score=0.6, flags=["webdriver", "headless"])
    polls(bench, 1)
    assert (bench.counts().get("bots", 0), bench.counts()["flag:other"]) == (0, 1)

    rules = Rules(20 * MICROSECONDS, 120 * MICROSECONDS, 0.5)
    bench.ledger.adjust(rules, lookback=0.0, max_flags=5, exemplars=False)
    add(bench, "two", score=0.6, flags=["headless"])
    polls(bench, 2)

    assert bench.counts()["sessions"] == 2
    assert bench.counts()["bots"] == 1
    assert bench.counts()["flag:headless"] == 1
