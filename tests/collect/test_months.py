"""Which days are readable, asked for and remembered: tables of dates, no API."""

from datetime import UTC, date, datetime, timedelta

import pytest

from exporter.collect import months

FREE, PRO, ENTERPRISE = 7, 30, 2557


def at(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def days(first: str, last: str) -> tuple[date, ...]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return tuple(start + timedelta(days=n) for n in range((end - start).days + 1))


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2024-02-29T00:00:00", date(2024, 2, 29)),
        ("2024-02-29T23:59:59.999999", date(2024, 2, 29)),
        ("2024-03-01T00:00:00", date(2024, 3, 1)),
        ("1999-12-31T23:59:59", date(1999, 12, 31)),
    ],
)
def test_a_moment_has_one_utc_day(now: str, day: date) -> None:
    assert months.day_of(at(now)) == day


@pytest.mark.parametrize(
    ("now", "history", "first"),
    [
        ("2026-06-10T12:00:00", FREE, date(2026, 6, 4)),
        ("2026-06-10T00:00:00", FREE, date(2026, 6, 4)),
        ("2026-06-10T23:40:00", FREE, date(2026, 6, 4)),
        ("2026-06-30T12:00:00", PRO, date(2026, 6, 1)),
        ("2026-07-31T12:00:00", PRO, date(2026, 7, 2)),
        ("2024-03-01T12:00:00", FREE, date(2024, 2, 24)),
        ("2023-03-01T12:00:00", FREE, date(2023, 2, 23)),
        ("2026-06-10T12:00:00", ENTERPRISE, date(2019, 6, 11)),
        ("2026-06-10T12:00:00", 0, date(2026, 6, 11)),
    ],
)
def test_the_first_readable_day_lies_whole_in_the_history(
    now: str, history: int, first: date
) -> None:
    assert months.first_readable(at(now), history) == first


@pytest.mark.parametrize("minutes", [0, 1, 9])
def test_a_day_that_is_about_to_leave_the_history_is_not_readable_any_more(minutes: int) -> None:
    now = at("2026-06-11T00:00:00") - minutes * 60_000_000 - 1
    assert months.first_readable(now, FREE) == date(2026, 6, 5)


@pytest.mark.parametrize(
    ("today", "readable", "remembered", "first_asked"),
    [
        ("2026-06-01", "2026-05-26", (), "2026-06-01"),
        ("2026-06-07", "2026-06-01", (), "2026-06-01"),
        ("2026-06-08", "2026-06-02", days("2026-06-01", "2026-06-01"), "2026-06-02"),
        ("2026-06-30", "2026-06-24", days("2026-06-01", "2026-06-23"), "2026-06-24"),
        ("2026-07-30", "2026-07-01", (), "2026-07-01"),
        ("2026-07-31", "2026-07-02", days("2026-07-01", "2026-07-01"), "2026-07-02"),
        ("2024-02-29", "2024-02-23", days("2024-02-01", "2024-02-22"), "2024-02-23"),
        ("2024-02-29", "2024-01-31", (), "2024-02-01"),
        ("2023-02-28", "2023-02-22", days("2023-02-01", "2023-02-21"), "2023-02-22"),
        ("2026-12-31", "2019-12-31", (), "2026-12-01"),
        ("2026-06-10", "2026-06-10", days("2026-06-01", "2026-06-09"), "2026-06-10"),
    ],
)
def test_a_month_is_what_can_be_read_and_before_it_what_must_be_remembered(
    today: str, readable: str, remembered: tuple[date, ...], first_asked: str
) -> None:
    plan = months.plan_month(date.fromisoformat(today), date.fromisoformat(readable))
    assert plan == months.MonthPlan(remembered, date.fromisoformat(first_asked))


def test_without_today_there_is_no_month() -> None:
    assert months.plan_month(date(2026, 6, 10), date(2026, 6, 11)) is None


@pytest.mark.parametrize(
    ("now", "readable", "remembered", "day"),
    [
        ("2026-06-01T12:00:00", "2026-05-26", (), None),
        ("2026-06-02T05:59:59", "2026-05-27", (), None),
        ("2026-06-02T06:00:00", "2026-05-27", (), "2026-06-01"),
        ("2026-06-05T12:00:00", "2026-05-30", (), "2026-06-01"),
        ("2026-06-05T12:00:00", "2026-05-30", days("2026-06-01", "2026-06-02"), "2026-06-03"),
        ("2026-06-05T12:00:00", "2026-05-30", days("2026-06-01", "2026-06-04"), None),
        ("2026-06-05T03:00:00", "2026-05-30", days("2026-06-01", "2026-06-03"), None),
        ("2026-06-05T12:00:00", "2026-05-30", days("2026-06-02", "2026-06-04"), "2026-06-01"),
        ("2026-06-20T12:00:00", "2026-06-14", (), "2026-06-14"),
        ("2024-03-01T12:00:00", "2024-02-24", (), None),
    ],
)
def test_the_oldest_finished_readable_day_of_the_month_is_remembered_next(
    now: str, readable: str, remembered: tuple[date, ...], day: str | None
) -> None:
    moment = at(now)
    chosen = months.day_to_remember(
        months.day_of(moment), moment, date.fromisoformat(readable), remembered, {}
    )
    assert chosen == (date.fromisoformat(day) if day else None)


def test_a_day_that_failed_waits_for_those_that_did_not() -> None:
    now, readable = at("2026-06-05T12:00:00"), date(2026, 5, 30)
    tries = {date(2026, 6, 1): 1}
    chosen = months.day_to_remember(months.day_of(now), now, readable, (), tries)
    assert chosen == date(2026, 6, 2)
    tries |= dict.fromkeys(days("2026-06-02", "2026-06-04"), 1)
    chosen = months.day_to_remember(months.day_of(now), now, readable, (), tries)
    assert chosen == date(2026, 6, 1)
