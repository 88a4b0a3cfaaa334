"""The budget of requests: held in any 60 seconds at the API, sessions first, nobody starved."""

import asyncio
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.api.budget import Budget, Spending
from exporter.api.errors import ThrottledError
from exporter.api.pauses import KEY, KEYLESS
from tests import virtual_time
from tests.clocks import FakeClock
from tests.examples import examples
from tests.virtual_time import VirtualClock

RESOURCES = ("health", "integration", "stats", "analytics", "usage", "sessions")


@dataclass(frozen=True)
class Request:
    """Seconds: when it is wanted, how long it is on its way there, and back."""

    resource: str
    wanted: float
    there: float
    back: float


REQUESTS = st.builds(
    Request,
    st.sampled_from(RESOURCES),
    st.one_of(st.just(0.0), st.floats(0, 200)),
    st.one_of(st.just(0.0), st.floats(0, 25)),
    st.floats(0, 5),
)


async def send(budget: Budget, request: Request, arrivals: list[float]) -> None:
    clock = VirtualClock()
    await clock.sleep(request.wanted)
    try:
        async with budget.request(request.resource):
            await clock.sleep(request.there)
            arrivals.append(clock.monotonic())
            await clock.sleep(request.back)
    except ThrottledError:
        return


async def arrived(budgets: list[Budget], requests: list[Request]) -> list[float]:
    """When the requests arrived at the API, dealt out to the budgets in turn."""
    arrivals: list[float] = []
    async with asyncio.TaskGroup() as group:
        for number, request in enumerate(requests):
            group.create_task(send(budgets[number % len(budgets)], request, arrivals))
    return sorted(arrivals)


def most_within(arrivals: list[float], seconds: float) -> int:
    return max(
        (sum(start <= time < start + seconds for time in arrivals) for start in arrivals), default=0
    )


@settings(max_examples=examples(25), deadline=None)
@given(
    st.sampled_from([None, "free", "pro", "platinum"]),
    st.one_of(st.floats(0.001, 0.05), st.floats(0.05, 1)),
    st.integers(1, 20),
    st.lists(REQUESTS, max_size=25),
)
def test_no_60_seconds_at_the_api_see_more_than_the_budget(
    tier: str | None, share: float, replicas: int, requests: list[Request]
) -> None:
    async def scenario() -> tuple[list[float], float]:
        budget = Budget(share, replicas, VirtualClock())
        budget.tier = tier
        return await arrived([budget], requests), budget.tier_limit * share / replicas

    arrivals, allowed = virtual_time.run(scenario())

    if allowed >= 1:
        assert most_within(arrivals, 60.0) <= allowed + 1e-6
    else:
        assert most_within(arrivals, 60.0 / allowed) <= 1


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(REQUESTS, max_size=25), st.floats(0, 150), st.booleans())
def test_a_change_of_the_tier_spends_no_more_than_the_larger_one(
    requests: list[Request], at: float, up: bool
) -> None:
    async def scenario() -> list[float]:
        budget = Budget(0.02, 1, VirtualClock())
        budget.tier = "free" if up else "pro"

        async def change() -> None:
            await VirtualClock().sleep(at)
            budget.tier = "pro" if up else "free"

        changing = asyncio.create_task(change())
        arrivals = await arrived([budget], requests)
        await changing
        return arrivals

    assert most_within(virtual_time.run(scenario()), 60.0) <= 12


def test_replicas_share_what_one_would_spend() -> None:
    async def scenario() -> list[float]:
        clock = VirtualClock()
        budgets = [Budget(0.25, 3, clock) for _ in range(3)]
        wanted = [Request("sessions", 0.0, 0.0, 0.0) for _ in range(60)]
        return await arrived(budgets, wanted)

    arrivals = virtual_time.run(scenario())

    assert most_within(arrivals, 60.0) == 15


@pytest.mark.parametrize(
    ("tier", "share", "replicas", "allowed"),
    [
        (None, 0.25, 1, 15.0),
        ("free", 0.25, 2, 7.0),
        ("pro", 0.25, 1, 150.0),
        ("enterprise", 0.25, 1, 1500.0),
        ("platinum", 0.25, 1, 15.0),
        ("pro", 0.29, 1, 174.0),
        ("free", 0.7, 7, 6.0),
        ("free", 0.01, 1, 0.6),
    ],
)
def test_the_allowance_is_the_share_of_the_tier_and_an_unknown_tier_is_free(
    tier: str | None, share: float, replicas: int, allowed: float
) -> None:
    budget = Budget(share, replicas, FakeClock())
    budget.tier = tier

    assert budget.per_minute == pytest.approx(allowed)


async def test_a_slow_request_keeps_its_room_until_a_window_after_its_end() -> None:
    clock = FakeClock()
    budget = Budget(1 / 60, 1, clock)

    async with budget.request("stats"):
        assert budget.room() == 0
        clock.advance(59)
    clock.advance(60)
    assert budget.room() == 0
    clock.advance(1)

    assert budget.room() == 1


async def test_a_request_that_fails_has_used_its_room() -> None:
    budget = Budget(1 / 60, 1, FakeClock())

    with pytest.raises(ConnectionError):
        async with budget.request("stats"):
            raise ConnectionError

    assert budget.room() == 0


def test_sessions_go_first_when_it_is_tight() -> None:
    async def scenario() -> list[str]:
        clock, order = VirtualClock(), []
        budget = Budget(2 / 60, 1, clock)

        async def one(resource: str) -> None:
            async with budget.request(resource):
                order.append(resource)

        async with asyncio.TaskGroup() as group:
            for resource in ("health", "health"):
                group.create_task(one(resource))
            await clock.sleep(30)
            for resource in ("stats", "sessions", "sessions"):
                group.create_task(one(resource))
        return order

    assert virtual_time.run(scenario())[2:] == ["sessions", "sessions", "stats"]


