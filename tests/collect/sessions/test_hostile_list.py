"""A list that hides, misleads or never ends: it shows, and costs nothing that can be read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import structlog

from exporter.api.errors import ApiError, EndlessListError
from exporter.api.times import DAY, MICROSECONDS
from exporter.metrics import catalogue
from exporter.metrics.model import Sample
from tests.ledger.bench import Bench, add, polls
from tests.ledger.listing import Fake


@contextmanager
def begun(**more: Any) -> Iterator[Bench]:
    """A bench with the default settings, on the free tier."""
    options: dict[str, Any] = {
        "interval": 60,
        "share": 0.25,
        "overlap": 120,
        "settle_after": 900,
        "page_size": 50,
        **more,
    }
    bench = Bench(None, **options)
    try:
        yield bench
    finally:
        bench.close()


def backlog(bench: Bench, seconds: float, apart: float) -> int:
    """Closed sessions of the last `seconds`, one each `apart` seconds; how many."""
    now = bench.listing.now()
    count = round(seconds / apart)
    for number in range(count):
        created = now - round((number + 0.5) * apart * MICROSECONDS) + 123_457
        it = Fake(f"s{number}", created, created, created, "closed", 0.1)
        bench.listing.sessions[it.id] = it
    return count


def attempts(bench: Bench, count: int, apart: float = 60.0) -> int:
    """So many polls; how many of them failed."""
    failed = 0
    for _ in range(count):
        bench.clock.advance(apart)
        try:
            bench.poll()
        except ApiError:
            failed += 1
    return failed


def shifted(seconds: int) -> Callable[[int, int], int]:
    """Dates that are so far off the right ones."""
    return lambda _, right: right + seconds


def test_a_history_that_is_checked_against_a_truncated_date_is_a_gap_that_shows() -> None:
    seconds = 6.9 * 86_400
    with begun(date_filter="day", history_check="cut", lookback=seconds) as bench:
        count = backlog(bench, seconds - 100, 1206)

        attempts(bench, 30)

        counts = bench.counts()
        lost = count - counts["sessions"]
        assert lost > 0
        assert counts["gap"] >= (lost - 1) * 1206


@pytest.mark.parametrize("minutes", [10, 120])
def test_dates_an_hour_ahead_cost_no_session(minutes: int) -> None:
    with begun() as bench:
        bench.poll()
        count = 0
        for minute in range(minutes + 40):
            wrong = 10 <= minute < 10 + minutes
            bench.listing.date = shifted(3600 * wrong)
            for _ in range(3):
                bench.clock.advance(20)
                add(bench, f"s{count}")
                count += 1
            with suppress(ApiError):
                bench.poll()
        attempts(bench, 10)

        assert bench.counts()["sessions"] == count
        assert "gap" not in bench.counts()


def test_first_dates_that_are_hours_ahead_do_not_fix_where_counting_begins() -> None:
    with begun() as bench:
        count = 0
        for minute in range(60):
            wrong = minute < 20
            bench.listing.date = shifted(18_000 * wrong)
            bench.clock.advance(60)
            add(bench, f"s{count}")
            count += 1
            with suppress(ApiError):
                bench.poll()

        assert bench.counts()["sessions"] == count
        assert bench.state.bounds.frontier <= bench.listing.now()


def test_a_frontier_ahead_of_the_clock_steps_back_and_counts_nothing_twice() -> None:
    """Two hours of Dates that are an hour ahead, at a time without any session to contradict."""
    with begun() as bench:
        bench.poll()
        for number in range(10):
            add(bench, f"before-{number}")
            attempts(bench, 1)
        bench.listing.date = lambda _, right: right + 3600
        attempts(bench, 120)
        assert bench.state.bounds.frontier > bench.listing.now()
        bench.listing.date = lambda _, right: right
        for number in range(30):
            add(bench, f"after-{number}")
            attempts(bench, 1)
        attempts(bench, 5)

        assert bench.counts()["sessions"] == 40
        assert bench.state.bounds.frontier <= bench.listing.now()
        shown = {it.metric: it.value for it in bench.ledger.samples(gauges=False)}
        assert shown[catalogue.SESSION_STEP_BACKS] == 1


@pytest.mark.parametrize("date_filter", ["exact", "day"])
@pytest.mark.parametrize("status", ["active", "closed"])
def test_a_session_of_the_far_future_is_counted_once_its_time_comes(
    date_filter: str, status: str
) -> None:
    """Until then it is neither active nor unsettled, but shows in a metric and in one log line."""
    with begun(date_filter=date_filter) as bench:
        bench.poll()
        add(bench, "never", ago=-50 * 365 * 86_400, status="active", score=0.9)
        later = add(bench, "later", ago=-2 * 86_400, status=status, score=0.9)
        for it in bench.listing.sessions.values():
            it.visible = 0
        with structlog.testing.capture_logs() as logs:
            for number in range(30):
                add(bench, f"s{number}")
                attempts(bench, 1)
        assert bench.counts() == {"sessions": 30}
        assert bench.state.active == 0
        attempts(bench, 20)
        assert (bench.state.active, bench.state.unsettled) == (0, 0)
        assert bench.shown["future"] == [Sample(catalogue.FUTURE_SESSIONS, 2.0)]
        assert [it["event"] for it in logs].count("sessions_created_in_future") == 1

        bench.clock.advance(86_400 + 600)
        attempts(bench, 3)
        assert bench.counts()["sessions"] == 31
        later.status = "closed"
        bench.clock.advance(86_400 + 1800)
        attempts(bench, 10)

        assert bench.counts() == {"sessions": 31, "bots": 1}
        assert (bench.state.active, bench.state.unsettled) == (0, 0)
        assert bench.state.bounds.frontier > later.created
        assert bench.shown["future"] == [Sample(catalogue.FUTURE_SESSIONS, 1.0)]


def test_sessions_of_the_far_future_do_not_hide_what_left_the_history() -> None:
    """Nor one of the last year that can be written."""
    with begun() as bench:
        bench.poll()
        frontier = bench.state.bounds.frontier
        bench.clock.advance(9 * 86_400)
        ahead = add(bench, "ahead", ago=-7900 * 365.2425 * 86_400, status="active")
        ahead.visible = 0

        attempts(bench, 6)

        lost = (bench.listing.now() - 7 * DAY - frontier) / MICROSECONDS
        assert lost - 600 < bench.counts().pop("gap") < lost + 3 * 86_400
        assert bench.state.bounds.frontier > bench.listing.now() - 600 * MICROSECONDS


def test_dates_days_behind_in_mid_walk_cost_no_session() -> None:
    """By it all that is new would be of the far future."""
    with begun(page_size=5, overlap=1) as bench:
        bench.poll()
        listing = bench.listing
        listing.date = lambda _, right: right - 4 * 86_400 * (listing.depth == 2)
        for number in range(200):
            add(bench, f"s{number}")
            bench.clock.advance(10)
            if number % 10 == 9:
                bench.poll()
        listing.date = lambda _, right: right
        attempts(bench, 30)

        assert bench.counts()["sessions"] == 200


def test_a_server_that_reads_no_wide_window_is_counted_from_the_first_poll() -> None:
    with begun() as bench:
        start = bench.listing.now()
        for number in range(2000):
            created = start - 40 * number * MICROSECONDS
            it = Fake(f"old-{number}", created, created, created, "closed", 0.1)
            bench.listing.sessions[it.id] = it
        bench.listing.most = 200
        for number in range(30):
            bench.clock.advance(60)
            add(bench, f"s{number}")
            bench.poll()

        assert bench.counts()["sessions"] == 30 + 1  # and the one of the very start


@pytest.mark.parametrize("endless", ["empty", "full"])
def test_a_list_without_an_end_is_a_failure_and_its_pages_are_bounded(endless: str) -> None:
    with begun() as bench:
        bench.poll()
        add(bench, "one")
        bench.listing.endless = endless
        before = bench.listing.requests
        for _ in range(3):
            bench.clock.advance(60)
            with pytest.raises(EndlessListError):
                bench.poll()
        assert bench.listing.requests - before <= 3 * 950

        bench.listing.endless = ""
        attempts(bench, 3)
        assert bench.counts()["sessions"] == 1


def test_walks_that_always_break_off_are_a_failure_that_shows() -> None:
    """Though each poll reads pages, none finishes a walk."""
    with begun(page_size=5, latency=8.0) as bench:
        bench.poll()
        for number in range(60):
            add(bench, f"s{number}")
        bench.listing.refuse = lambda _: True

        assert attempts(bench, 6) >= 3


@pytest.mark.parametrize("named", ["free at times", "team"])
def test_a_tier_that_is_named_wrongly_gives_up_nothing_that_is_served(named: str) -> None:
    with begun(tier="pro", history=30 * DAY) as bench:
        bench.poll()
        bench.clock.advance(20 * 86_400)
        count = backlog(bench, 20 * 86_400 - 600, 8637)

        def tell() -> None:
            at_times = "free" if bench.listing.requests % 7 == 3 else "pro"
            bench.listing.tier = at_times if named == "free at times" else named

        bench.listing.on_request = tell
        attempts(bench, 30)

        assert bench.counts()["sessions"] == count
        assert "gap" not in bench.counts()


def test_a_lookback_beyond_the_history_is_not_a_gap() -> None:
    with begun(lookback=30 * 86_400.0) as bench:
        count = backlog(bench, 6.9 * 86_400, 6000)

        polls(bench, 20)

        assert bench.counts()["sessions"] == count
        assert bench.counts().get("gap", 0) < 1
