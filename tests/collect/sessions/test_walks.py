"""What is walked, and when, whatever the API's answers, its clock and its Dates are like."""

from collections.abc import Mapping
from contextlib import suppress

from exporter.api.answer import Answer
from exporter.api.errors import CursorRefusedError, InvalidResponseError, StatusError
from exporter.api.times import MICROSECONDS, parse_time
from tests.ledger.bench import Bench, Make, add, polls


def test_a_window_that_the_server_cannot_read_in_time_is_read_in_narrower_ones(
    make: Make,
) -> None:
    bench = make(lookback=6000, latency=0.5)
    for number in range(150):
        add(bench, f"s{number}", ago=40 * number)
    ask = bench.listing.get

    async def laborious(
        path: str, params: Mapping[str, str] | None = None, *, resource: str
    ) -> Answer:
        if params and "startDate" in params:
            end = params.get("endDate")
            until = parse_time(end) if end else bench.listing.now()
            if until - parse_time(params["startDate"]) > 200 * MICROSECONDS:
                raise StatusError(504)
        answer: Answer = await ask(path, params, resource=resource)
        return answer

    bench.listing.get = laborious  # type: ignore[method-assign]  # a double
    for _ in range(100):
        bench.clock.advance(10)
        with suppress(StatusError):
            bench.poll()

    assert bench.counts()["sessions"] == 150
    assert bench.state.bounds.frontier > bench.listing.now() - 60 * MICROSECONDS


def test_what_is_new_is_counted_also_while_a_moment_of_the_past_cannot_be_read(
    make: Make,
) -> None:
    bench = make(interval=60, page_size=50, latency=0.1)
    bench.poll()
    bench.clock.advance(600)
    poison = bench.listing.now() - 300 * MICROSECONDS
    ask = bench.listing.get

    async def poisoned(
        path: str, params: Mapping[str, str] | None = None, *, resource: str
    ) -> Answer:
        if params and "startDate" in params and parse_time(params["startDate"]) <= poison:
            end = params.get("endDate")
            if end is None or parse_time(end) >= poison:
                raise StatusError(500)
        answer: Answer = await ask(path, params, resource=resource)
        return answer

    bench.listing.get = poisoned  # type: ignore[method-assign]  # a double
    for number in range(30):
        add(bench, f"s{number}")
        bench.clock.advance(60)
        with suppress(StatusError):
            bench.poll()

    assert bench.counts()["sessions"] >= 25
    assert bench.state.bounds.frontier <= poison

    bench.listing.get = ask  # type: ignore[method-assign]  # as it was
    polls(bench, 20)

    assert bench.counts()["sessions"] == 30
    assert bench.state.bounds.frontier > bench.listing.now() - 300 * MICROSECONDS


def test_a_crowd_of_one_second_is_read_whole_although_it_is_longer_than_a_slice(
    make: Make,
) -> None:
    bench = make(page_size=1, share=0.1, tier="free")
    bench.poll()
    bench.clock.advance(3000)
    for number in range(40):  # a slice is cut for 8 pages here, and broken off at 32
        add(bench, f"s{number}")
    bench.clock.advance(3000)

    for _ in range(20):
        bench.clock.advance(60)
        with suppress(CursorRefusedError):
            bench.poll()

    assert bench.counts()["sessions"] == 40
    assert bench.state.bounds.frontier > bench.listing.now() - 300 * MICROSECONDS


def test_a_first_date_that_is_wrong_does_not_fix_where_counting_begins(make: Make) -> None:
    bench = make()
    add(bench, "before", ago=60)
    bench.listing.skew = -7200.0

    def set_right() -> None:
        if bench.listing.requests == 2:
            bench.listing.skew = 0.0

    bench.listing.on_request = set_right
    with suppress(InvalidResponseError):
        bench.poll()
    add(bench, "after")

    polls(bench, 2)

    assert bench.counts()["sessions"] == 1


def test_one_date_far_ahead_does_not_move_the_frontier_past_unread_sessions(bench: Bench) -> None:
    true_time = bench.listing.now
    bench.listing.skew = 7200.0
    bench.clock.advance(10)
    bench.poll()
    bench.listing.skew = 0.0

    assert bench.state.bounds.frontier <= true_time()


def test_after_a_step_back_of_the_apis_clock_counting_goes_on_within_minutes(make: Make) -> None:
    bench = make(interval=60, overlap=3600, settle_after=900)
    for number in range(40):
        add(bench, f"s{number}")
        polls(bench, 1)
    bench.listing.skew = -1800.0
    polls(bench, 4)
    add(bench, "new")

    polls(bench, 2)

    assert bench.counts()["sessions"] == 41