def test_one_who_has_waited_a_minute_goes_before_sessions_but_not_for_ever() -> None:
    """Everybody gets on, also where the budget is too small for all of them."""

    async def scenario() -> Counter[str]:
        clock, sent = VirtualClock(), Counter[str]()
        budget = Budget(1 / 60, 1, clock)
        intervals = {"health": 60, "integration": 900, "stats": 300, "analytics": 300, "usage": 900}

        async def poll(resource: str, interval: float) -> None:
            while True:
                try:
                    async with budget.request(resource):
                        sent[resource] += 1
                except ThrottledError:
                    pass
                await clock.sleep(interval - clock.monotonic() % interval)

        async def walk() -> None:
            while True:
                async with budget.request("sessions"):
                    sent["sessions"] += 1

        tasks = [asyncio.create_task(poll(*item)) for item in intervals.items()]
        tasks.append(asyncio.create_task(walk()))
        await clock.sleep(6 * 3600)
        failed = [task for task in tasks if task.done()]
        assert failed == []
        return sent

    sent = virtual_time.run(scenario())

    assert sent["sessions"] >= 150
    assert set(sent) == set(RESOURCES)
    assert min(sent.values()) >= 5


def test_a_hold_stops_every_resource_and_a_shorter_one_does_not_end_it() -> None:
    async def scenario() -> list[float]:
        clock = VirtualClock()
        budget = Budget(1.0, 1, clock)
        start = clock.monotonic()

        async def pause() -> None:
            await clock.sleep(1)
            budget.pauses.hold(KEY, 100)
            budget.pauses.hold(KEY, 5)

        pausing = asyncio.create_task(pause())
        wanted = [Request(name, at, 0.0, 0.0) for name in RESOURCES for at in (0.0, 2.0, 90.0)]
        arrivals = await arrived([budget], wanted)
        await pausing
        return [time - start for time in arrivals]

    arrivals = virtual_time.run(scenario())

    assert len(arrivals) == 3 * len(RESOURCES)
    assert [time for time in arrivals if 1 < time < 101] == []


async def test_a_hold_that_outlasts_the_longest_wait_is_not_waited_for() -> None:
    clock = FakeClock()
    budget = Budget(1.0, 1, clock)
    budget.pauses.hold(KEY, 121)
    before = clock.mono

    with pytest.raises(ThrottledError, match="121 s"):
        async with budget.request("sessions"):
            pytest.fail("a request left during the hold")

    assert clock.mono == before
    assert budget.room() == 0


def test_one_who_gives_up_waiting_blocks_nobody() -> None:
    async def scenario() -> list[str]:
        clock, order = VirtualClock(), []
        budget = Budget(1 / 60, 1, clock)

        async def one(resource: str) -> None:
            async with budget.request(resource):
                order.append(resource)

        await one("health")
        waiting = asyncio.create_task(one("sessions"))
        await clock.sleep(1)
        waiting.cancel()
        await asyncio.wait([waiting])
        await one("stats")
        return order

    assert virtual_time.run(scenario()) == ["health", "stats"]


async def test_after_a_reload_what_was_spent_stays_spent() -> None:
    clock = FakeClock()
    budget = Budget(1 / 60, 1, clock)
    budget.tier = "free"
    async with budget.request("stats"):
        budget.resize(6 / 60, 2)

    assert budget.tier == "free"
    assert budget.per_minute == 3
    async with budget.request("stats"):
        budget.pauses.hold(KEY, 30)
        budget.resize(3 / 60, 1)

    assert budget.pauses.left(("stats", KEY)) == 30
    clock.advance(31)
    assert budget.room() == 1


def test_what_is_held_alone_holds_up_nobody_else() -> None:
    """Sessions go first, but not while they are held."""

    async def scenario() -> list[str]:
        clock, order = VirtualClock(), []
        budget = Budget(1.0, 1, clock)
        budget.pauses.hold("sessions", 100)

        async def one(resource: str, shared: str = KEY) -> None:
            async with budget.request(resource, shared):
                order.append(resource)

        async with asyncio.TaskGroup() as group:
            group.create_task(one("sessions"))
            await clock.sleep(1)
            group.create_task(one("stats"))
            group.create_task(one("health", KEYLESS))
        return order

    assert virtual_time.run(scenario()) == ["stats", "health", "sessions"]


def test_what_another_spent_takes_up_room_for_a_minute() -> None:
    clock = FakeClock()
    budget = Budget(0.25, 1, clock)
    budget.tier = "free"
    size = budget.room()
    before = Budget(0.25, 1, clock)
    before.assume(Spending({0: size - 5, 40: 3, 100: 9}))
    budget.assume(before.spending())

    assert before.spending() == Spending({0: size - 5, 40: 3})
    assert (budget.room(), budget.spent()) == (2, size - 2)
    clock.advance(22)
    assert (budget.room(), budget.spent()) == (5, size - 5)
    clock.advance(40)
    assert (budget.room(), budget.spent()) == (size, 0)


def test_who_goes_on_for_another_has_the_room_that_it_left_by_its_tier() -> None:
    clock = FakeClock()
    before, budget = (Budget(0.25, 1, clock) for _ in range(2))
    before.tier = "enterprise"
    before.assume(Spending({0: 100}))

    budget.assume(before.spending())

    assert budget.room() == before.room() == 1400
    budget.assume(Spending({5: 100}))
    assert (budget.tier, budget.room()) == ("enterprise", 1300)
