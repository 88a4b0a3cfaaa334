"""What those get who stand behind the others: what is left, and a little where nothing is."""

import asyncio
from collections import Counter

import pytest

from exporter.api.budget import Budget
from exporter.api.errors import ThrottledError
from exporter.api.pauses import KEY
from tests import virtual_time
from tests.clocks import FakeClock
from tests.virtual_time import VirtualClock


def test_those_behind_the_others_get_what_is_left_and_never_more_than_half() -> None:
    """A walk that has no end, with a poll of sessions a minute and a catch-up in the middle."""

    async def scenario() -> tuple[Counter[str], float, float, int]:
        clock = VirtualClock()
        budget = Budget(0.25, 1, clock, frozenset({"users"}))
        sent, waits = Counter[str](), list[float]()

        async def walk() -> None:
            while True:
                async with budget.request("users"):
                    sent["users"] += 1

        async def ask(resource: str) -> None:
            began = clock.monotonic()
            async with budget.request(resource):
                sent[resource] += 1
            waits.append(clock.monotonic() - began)

        walking = asyncio.create_task(walk())
        for _ in range(60):
            await ask("sessions")
            await ask("stats")
            await clock.sleep(60)
        quiet = max(waits)
        before = sent["users"]
        began = clock.monotonic()
        for _ in range(150):
            await ask("sessions")
        took = clock.monotonic() - began
        during = sent["users"] - before
        assert not walking.done()
        return sent, quiet, took, during

    sent, quiet, took, during = virtual_time.run(scenario())

    assert quiet == 0
    assert sent["users"] >= 60 * 5
    assert during <= 8
    # 150 requests at 15 in 61 s take so long alone; the last minute's users cost one window.
    assert took <= 11 * 61


def starved(resource_seconds: float, burst: int) -> tuple[int, float]:
    """An hour in which those behind find neither a pause of sessions nor half of the budget free.

    resource_seconds: how long a request of sessions takes. burst: requests of sessions a minute.
    How many of users were sent, and how long sessions took for all of theirs, in seconds.
    """

    async def scenario() -> tuple[int, float]:
        clock = VirtualClock()
        budget = Budget(0.25, 1, clock, frozenset({"users"}))
        sent, took = 0, 0.0

        async def walk() -> None:
            nonlocal sent
            while True:
                async with budget.request("users"):
                    sent += 1

        async def poll() -> None:
            nonlocal took
            began = clock.monotonic()
            for _ in range(burst):
                async with budget.request("sessions"):
                    await clock.sleep(resource_seconds)
            took += clock.monotonic() - began

        walking = asyncio.create_task(walk())
        for minute in range(60):
            await poll()
            await clock.sleep(max(0.0, 1000.0 + 60 * (minute + 1) - clock.monotonic()))
        assert not walking.done()
        return sent, took

    return virtual_time.run(scenario())


@pytest.mark.parametrize(
    ("seconds", "burst"), [(0.2, 10), (0.2, 8), (9.9, 6)], ids=["bursts", "half", "slow"]
)
def test_those_behind_get_a_third_of_what_is_left_where_sessions_leave_no_pause(
    seconds: float, burst: int
) -> None:
    sent, took = starved(seconds, burst)

    left = 60 * (60 / 61 * 15 - burst)
    assert 0.28 * left <= sent <= 0.36 * left
    # A window is a second longer than a minute, so the poll after a burst waits as long.
    assert took <= 60 * (burst * seconds + 2)


def test_where_nothing_is_left_those_behind_get_one_request_in_fifty() -> None:
    async def scenario() -> Counter[str]:
        clock = VirtualClock()
        budget = Budget(0.25, 1, clock, frozenset({"users", "courses"}))
        sent = Counter[str]()

        async def walk(resource: str) -> None:
            while True:
                async with budget.request(resource):
                    sent[resource] += 1

        names = ("sessions", "sessions", "users", "courses")
        walking = [asyncio.create_task(walk(name)) for name in names]
        await clock.sleep(2 * 3600)
        assert not any(task.done() for task in walking)
        return sent

    sent = virtual_time.run(scenario())

    assert 0.015 * sent.total() <= sent["users"] + sent["courses"] <= 0.02 * sent.total()
    assert abs(sent["users"] - sent["courses"]) <= 1


async def test_those_behind_wait_out_a_pause_that_others_do_not() -> None:
    clock = FakeClock()
    budget = Budget(0.25, 1, clock, frozenset({"users"}))
    budget.pauses.hold(KEY, 250)
    with pytest.raises(ThrottledError):
        async with budget.request("stats"):
            pytest.fail("a request left during the hold")

    async with budget.request("users"):
        assert budget.pauses.left((KEY,)) <= 0
