"""The ledger's promises one by one, on a test's clock, with a real state file."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from itertools import pairwise
from pathlib import Path

import pytest

from exporter.api.answer import Answer
from exporter.api.errors import CursorRefusedError, InvalidResponseError, StatusError
from exporter.api.schema.analytics import HOUR, Hours
from exporter.api.times import MICROSECONDS, parse_time
from exporter.ledger import ledger, statefile
from exporter.ledger.coverage import Coverage
from exporter.ledger.ledger import WalkLog
from exporter.ledger.store import StateError
from exporter.metrics import catalogue
from tests.ledger.bench import Bench
from tests.ledger.listing import DAY, Fake


def add(bench: Bench, name: str, ago: float = 0.0, **fields: object) -> Fake:
    created = bench.listing.now() - round(ago * MICROSECONDS)
    values = {"visible": created, "updated": created, "status": "closed", "score": 0.1, **fields}
    it = Fake(name, created, **values)  # type: ignore[arg-type]
    bench.listing.sessions[name] = it
    return it


def polls(bench: Bench, count: int, apart: float = 60.0) -> None:
    for _ in range(count):
        bench.clock.advance(apart)
        bench.poll()


Make = Callable[..., Bench]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes a bench on a state file; it is closed after the test."""
    with ExitStack() as stack:

        def one(**options: object) -> Bench:
            made = Bench(tmp_path / "state.db", **options)  # type: ignore[arg-type]
            stack.callback(made.close)
            return made

        yield one


@pytest.fixture
def bench(make: Make) -> Bench:
    """A bench that has polled once."""
    made = make()
    made.poll()
    return made


def test_an_exporter_without_state_counts_from_its_start_only(bench: Bench) -> None:
    add(bench, "old", ago=600)
    bench.clock.advance(5)
    add(bench, "new")

    polls(bench, 2)

    assert bench.counts()["sessions"] == 1


def test_lookback_reaches_behind_the_first_start_even_when_the_api_was_down_then(
    make: Make,
) -> None:
    bench = make(lookback=100)
    add(bench, "within", ago=90)
    add(bench, "before", ago=110)
    bench.run(bench.ledger.prepare())  # the first process never reached the API
    bench.clock.advance(1000)
    bench.restart()

    polls(bench, 2)

    assert bench.counts()["sessions"] == 1


def test_a_session_that_the_list_no_longer_shows_is_settled_with_what_was_last_read(
    bench: Bench,
) -> None:
    add(bench, "gone", status="active", score=0.85, flags=["webdriver"])
    polls(bench, 1)
    del bench.listing.sessions["gone"]

    polls(bench, 6)

    assert bench.state.unsettled == 0
    assert bench.scores() == (1, 0.85)
    assert bench.counts()["bots"] == 1


def test_a_session_that_is_shown_again_in_time_is_not_given_up(bench: Bench) -> None:
    it = add(bench, "hidden", status="active", score=0.2)
    polls(bench, 1)
    del bench.listing.sessions["hidden"]
    polls(bench, 1)
    it.score = 0.9
    bench.listing.sessions["hidden"] = it

    polls(bench, 4)

    assert bench.scores() == (1, 0.9)


def test_what_fell_out_of_history_is_a_gap_and_never_silent(make: Make) -> None:
    bench = make(tier="free")
    bench.poll()
    frontier = bench.state.bounds.frontier
    bench.clock.advance(9 * 86_400)
    add(bench, "kept", ago=6 * 86_400)

    polls(bench, 3)

    lost = bench.counts()["gap"]
    assert lost == pytest.approx(2 * 86_400, rel=0.01)
    assert bench.counts()["sessions"] == 1
    assert bench.state.bounds.frontier > frontier + 8 * DAY


def test_one_answer_without_a_tier_gives_up_no_history(make: Make) -> None:
    bench = make(tier=None, history=30 * DAY)
    bench.poll()
    requests = bench.listing.requests
    bench.clock.advance(20 * 86_400)
    add(bench, "kept", ago=15 * 86_400)

    def tell() -> None:
        if bench.listing.requests > requests + 1:
            bench.budget.tier = "pro"

    bench.listing.on_request = tell
    polls(bench, 3)

    assert bench.counts().get("gap", 0) == 0
    assert bench.counts()["sessions"] == 1


