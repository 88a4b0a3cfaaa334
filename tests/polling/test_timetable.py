"""The timetable: pollers poll on their intervals, one begins in a turn, and those that end, end."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.api.errors import StatusError
from exporter.clock import Clock, SystemClock
from exporter.polling.collector import Publish
from exporter.polling.frame import Poller
from exporter.polling.schedule import Schedule
from exporter.polling.timetable import Timetable
from tests import virtual_time
from tests.collect.recorded import telemetry
from tests.examples import examples
from tests.polling.collected import Collected, failing, poller_of, stat
from tests.virtual_time import VirtualClock

DUE = 50
TIME_OUT = 10.0


@asynccontextmanager
async def polled(*pollers: Poller, clock: Clock) -> AsyncIterator[Timetable]:
    """A timetable by which they are polled meanwhile."""
    timetable = Timetable(clock)
    async with asyncio.TaskGroup() as group:
        for poller in pollers:
            timetable.begin(poller, group)
        yield timetable
        timetable.end(pollers)


def run_for(seconds: float, interval: float, durations: list[float]) -> tuple[list[float], float]:
    """When polls began, after the first, and how many were skipped."""

    async def scenario() -> tuple[list[float], float]:
        clock, watch = VirtualClock(), telemetry()
        collected = Collected(clock=clock)
        left = list(durations)

        def next_took(publish: Publish) -> None:
            collected.took = left.pop(0) if left else 0.0

        collected.work = next_took
        poller = poller_of(collected, clock, interval=interval, watch=watch)
        async with polled(poller, clock=clock):
            await clock.sleep(seconds)
        start = collected.began[0]
        return [began - start for began in collected.began], watch.polls.value("stats", "skipped")

    return virtual_time.run(scenario())


def test_polls_keep_to_their_interval_however_long_they_take() -> None:
    began, skipped = run_for(359, 60.0, [10.0, 59.0, 0.0, 30.0])

    assert began == pytest.approx([0, 60, 120, 180, 240, 300])
    assert skipped == 0


def test_what_comes_while_a_poll_runs_is_skipped_and_counted_and_the_rhythm_stays() -> None:
    began, skipped = run_for(659, 60.0, [150.0, 0.0, 61.0])

    assert began == pytest.approx([0, 60, 240, 300, 420, 480, 540, 600])
    assert skipped == 3


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(st.floats(0, 500), max_size=8), st.floats(1, 120), st.integers(1, 20).map(float))
def test_polls_never_overlap_and_each_tick_is_a_poll_or_counted_as_skipped(
    durations: list[float], interval: float, rounds: float
) -> None:
    seconds = sum(durations) + (len(durations) + rounds) * interval + interval / 2
    began, skipped = run_for(seconds, interval, durations)

    ticks = [time / interval for time in began]
    assert ticks == pytest.approx([round(tick) for tick in ticks], abs=1e-5)
    assert round(ticks[-1]) + 1 == len(began) + skipped
    assert len(set(map(round, ticks))) == len(ticks)


@pytest.mark.parametrize(
    ("interval", "waits"),
    [
        (60.0, [60.0, 60.0, 60.0]),
        (900.0, [900.0, 900.0, 900.0]),
        (86_400.0, [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3840.0, 7680.0, 15360.0, 21600.0]),
    ],
)
def test_a_failed_poll_of_a_long_interval_is_repeated_before_its_time(
    interval: float, waits: list[float]
) -> None:
    async def scenario() -> list[float]:
        clock = VirtualClock()
        collected = Collected(failing(StatusError(503)), clock=clock)
        poller = poller_of(collected, clock, interval=interval)
        async with polled(poller, clock=clock):
            await clock.sleep(sum(waits) + 1)
        return collected.began

    began = virtual_time.run(scenario())

    assert [later - before for before, later in pairwise(began)] == waits


def test_what_was_repeated_comes_again_when_it_is_due_and_nothing_counts_as_skipped() -> None:
    async def scenario() -> tuple[list[float], float]:
        clock, watch = VirtualClock(), telemetry()
        collected = Collected(failing(StatusError(503)), clock=clock)
        poller = poller_of(collected, clock, interval=3600.0, watch=watch)
        async with polled(poller, clock=clock):
            await clock.sleep(90)
            collected.work = stat
            await clock.sleep(3 * 3600)
        start = collected.began[0]
        return [time - start for time in collected.began], watch.polls.value("stats", "skipped")

    began, skipped = virtual_time.run(scenario())

    assert began == [0.0, 60.0, 180.0, 3600.0, 7200.0, 10_800.0]
    assert skipped == 0


def test_polls_keep_their_place_after_an_early_first_one() -> None:
    async def scenario() -> tuple[list[float], list[float], float]:
        clock, watch = VirtualClock(), telemetry()
        collected = Collected(clock=clock)
        schedule = Schedule(60.0, place=0.5, within=10.0)
        one = poller_of(collected, clock, watch=watch, schedule=schedule)
        started = clock.monotonic()
        first, tick = schedule.begin(clock.now())
        async with polled(one, clock=clock):
            await clock.sleep(tick + 150.0)
        began = [at - started for at in collected.began]
        return began, [first, tick, tick + 60, tick + 120], watch.polls.value("stats", "skipped")

    began, wanted, skipped = virtual_time.run(scenario())

    assert wanted[0] < wanted[1]
    assert began == pytest.approx(wanted)
    assert skipped == 0


async def test_no_two_polls_begin_in_one_turn_of_the_loop() -> None:
    turns, began = 0, list[int]()
    clock, done = SystemClock(), asyncio.Event()

    def turn() -> None:
        nonlocal turns
        turns += 1
        if not done.is_set():
            asyncio.get_running_loop().call_soon(turn)

    def begin(publish: Publish) -> None:
        began.append(turns)
        if len(began) == DUE:
            done.set()

    turn()
    async with polled(*(poller_of(Collected(begin), clock) for _ in range(DUE)), clock=clock):
        await asyncio.wait_for(done.wait(), TIME_OUT)

    assert all(before < after for before, after in pairwise(began))


def test_a_poller_that_comes_is_polled_at_once_while_others_wait() -> None:
    async def scenario() -> list[float]:
        clock = VirtualClock()
        early, late = Collected(clock=clock), Collected(clock=clock)
        async with polled(poller_of(early, clock), clock=clock) as timetable:
            await clock.sleep(10)
            async with asyncio.TaskGroup() as group:
                poller = poller_of(late, clock)
                timetable.begin(poller, group)
                await clock.sleep(10)
                timetable.end([poller])
            await clock.sleep(105)
        start = early.began[0]
        assert [at - start for at in early.began] == [0.0, 60.0, 120.0]
        return [at - start for at in late.began]

    assert virtual_time.run(scenario()) == [10.0]


def test_who_ends_is_polled_no_more_and_holds_up_nobody() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        slow, waiting, other = (Collected(clock=clock) for _ in range(3))
        slow.took = 3600.0
        pollers = [poller_of(it, clock) for it in (slow, waiting, other)]
        async with polled(*pollers, clock=clock) as timetable:
            await clock.sleep(90)
            (under_way,) = timetable.end(pollers[:2])
            await asyncio.wait([under_way])
            assert under_way.cancelled()
            assert [it in timetable for it in pollers] == [False, False, True]
            await clock.sleep(90)
            assert [len(it.began) for it in (slow, waiting, other)] == [1, 2, 3]
            assert slow.under_way == 0

    virtual_time.run(scenario())


def test_who_ends_and_begins_anew_is_polled_once_at_a_time() -> None:
    async def scenario() -> list[float]:
        clock = VirtualClock()
        collected = Collected(clock=clock)
        poller = poller_of(collected, clock)
        async with polled(poller, clock=clock) as timetable, asyncio.TaskGroup() as group:
            await clock.sleep(30)
            timetable.end([poller])
            timetable.begin(poller, group)
            await clock.sleep(105)
            timetable.end([poller])
        return [at - collected.began[0] for at in collected.began]

    assert virtual_time.run(scenario()) == [0.0, 30.0, 90.0]


def test_pollers_that_wait_are_no_tasks() -> None:
    async def scenario() -> int:
        clock = VirtualClock()
        pollers = [poller_of(Collected(), clock) for _ in range(DUE)]
        async with polled(*pollers, clock=clock):
            await clock.sleep(90)
            return len(asyncio.all_tasks())

    # This one, the timer, and its sleep.
    assert virtual_time.run(scenario()) == 3


async def test_what_was_ended_is_not_kept_until_it_would_be_due() -> None:
    clock, over = SystemClock(), asyncio.Event()
    async with polled(clock=clock) as timetable, asyncio.TaskGroup() as group:
        poller = poller_of(Collected(), clock, interval=86_400.0, on_poll=over.set)
        ended = weakref.ref(poller)
        timetable.begin(poller, group)
        await asyncio.wait_for(over.wait(), TIME_OUT)
        await asyncio.sleep(0)
        assert poller in timetable
        timetable.end([poller])
        del poller
        gc.collect()
        assert ended() is None
