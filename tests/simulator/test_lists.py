"""Promises of the session list, for each order and way of paging."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exporter.simulator.clock import instant, micros
from exporter.simulator.lists import (
    DATE_FILTERS,
    PAGING,
    TIERS,
    BadParameterError,
    ListSettings,
    Page,
    parse_query,
    read_page,
)
from exporter.simulator.sessions import Session, is_hidden, random_rank
from exporter.simulator.world import ORDERS, World
from tests.simulator.worlds import HOUR, MINUTE, SECOND, START, world

EVERY_LIST = [ListSettings(order=order, paging=paging) for order in ORDERS for paging in PAGING]
KEYS: dict[str, Callable[[Session], Any]] = {
    "newest": lambda s: -s.created,
    "oldest": lambda s: s.created,
    "updated": lambda s: -s.updated,
    "updated_oldest": lambda it: (it.updated, it.salt),
    "random": lambda s: random_rank(s.salt),
    "by_id": lambda s: s.id,
}


def name(settings: ListSettings) -> str:
    return f"{settings.order}-{settings.paging}"


def page(
    of: World, settings: ListSettings, tier: str = "pro", now: datetime | None = None, **more: Any
) -> Page:
    parameters = {key: str(value) for key, value in more.items() if key[-1] != "_"}
    faults = {key.rstrip("_"): value for key, value in more.items() if key[-1] == "_"}
    query = parse_query(parameters, TIERS[tier], settings)
    return read_page(of, settings, query, TIERS[tier], now or of.now, **faults)


def walk(of: World, settings: ListSettings, limit: int = 1000, **more: Any) -> list[Session]:
    """All pages to the last one."""
    found: list[Session] = []
    cursor = ""
    for _ in range(limit):
        got = page(of, settings, cursor=cursor, **more)
        found += got.sessions
        if got.next_cursor is None:
            return found
        cursor = got.next_cursor
    raise AssertionError("the walk does not end")


@pytest.mark.parametrize("settings", EVERY_LIST, ids=name)
@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_walk_gives_every_session_once_in_order(settings: ListSettings, size: int) -> None:
    still = world(rate=0.3)
    found = walk(still, settings, pageSize=size)
    assert found == sorted(still.visible(still.now), key=KEYS[settings.order])


@pytest.mark.parametrize("settings", EVERY_LIST, ids=name)
def test_filters_leave_exactly_what_matches(settings: ListSettings) -> None:
    still = world(rate=0.5, bot_share=0.5)
    rows = list(still.visible(still.now))
    start, end = rows[len(rows) // 3].created, rows[len(rows) // 2].created
    window: dict[str, Any] = {
        "startDate": instant(start).isoformat(),
        "endDate": instant(end).isoformat(),
    }
    inside = {s.id for s in rows if start <= s.created <= end}
    bots = {s.id for s in rows if s.score is not None and s.score >= 0.7}
    closed = {s.id for s in rows if s.status == "closed"}
    cases: list[tuple[dict[str, Any], set[str]]] = [
        (window, inside),
        ({**window, "botOnly": "true"}, inside & bots),
        ({"botOnly": "True", "status": "closed"}, bots & closed),
        ({"status": "active"}, {s.id for s in rows if s.status == "active"}),
        ({"status": "nonsense"}, set()),
        ({"hide_sessions_": None}, {s.id for s in rows}),
    ]
    for parameters, expected in cases:
        parameters.pop("hide_sessions_", None)
        found = walk(still, settings, pageSize=13, **parameters)
        assert len(found) == len(expected)
        assert {session.id for session in found} == expected


@pytest.mark.parametrize("settings", EVERY_LIST, ids=name)
def test_a_small_window_of_a_large_world_is_read_whole(settings: ListSettings) -> None:
    large = world(rate=0, static_sessions=5000, history=HOUR)
    rows = large.visible(large.now)
    window: dict[str, Any] = {
        "startDate": instant(rows[1000].created).isoformat(),
        "endDate": instant(rows[1100].created).isoformat(),
    }
    found = walk(large, settings, pageSize=9, **window)
    assert found == sorted(rows[1000:1101], key=KEYS[settings.order])


@pytest.mark.parametrize("order", ["newest", "random", "by_id"])
def test_inserts_shift_no_page_under_keyset_paging(order: str) -> None:
    living = world(rate=1.0)
    before = {session.id for session in living.visible(living.now)}
    found: list[str] = []
    cursor = ""
    while True:
        got = page(living, ListSettings(order=order), pageSize=20, cursor=cursor)
        found += [session.id for session in got.sessions]
        if got.next_cursor is None:
            break
        cursor = got.next_cursor
        living.advance(living.now + SECOND)
    assert before <= set(found)
    assert len(found) == len(set(found))


def test_inserts_shift_the_pages_under_offset_paging() -> None:
    living = world(rate=1.0)
    settings = ListSettings(paging="offset")
    first = page(living, settings, pageSize=20)
    living.advance(living.now + 10 * SECOND)
    second = page(living, settings, pageSize=20, cursor=first.next_cursor)
    assert set(first.sessions) & set(second.sessions)


@pytest.mark.parametrize("settings", EVERY_LIST, ids=name)
def test_a_repeated_item_begins_the_following_page(settings: ListSettings) -> None:
    still = world(rate=0.3)
    first = page(still, settings, pageSize=10, repeat_last_=True)
    second = page(still, settings, pageSize=10, cursor=first.next_cursor)
    assert second.sessions[0] is first.sessions[-1]
    alone = page(still, settings, pageSize=1, repeat_last_=True)  # it must still move on
    following = page(still, settings, pageSize=1, cursor=alone.next_cursor)
    assert following.sessions != alone.sessions


@pytest.mark.parametrize("settings", EVERY_LIST, ids=name)
@pytest.mark.parametrize("keep", [0, 3])
def test_a_short_page_loses_nothing(settings: ListSettings, keep: int) -> None:
    still = world(rate=0.3)
    first = page(still, settings, pageSize=10, keep_=keep)
    assert len(first.sessions) == keep
    rest = page(still, settings, pageSize=100, cursor=first.next_cursor)
    everything = sorted(still.visible(still.now), key=KEYS[settings.order])
    assert first.sessions + rest.sessions == everything[: keep + 100]


@pytest.mark.parametrize("order", list(ORDERS))
def test_hidden_sessions_never_show(order: str) -> None:
    still = world(rate=1.0)
    found = walk(still, ListSettings(order=order), pageSize=50, hidden_share_=0.4)
    expected = [s for s in still.visible(still.now) if not is_hidden(s.salt, 0.4)]
    assert found == sorted(expected, key=KEYS[order])
    assert len(found) < 0.75 * len(still)


@pytest.mark.parametrize(("tier", "cap"), [("free", 50), ("pro", 100), ("enterprise", 100)])
def test_the_page_size_is_clamped_to_the_tier(tier: str, cap: int) -> None:
    still = world(rate=1.0)
    assert len(page(still, ListSettings(), tier, pageSize=1000).sessions) == cap
    assert len(page(still, ListSettings(), tier, pageSize=20).sessions) == 20
    assert len(page(still, ListSettings(), tier).sessions) == 50


@pytest.mark.parametrize(("tier", "days"), [("free", 7), ("pro", 30), ("enterprise", 2555)])
def test_history_ends_where_the_tier_says(tier: str, days: int) -> None:
    old = world(rate=0.0005, history=timedelta(days=60))
    oldest = START - timedelta(days=days)
    found = walk(old, ListSettings(), tier=tier, pageSize=50)
    assert {s.id for s in found} == {
        s.id for s in old.visible(old.now) if s.created >= micros(oldest)
    }
    before: dict[str, Any] = {"startDate": (oldest - SECOND).isoformat()}
    assert page(old, ListSettings(), tier, **before) == Page([], None)
    assert page(old, ListSettings(), tier, startDate=oldest.isoformat()).sessions


DAYS = world(rate=0.002, history=timedelta(days=5), lifetime=(SECOND, SECOND))


@pytest.mark.parametrize(
    ("date_filter", "start", "end"),
    [
        ("exact", "2026-06-07T15:30:00Z", "2026-06-08T18:00:00Z"),
        ("day", "2026-06-07T00:00:00Z", "2026-06-08T23:59:59.999999Z"),
        ("midnight", "2026-06-07T00:00:00Z", "2026-06-08T00:00:00Z"),
    ],
)
def test_dates_count_as_finely_as_the_server_takes_them(
    date_filter: str, start: str, end: str
) -> None:
    asked: dict[str, Any] = {
        "startDate": "2026-06-07T17:30:00+02:00",
        "endDate": "2026-06-08T18:00:00.0000000Z",
    }
    found = walk(DAYS, ListSettings(date_filter=date_filter), pageSize=50, **asked)
    low, high = (micros(datetime.fromisoformat(text)) for text in (start, end))
    assert found == [s for s in reversed(DAYS.visible(START)) if low <= s.created <= high]
    assert found


@pytest.mark.parametrize(
    ("begins", "day_of", "start", "end"),
    [
        (5.0, "written", "2026-06-07T05:00:00Z", "2026-06-09T04:59:59.999999Z"),
        (5.0, "moment", "2026-06-06T05:00:00Z", "2026-06-09T04:59:59.999999Z"),
        (-2.0, "written", "2026-06-06T22:00:00Z", "2026-06-08T21:59:59.999999Z"),
        (-2.0, "moment", "2026-06-06T22:00:00Z", "2026-06-08T21:59:59.999999Z"),
    ],
)
def test_days_begin_where_the_server_lives(
    begins: float, day_of: str, start: str, end: str
) -> None:
    settings = ListSettings(date_filter="day", day_begins=begins, day_of=day_of)
    asked: dict[str, Any] = {
        "startDate": "2026-06-07T03:00:00Z",
        "endDate": "2026-06-08T18:00:00Z",
    }
    found = walk(DAYS, settings, pageSize=50, **asked)
    low, high = (micros(datetime.fromisoformat(text)) for text in (start, end))
    assert found == [s for s in reversed(DAYS.visible(START)) if low <= s.created <= high]
    assert found


@pytest.mark.parametrize("check", ["asked", "cut"])
def test_a_day_that_began_before_the_history_may_show_nothing(check: str) -> None:
    settings = ListSettings(date_filter="day", history_check=check)
    old = world(rate=0.001, history=timedelta(days=8))
    within = old.now - TIERS["free"].history + SECOND
    found = page(old, settings, "free", startDate=within.isoformat()).sessions
    assert bool(found) == (check == "asked")


def test_a_list_without_an_end_goes_on_with_empty_pages_or_from_its_beginning() -> None:
    still = world(rate=0.01)
    shown = walk(still, ListSettings(), pageSize=100)
    for endless, items in (("empty", 0), ("full", min(100, len(shown)))):
        last = page(still, ListSettings(), pageSize=100, endless_=endless)
        while len(last.sessions) == 100:
            asked: dict[str, Any] = {"cursor": last.next_cursor}
            last = page(still, ListSettings(), pageSize=100, endless_=endless, **asked)
        asked = {"cursor": last.next_cursor}
        more = page(still, ListSettings(), pageSize=100, endless_=endless, **asked)
        assert (len(more.sessions), more.next_cursor is None) == (items, False)


@pytest.mark.parametrize("date_filter", DATE_FILTERS)
def test_a_date_without_a_time_is_a_whole_day_but_for_the_midnight_filter(
    date_filter: str,
) -> None:
    asked: dict[str, Any] = {"startDate": "2026-06-08", "endDate": "2026-06-08"}
    found = walk(DAYS, ListSettings(date_filter=date_filter), pageSize=50, **asked)
    days = {instant(session.created).date().isoformat() for session in found}
    assert days == (set() if date_filter == "midnight" else {"2026-06-08"})


def test_a_time_without_a_zone_is_taken_as_utc() -> None:
    naive = parse_query({"startDate": "2026-06-08T10:00:00"}, TIERS["pro"], ListSettings())
    assert naive.start == micros(datetime(2026, 6, 8, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pageSize", "0"),
        ("pageSize", "-1"),
        ("pageSize", "ten"),
        ("pageSize", ""),
        ("startDate", "yesterday"),
        ("startDate", "2026-06-08T10:00:00 02:00"),  # a plus sign that was not escaped
        ("endDate", "2026-13-01"),
        ("botOnly", "perhaps"),
        ("cursor", "nonsense"),
        ("cursor", "é"),
        ("cursor", "bm9uc2Vuc2U"),
    ],
)
def test_a_bad_parameter_is_named(field: str, value: str) -> None:
    asked: dict[str, Any] = {field: value}
    with pytest.raises(BadParameterError) as caught:
        page(DAYS, ListSettings(), **asked)
    assert caught.value.field == field


def test_a_cursor_of_another_order_is_refused() -> None:
    first = page(DAYS, ListSettings(order="newest"), pageSize=5)
    for other in (ListSettings(order="oldest"), ListSettings(paging="offset")):
        with pytest.raises(BadParameterError, match="order"):
            page(DAYS, other, cursor=first.next_cursor)


def test_a_cursor_may_expire() -> None:
    settings = ListSettings(cursor_seconds=60)
    first = page(DAYS, settings, pageSize=5)
    assert page(DAYS, settings, cursor=first.next_cursor, now=START + MINUTE).sessions
    with pytest.raises(BadParameterError, match="expired"):
        page(DAYS, settings, cursor=first.next_cursor, now=START + MINUTE + SECOND)


def test_a_strict_server_refuses_a_cursor_beside_other_filters() -> None:
    settings = ListSettings(strict_cursors=True)
    first = page(DAYS, settings, pageSize=5, status="closed")
    assert page(DAYS, settings, pageSize=9, status="closed", cursor=first.next_cursor).sessions
    with pytest.raises(BadParameterError, match="filters"):
        page(DAYS, settings, cursor=first.next_cursor)


@pytest.mark.parametrize(
    "bad",
    [
        {"order": "best"},
        {"paging": "none"},
        {"date_filter": "hour"},
        {"last_cursor": "gone"},
        {"cursor_seconds": -1},
    ],
)
def test_senseless_list_settings_are_refused_by_name(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        ListSettings(**bad)
