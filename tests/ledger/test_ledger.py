"""The ledger's promises one by one, on a test's clock, with a real state file."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path

import pytest
import structlog

from exporter.api.schema.session import MOST_FLAGS, decode_session
from exporter.ledger import ledger, schema
from exporter.ledger.engine import StateError
from exporter.metrics import catalogue
from tests.ledger.bench import Bench, Make, add, polls


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


def test_many_sessions_that_the_list_no_longer_shows_are_given_up_a_part_a_poll(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "AT_ONCE", 4)
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


def test_flags_past_the_bound_count_as_other_each_pair_once(make: Make) -> None:
    bench = make(max_flags=2)
    bench.poll()
    it = add(
        bench, "a", status="active", flags=["one", "two", "three", "four", "x" * 500, "\ud800"]
    )
    polls(bench, 1, apart=5)
    it.flags = ["five", "four", "three"]
    polls(bench, 3, apart=5)
    it.score = 0.9
    polls(bench, 3, apart=5)

    counts = bench.counts()
    for name, metric in (
        ("flag", catalogue.SESSION_FLAGS),
        ("bot_flag", catalogue.BOT_SESSION_FLAGS),
    ):
        assert counts[f"{name}:one"] == counts[f"{name}:two"] == 1
        assert counts[f"{name}:other"] == 5
        assert bench.telemetry.dropped.value(metric.name) == 5


def test_a_bots_flags_count_once_whether_seen_before_or_after_its_score(make: Make) -> None:
    bench = make()
    bench.poll()
    bot = add(bench, "bot", status="active", score=0.4, flags=["headless"])
    add(bench, "human", status="active", score=0.2, flags=["headless", "paste"])
    polls(bench, 2, apart=5)
    assert "bot_flag:headless" not in bench.counts()

    bot.score = 0.8
    polls(bench, 2, apart=5)
    bot.score, bot.flags = 0.3, ["webdriver"]
    polls(bench, 2, apart=5)

    shown = {
        (reading.metric.name, reading.labels): reading.value
        for reading in bench.ledger.samples(gauges=False)
    }
    flags = ("headless", "paste", "webdriver", "other")
    name = catalogue.BOT_SESSION_FLAGS.name
    assert [shown[name, (flag,)] for flag in flags] == [1, 0, 1, 0]
    name = catalogue.SESSION_FLAGS.name
    assert [shown[name, (flag,)] for flag in flags] == [2, 1, 1, 0]


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
def test_a_flag_that_is_not_a_name_is_counted_but_neither_shown_nor_kept(
    bench: Bench, flag: str
) -> None:
    add(bench, "s", status="active", flags=[flag, "webdriver"])
    polls(bench, 2, apart=5)

    held = bench.held()

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

    bench.listing._page = with_one_more  # type: ignore[method-assign]  # a double

    polls(bench, 60, apart=3600)

    assert bench.telemetry.invalid_items.value("sessions") == 1


def test_a_score_out_of_range_counts_the_session_without_one_and_is_said_once(
    bench: Bench,
) -> None:
    add(bench, "good", score=0.9)
    for name, score in (("below", -1.0), ("above", 85.0), ("huge", 1e308)):
        add(bench, name, score=score, status="active")

    with structlog.testing.capture_logs() as logs:
        polls(bench, 4)

    assert bench.counts()["sessions"] == 4
    assert bench.counts()["bots"] == 1
    assert bench.scores() == (1, 0.9)
    assert bench.telemetry.invalid_items.value("sessions") == 0
    said = [log["field"] for log in logs if log["event"] == "session_field_out_of_bounds"]
    assert said == ["botScore"]


@pytest.mark.parametrize("identity", [7, ""])
def test_an_item_without_a_usable_id_is_counted_invalid_once_whatever_else_of_it_changes(
    bench: Bench, identity: object
) -> None:
    one = add(bench, "odd", id_written=identity, status="active")
    polls(bench, 2, apart=10)
    one.status, one.score = "closed", 0.9
    polls(bench, 4, apart=10)

    assert bench.telemetry.invalid_items.value("sessions") == 1


def test_the_flags_of_one_session_are_bounded_over_all_its_readings(make: Make) -> None:
    bench = make(max_flags=1000)
    bench.poll()
    one = add(bench, "busy", status="active")
    for reading in range(4):
        one.flags = [f"flag {reading}.{number}" for number in range(80)]
        polls(bench, 1, apart=10)

    counted = [value for name, value in bench.counts().items() if name.startswith("flag:")]
    assert sum(counted) == MOST_FLAGS


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_state_of_an_older_version_is_counted_on(make: Make, version: int) -> None:
    bench = make(max_flags=2)
    bench.poll()
    for name in ("first", "second"):
        add(bench, name, status="active", score=0.9, flags=["headless", "paste", "odd"])
    add(bench, "human", status="active", score=0.1, flags=["paste"])
    polls(bench, 2, apart=5)
    before = bench.counts()
    assert isinstance(bench.path, Path)
    bench.run(bench.store.close())
    with closing(sqlite3.connect(bench.path)) as older:
        older.execute("ALTER TABLE session DROP COLUMN name")
        newer_tables = ["detail", "finding"]
        if version < 4:
            older.execute("ALTER TABLE session DROP COLUMN places")
            newer_tables += ["place_value", "place_user"]
        for table in newer_tables:
            older.execute(f"DROP TABLE {table}")
        if version < 3:
            older.execute("DELETE FROM counter WHERE name = 'bot_flag'")
        if version == 1:
            older.execute("ALTER TABLE session ADD COLUMN missed INTEGER NOT NULL DEFAULT 0")
        older.execute(f"PRAGMA user_version = {version}")
        older.commit()

    bench.start()
    bench.poll()
    assert before["bot_flag:headless"] == before["bot_flag:paste"] == before["bot_flag:other"] == 2
    assert bench.counts() == before

    add(bench, "after", score=0.8, flags=["paste"])
    polls(bench, 1, apart=5)

    assert bench.counts()["sessions"] == 4
    assert bench.counts()["bot_flag:paste"] == 3
    with closing(sqlite3.connect(bench.path)) as newer:
        assert newer.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


def test_the_state_holds_no_id(bench: Bench) -> None:
    add(bench, "somebody@example.org", status="active")
    add(bench, "broken-somebody@example.org", broken=True)
    polls(bench, 2)

    held = bench.held()

    assert b"example.org" not in held
    assert b"webdriver" not in held


def test_while_commits_fail_what_is_published_stays_at_the_last_commit(bench: Bench) -> None:
    add(bench, "first")
    polls(bench, 1)
    before = bench.counts()
    add(bench, "second")
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
    assert isinstance(bench.path, Path)
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
    pages = [([decode_session(add(bench, "cancelled").item())], at)]

    store = bench.store
    store.entered, store.gate = threading.Event(), threading.Event()

    async def cancelled() -> None:
        task = asyncio.create_task(bench.ledger.count_pages(pages))
        async with asyncio.timeout(10):
            await asyncio.to_thread(store.entered.wait, 10)
            task.cancel()
            await asyncio.wait({task})
        store.gate.set()

    bench.run(cancelled())
    bench.run(bench.ledger.count_pages([]))  # waits for its turn on the store's thread

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

    rows = bench.run(bench.store.run(lambda state: list(state.execute("SELECT id FROM session"))))
    assert len(rows) < 3 * 120
    assert len(bench.state.minutes) <= 200
    assert sizes[-1] <= sizes[5]
    assert bench.counts()["sessions"] == 30 * 120


def test_series_are_made_anew_only_when_something_was_committed(bench: Bench) -> None:
    add(bench, "one", score=0.9)
    polls(bench, 1)
    shown = bench.ledger.samples(gauges=True)

    assert bench.ledger.samples(gauges=True) is shown
    assert len(bench.ledger.samples(gauges=False)) == len(shown) - 2

    add(bench, "two")
    polls(bench, 1)
    assert bench.ledger.samples(gauges=True) != shown