def test_an_unsettled_session_that_left_the_history_is_settled_as_last_read(make: Make) -> None:
    bench = make(tier="free")
    bench.poll()
    add(bench, "open", status="active", score=0.75)
    polls(bench, 1, apart=5)
    assert bench.state.unsettled == 1

    bench.clock.advance(8 * 86_400)
    bench.poll()

    assert bench.state.unsettled == 0
    assert bench.scores() == (1, 0.75)


def test_many_sessions_that_the_list_no_longer_shows_are_given_up_a_part_a_poll(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "GIVEN_UP_AT_ONCE", 4)
    bench = make()
    bench.poll()
    for number in range(10):
        add(bench, f"gone-{number}", status="active", score=0.75)
    polls(bench, 1)
    bench.listing.sessions.clear()

    left = [bench.state.unsettled]
    for _ in range(20):
        polls(bench, 1)
        left.append(bench.state.unsettled)

    assert {before - after for before, after in pairwise(left)} == {0, 2, 4}
    assert left[-1] == 0
    assert bench.scores() == (10, 7.5)


def test_many_unsettled_sessions_that_left_the_history_are_given_up_a_part_a_poll(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "GIVEN_UP_AT_ONCE", 4)
    bench = make(tier="free")
    bench.poll()
    for number in range(10):
        add(bench, f"open-{number}", status="active", score=0.75)
    polls(bench, 1, apart=5)
    bench.clock.advance(8 * 86_400)
    late = add(bench, "late", score=0.25)

    left = []
    for _ in range(4):
        polls(bench, 1)
        left.append(bench.state.unsettled)

    assert left == [6, 2, 0, 0]
    assert bench.scores() == (11, 7.75)
    assert bench.state.bounds.frontier > late.created


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

    bench.listing.get = laborious  # type: ignore[method-assign]
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

    bench.listing.get = poisoned  # type: ignore[method-assign]
    for number in range(30):
        add(bench, f"s{number}")
        bench.clock.advance(60)
        with suppress(StatusError):
            bench.poll()

    assert bench.counts()["sessions"] >= 25
    assert bench.state.bounds.frontier <= poison

    bench.listing.get = ask  # type: ignore[method-assign]
    polls(bench, 20)

    assert bench.counts()["sessions"] == 30
    assert bench.state.bounds.frontier > bench.listing.now() - 300 * MICROSECONDS


def test_sweeps_that_begin_at_the_edge_of_the_history_neither_stand_nor_make_a_gap(
    make: Make,
) -> None:
    """What is open there is read again by each sweep, which its edge overtakes; all was counted."""
    lookback = 7 * 86_400.0 - 600
    bench = make(
        interval=60,
        tier="free",
        page_size=5,
        latency=8.0,
        lookback=lookback,
        overlap=120,
        settle_after=8 * 86_400.0,
    )
    start = bench.listing.now() - round(lookback * MICROSECONDS)
    for number in range(1, 600):
        created = start + 10 * number * MICROSECONDS
        it = Fake(f"s{number}", created, created, created, "active", 0.1)
        bench.listing.sessions[it.id] = it
    until = bench.clock.now() + 8000
    worst = 0.0
    while bench.clock.now() < until:
        bench.clock.advance(10)
        bench.poll()
        if bench.counts().get("sessions") == 599:
            worst = max(worst, (bench.listing.now() - bench.state.bounds.frontier) / MICROSECONDS)

    assert bench.counts()["sessions"] == 599
    assert bench.counts().get("gap", 0) == 0
    assert worst < 3000


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

    def mend() -> None:
        if bench.listing.requests == 2:
            bench.listing.skew = 0.0

    bench.listing.on_request = mend
    with suppress(InvalidResponseError):
        bench.poll()
    add(bench, "after")

    polls(bench, 2)

    assert bench.counts()["sessions"] == 1


def test_flags_past_the_bound_count_as_other_each_pair_once(make: Make) -> None:
    bench = make(max_flags=2)
    bench.poll()
    it = add(
        bench, "a", status="active", flags=["one", "two", "three", "four", "x" * 500, "\ud800"]
    )
    polls(bench, 1, apart=5)
    it.flags = ["five", "four", "three"]
    polls(bench, 3, apart=5)

    counts = bench.counts()
    assert counts["flag:one"] == counts["flag:two"] == 1
    assert counts["flag:other"] == 5
    assert bench.telemetry.dropped.value(catalogue.SESSION_FLAGS.name) == 5


