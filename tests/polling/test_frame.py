"""The frame: when it polls, what it counts, what it survives, and when values go away."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from exporter.api.deadlines import Deadlines
from exporter.api.errors import (
    CursorRefusedError,
    InvalidResponseError,
    KeyMissingError,
    KeyRefusedError,
    RequestTimeoutError,
    StatusError,
    ThrottledError,
    UnreachableError,
    UnreadableBodyError,
)
from exporter.ledger.engine import StateError
from exporter.metrics import catalogue
from exporter.metrics.model import Histogram, Metric, Sample
from exporter.metrics.telemetry import Telemetry
from exporter.polling.collector import Publish
from exporter.polling.frame import STUCK_GRACE_SECONDS, Poller
from tests.clocks import FakeClock
from tests.collect.recorded import telemetry
from tests.polling.collected import Collected, failing, poller_of, stat

FAILURES = [
    StatusError(503),
    RequestTimeoutError("timed out after 30 s while reading"),
    UnreachableError("no answer"),
    InvalidResponseError("stats: no object"),
    UnreadableBodyError("not JSON"),
    KeyMissingError("no key"),
    KeyRefusedError("refused"),
    ThrottledError("no room"),
    CursorRefusedError("round"),
    StateError("not committed"),
    ValueError("Someone"),
    KeyError("Someone"),
    RecursionError("Someone"),
    MemoryError(),
    AssertionError(),
    OSError(28, "Someone"),
    ExceptionGroup("Someone", [ValueError()]),
    TimeoutError(),
]


@dataclass
class Frame:
    poller: Poller
    collected: Collected
    clock: FakeClock
    telemetry: Telemetry
    polled: list[str]
    deadlines: Deadlines

    def value(self, metric: Metric) -> float | None:
        found = [it.value for it in self.poller.samples() if it.metric is metric]
        assert len(found) <= 1
        value = found[0] if found else None
        assert value is None or isinstance(value, float)
        return value

    def polls(self, outcome: str) -> float:
        return self.telemetry.polls.value("stats", outcome)


def frame(
    work: Callable[[Publish], None] = stat, *, interval: float = 60.0, stale_after: float = 300.0
) -> Frame:
    clock, watch, polled, deadlines = FakeClock(), telemetry(), list[str](), Deadlines()
    collected = Collected(work)
    poller = poller_of(
        collected,
        clock,
        interval=interval,
        stale_after=stale_after,
        watch=watch,
        deadlines=deadlines,
        on_poll=lambda: polled.append("polled"),
    )
    return Frame(poller, collected, clock, watch, polled, deadlines)


# -- what a poll tells


async def test_before_the_first_poll_nothing_is_claimed() -> None:
    one = frame()

    assert one.value(catalogue.RESOURCE_UP) == 0
    assert one.value(catalogue.RESOURCE_LAST_SUCCESS) == 0
    assert one.value(catalogue.RESOURCE_FAILURES) == 0
    assert not one.poller.state.tried
    assert not one.poller.fresh_part("stats")


async def test_a_success_is_told_with_its_values() -> None:
    one = frame()
    one.clock.advance(5)

    await one.poller.poll()

    assert one.value(catalogue.RESOURCE_UP) == 1
    assert one.value(catalogue.RESOURCE_LAST_SUCCESS) == one.clock.now()
    assert one.value(catalogue.STATS) == 7
    assert one.polls("success") == 1
    assert one.polled == ["polled"]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
async def test_a_failure_of_any_kind_is_counted_told_and_survived(error: Exception) -> None:
    one = frame(failing(error))

    await one.poller.poll()
    await one.poller.poll()

    assert one.value(catalogue.RESOURCE_UP) == 0
    assert one.value(catalogue.RESOURCE_FAILURES) == 2
    assert one.polls("failure") == 2
    assert one.polls("success") == 0
    assert one.poller.state.tried
    assert one.poller.state.error
    assert "Someone" not in one.poller.state.error
    assert one.polled == ["polled"] * 2


async def test_a_defect_is_logged_with_its_place_and_without_its_text() -> None:
    one = frame(failing(ValueError("Someone")))

    with capture_logs() as logged:
        await one.poller.poll()

    crashed = logged[0]
    assert crashed["event"] == "poll_crashed"
    assert crashed["error"] == "ValueError"
    assert crashed["where"][-1].startswith("tests.polling.collected.failing.")
    assert "Someone" not in str(logged)


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
async def test_the_last_success_moves_on_success_only(error: Exception) -> None:
    one = frame()
    await one.poller.poll()
    succeeded = one.clock.now()

    one.collected.work = failing(error)
    for _ in range(3):
        one.clock.advance(60)
        await one.poller.poll()
        assert one.value(catalogue.RESOURCE_LAST_SUCCESS) == succeeded

    one.collected.work = stat
    await one.poller.poll()
    assert one.value(catalogue.RESOURCE_LAST_SUCCESS) == one.clock.now()
    assert one.value(catalogue.RESOURCE_FAILURES) == 0
    assert one.poller.state.error is None


async def test_a_state_that_cannot_be_written_says_nothing_about_the_api() -> None:
    one = frame()
    await one.poller.poll()

    one.collected.work = failing(StateError("not committed"))
    await one.poller.poll()

    assert one.value(catalogue.RESOURCE_UP) == 1
    assert one.value(catalogue.RESOURCE_FAILURES) == 1


async def test_an_answer_that_did_not_decode_is_counted_once() -> None:
    one = frame(failing(InvalidResponseError("stats: no object")))
    await one.poller.poll()
    assert one.telemetry.invalid_responses.value("stats") == 1

    one.collected.work = failing(UnreadableBodyError("counted by the client already"))
    await one.poller.poll()

    assert one.telemetry.invalid_responses.value("stats") == 1


async def test_each_poll_is_timed_well_or_badly() -> None:
    one = frame()
    one.collected.clock, one.collected.took = one.clock, 3.0
    await one.poller.poll()
    one.collected.work = failing(StatusError(503))
    await one.poller.poll()

    (timed,) = (it.value for it in one.telemetry.poll_duration.samples() if it.labels == ("stats",))
    assert isinstance(timed, Histogram)
    assert (timed.count, timed.sum) == (2, 6.0)


# -- staleness


async def test_values_of_a_failing_resource_go_after_their_time_and_the_rest_stays() -> None:
    one = frame()
    await one.poller.poll()
    succeeded = one.clock.now()
    one.collected.work = failing(StatusError(503))

    for _ in range(5):
        one.clock.advance(60)
        await one.poller.poll()
        assert one.value(catalogue.STATS) == 7
    one.clock.advance(0.001)

    assert one.value(catalogue.STATS) is None
    assert not one.poller.fresh_part("stats")
    assert one.value(catalogue.RESOURCE_UP) == 0
    assert one.value(catalogue.RESOURCE_LAST_SUCCESS) == succeeded
    assert one.value(catalogue.RESOURCE_FAILURES) == 5
    assert one.polls("failure") == 5


async def test_values_of_a_hung_resource_go_on_time_too() -> None:
    one = frame()
    await one.poller.poll()
    hung = asyncio.Event()

    async def hang(publish: Publish) -> None:
        await hung.wait()

    one.collected.update = hang  # type: ignore[method-assign]  # one that never ends
    polling = asyncio.create_task(one.poller.poll())
    await asyncio.sleep(0)
    one.clock.advance(300)
    assert one.value(catalogue.STATS) == 7
    one.clock.advance(0.001)

    assert one.value(catalogue.STATS) is None
    polling.cancel()
    await asyncio.wait([polling])
    assert polling.cancelled()


@pytest.mark.parametrize("metric", [catalogue.API_INFO, catalogue.QUOTA_LIMIT])
async def test_infos_and_settings_stay(metric: Metric) -> None:
    one = frame(lambda publish: publish("a", [Sample(metric, 1.0, ("x",))]))
    await one.poller.poll()

    one.clock.advance(1_000_000)

    assert one.value(metric) == 1


async def test_each_part_goes_stale_on_its_own() -> None:
    one = frame()
    sessions = catalogue.ANALYTICS_SESSIONS

    def both(publish: Publish) -> None:
        publish("24h", [Sample(sessions, 1.0, ("24h",))])
        publish("7d", [Sample(sessions, 2.0, ("7d",))])

    def only_one(publish: Publish) -> None:
        publish("7d", [Sample(sessions, 3.0, ("7d",))])
        raise StatusError(503)

    one.collected.work = both
    await one.poller.poll()
    one.collected.work = only_one
    one.clock.advance(299)
    await one.poller.poll()
    one.clock.advance(2)

    left = {it.labels: it.value for it in one.poller.samples() if it.metric is sessions}
    assert left == {("7d",): 3.0}
    assert one.poller.fresh_part("7d")
    assert not one.poller.fresh_part("24h")


async def test_a_newer_reading_replaces_the_whole_of_its_part() -> None:
    one = frame()
    await one.poller.poll()
    one.collected.work = lambda publish: publish("stats", [Sample(catalogue.STATS, 1.0, ("b",))])

    await one.poller.poll()

    stats = [it.labels for it in one.poller.samples() if it.metric is catalogue.STATS]
    assert stats == [("b",)]


async def test_where_values_would_go_before_the_next_poll_they_stay_until_that_is_late() -> None:
    one = frame(interval=900.0, stale_after=60.0)
    await one.poller.poll()

    one.clock.advance(900)
    assert one.value(catalogue.STATS) == 7
    one.collected.work = failing(StatusError(503))
    await one.poller.poll()

    assert one.value(catalogue.STATS) is None


# -- stuck


def is_stuck(one: Frame) -> bool:
    return one.poller.stuck_at() < one.clock.monotonic()


async def test_a_poll_is_stuck_after_five_intervals_and_its_time_outs_without_a_sign() -> None:
    one = frame()
    one.clock.advance(5 * 60 + STUCK_GRACE_SECONDS)
    assert not is_stuck(one)
    one.clock.advance(1)
    assert is_stuck(one)

    await one.poller.poll()

    assert not is_stuck(one)


async def test_failures_are_signs_too() -> None:
    one = frame(failing(StatusError(503)))
    for _ in range(100):
        one.clock.advance(60)
        await one.poller.poll()
        assert not is_stuck(one)


async def test_what_is_published_in_mid_poll_is_a_sign() -> None:
    one = frame()
    signs: list[bool] = []

    def long(publish: Publish) -> None:
        for _ in range(5):
            one.clock.advance(400)
            publish("stats", ())
            signs.append(is_stuck(one))

    one.collected.work = long
    await one.poller.poll()

    assert signs == [False] * 5


async def test_waiting_for_the_budget_is_not_being_stuck() -> None:
    one = frame()
    one.deadlines.expect("stats", one.clock.monotonic() + 5000)

    one.clock.advance(5000 + 5 * 60 + STUCK_GRACE_SECONDS)
    assert not is_stuck(one)
    one.clock.advance(1)

    assert is_stuck(one)


async def test_values_are_steady_while_no_poll_runs_and_nothing_goes_stale() -> None:
    one = frame(interval=60.0, stale_after=300.0)
    await one.poller.poll()
    now = one.clock.monotonic()

    assert one.poller.steady(now, now + 299)
    assert not one.poller.steady(now, now + 301)
    one.clock.advance(302)
    # What has gone stale since it was looked at last is no more steady than what is about to.
    assert not one.poller.steady(now + 299, now + 303)
    seen: list[bool] = []
    one.collected.work = lambda publish: seen.append(one.poller.steady(now, now))
    await one.poller.poll()
    assert seen == [False]