@pytest.mark.parametrize(
    "flag",
    [
        "/courses/12",
        "Mozilla/5.0 (X11; Linux x86_64)",
        "user:jane.doe",
        "jane@example.org",
        "0b7c1f6e-5d0c-4b7e-9d55-1b1f3c0a9f10",
        "session 123456",
        "two\nlines",
        "",
    ],
)
def test_a_flag_that_is_no_name_is_counted_but_neither_shown_nor_kept(
    bench: Bench, flag: str
) -> None:
    add(bench, "s", status="active", flags=[flag, "webdriver"])
    polls(bench, 2, apart=5)
    assert bench.store is not None
    bench.run(bench.store.close())

    held = b"".join(file.read_bytes() for file in bench.path.parent.iterdir())  # type: ignore[union-attr]

    bench.start()
    counts = bench.counts()
    assert counts["flag:webdriver"] == counts["flag:other"] == 1
    assert not flag or flag.encode() not in held


def test_an_invalid_item_counts_once_also_over_a_restart(bench: Bench) -> None:
    add(bench, "broken", broken=True)
    polls(bench, 2)
    assert bench.telemetry.invalid_items.value("sessions") == 1

    bench.restart()
    polls(bench, 2)

    assert bench.telemetry.invalid_items.value("sessions") == 0
    assert "sessions" not in bench.counts()


def test_an_item_without_a_time_counts_once_for_as_long_as_it_is_shown(bench: Bench) -> None:
    page = bench.listing._page

    def with_one_more(params: Mapping[str, str], now: int) -> dict[str, object]:
        answer = page(params, now)
        items = answer["data"]
        assert isinstance(items, list)
        return {**answer, "data": [*items, {"id": "timeless", "createdAt": None}]}

    bench.listing._page = with_one_more  # type: ignore[method-assign]

    polls(bench, 60, apart=3600)

    assert bench.telemetry.invalid_items.value("sessions") == 1


def test_no_sum_of_scores_falls_by_a_score_below_nought(bench: Bench) -> None:
    add(bench, "good", score=0.9)
    add(bench, "odd", score=-1.0)

    polls(bench, 4)

    assert bench.scores() == (1, 0.9)
    assert bench.telemetry.invalid_items.value("sessions") == 1


def test_a_state_of_the_first_version_is_counted_on(bench: Bench) -> None:
    add(bench, "before")
    polls(bench, 1)
    assert bench.path is not None
    assert bench.store is not None
    bench.run(bench.store.close())
    with closing(sqlite3.connect(bench.path)) as older:
        older.execute("ALTER TABLE session ADD COLUMN missed INTEGER NOT NULL DEFAULT 0")
        older.execute("PRAGMA user_version = 1")
        older.commit()

    bench.start()
    add(bench, "after")
    polls(bench, 1)

    assert bench.counts()["sessions"] == 2
    with closing(sqlite3.connect(bench.path)) as newer:
        assert newer.execute("PRAGMA user_version").fetchone() == (statefile.VERSION,)


def test_the_state_holds_no_id(bench: Bench) -> None:
    add(bench, "somebody@example.org", status="active")
    add(bench, "broken-somebody@example.org", broken=True)
    polls(bench, 2)
    assert bench.store is not None
    bench.run(bench.store.close())

    held = b"".join(file.read_bytes() for file in bench.path.parent.iterdir())  # type: ignore[union-attr]

    bench.start()
    assert b"example.org" not in held
    assert b"webdriver" not in held


def test_while_commits_fail_what_is_published_stays_at_the_last_commit(bench: Bench) -> None:
    add(bench, "first")
    polls(bench, 1)
    before = bench.counts()
    add(bench, "second")
    assert bench.store is not None
    bench.store.fail = sqlite3.OperationalError("database or disk is full")

    with pytest.raises(StateError):
        polls(bench, 1)

    assert bench.counts() == before
    bench.store.fail = None
    polls(bench, 1)
    assert bench.counts()["sessions"] == 2


def test_no_counter_falls_when_the_state_turns_out_damaged_under_way(bench: Bench) -> None:
    for number in range(30):
        add(bench, f"s{number}", flags=["webdriver"])
    polls(bench, 3)
    before = bench.counts()
    assert bench.path is not None
    assert bench.store is not None
    bench.run(bench.store.run(lambda state: state.execute("PRAGMA shrink_memory").fetchall()))
    wreck(bench.path)

    with pytest.raises(StateError):
        polls(bench, 3)
    while bench.listing.sessions:
        bench.listing.sessions.popitem()
    with suppress(StateError):
        polls(bench, 1)
    add(bench, "later")
    polls(bench, 2)

    assert bench.counts() == {**before, "sessions": before["sessions"] + 1}
    assert list(bench.path.parent.glob("*.damaged-*"))


def wreck(path: Path) -> None:
    """Overwrite all pages but the first, and the log beside."""
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists():
        os.truncate(wal, 0)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def test_a_commit_counts_although_its_poll_was_cancelled_meanwhile(bench: Bench) -> None:
    at = bench.listing.now()
    pages = [([add(bench, "cancelled").item()], at)]

    store = bench.store
    assert store is not None
    store.entered, store.gate = threading.Event(), threading.Event()

    async def cancelled() -> None:
        task = asyncio.create_task(bench.ledger.take(pages, WalkLog()))
        async with asyncio.timeout(10):
            await asyncio.to_thread(store.entered.wait, 10)
            task.cancel()
            await asyncio.wait({task})
        store.gate.set()

    bench.run(cancelled())
    bench.run(bench.ledger.take([], WalkLog()))  # waits for its turn on the store's thread

    assert bench.counts()["sessions"] == 1
    bench.restart()
    polls(bench, 1)
    assert bench.counts()["sessions"] == 1


def test_memory_of_sessions_and_the_file_stay_bounded_over_days(make: Make, tmp_path: Path) -> None:
    bench = make(interval=60, page_size=100)
    bench.poll()
    sizes = []
    for hour in range(30):
        bench.clock.advance(60)
        for number in range(120):
            add(bench, f"h{hour}-{number}", ago=number * 0.4, status="active")
        polls(bench, 4, apart=900)
        bench.listing.sessions.clear()
        sizes.append(tmp_path.joinpath("state.db").stat().st_size)

    assert bench.store is not None
    rows = bench.run(bench.store.run(lambda state: list(state.execute("SELECT id FROM session"))))
    assert len(rows) < 3 * 120  # type: ignore[arg-type]
    assert len(bench.state.minutes) <= 200
    assert sizes[-1] <= sizes[5]
    assert bench.counts()["sessions"] == 30 * 120


def test_coverage_shows_sessions_that_the_list_hides(make: Make) -> None:
    bench = make(interval=60, page_size=100)
    bench.clock.advance(3600 - bench.clock.now() % 3600)
    hour = bench.listing.now()
    bench.poll()
    coverage = Coverage()
    for _ in range(60):
        bench.clock.advance(60)
        add(bench, f"s{bench.clock.now()}", ago=1)
        bench.poll()
    coverage.note(Hours(((hour, 80), (hour + HOUR, 3)), None))

    assert coverage.ratio(bench.state) is None  # the hour does not lie behind the frontier yet

    polls(bench, 10)

    listed = bench.listing.sessions.values()
    in_hour = sum(hour <= it.created < hour + HOUR for it in listed)
    assert coverage.ratio(bench.state) == in_hour / 80


def test_coverage_is_absent_where_analytics_do_not_tell_of_the_last_hour(make: Make) -> None:
    bench = make(interval=60)
    bench.clock.advance(3600 - bench.clock.now() % 3600)
    hour = bench.listing.now()
    bench.poll()
    add(bench, "only")
    polls(bench, 80)
    coverage = Coverage()
    coverage.note(Hours(((hour, 1),), None))
    assert coverage.ratio(bench.state) == 1.0

    polls(bench, 80)

    assert coverage.ratio(bench.state) is None


def test_coverage_is_absent_before_a_whole_hour_after_the_start(bench: Bench) -> None:
    coverage = Coverage()
    started = bench.listing.now()
    hour = started - started % HOUR
    coverage.note(Hours(((hour, 10),), None))

    polls(bench, 70)

    assert coverage.ratio(bench.state) is None


def test_one_date_far_ahead_does_not_move_the_frontier_past_unread_sessions(bench: Bench) -> None:
    true_time = bench.listing.now
    bench.listing.skew = 7200.0
    bench.clock.advance(10)
    observe = bench.listing.server_clock.observe
    bench.poll()
    bench.listing.skew = 0.0
    bench.listing.server_clock.observe = observe  # type: ignore[method-assign]

    assert bench.state.bounds.frontier <= true_time()
