"""The usage collector against an API that keeps its history as its tier says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from exporter.api.errors import InvalidResponseError, StatusError
from exporter.collect.usage import Usage, quota_limit_samples
from exporter.metrics import catalogue
from exporter.metrics.telemetry import Telemetry
from tests.collect.recorded import Board, Params, RecordedApi, telemetry

FREE, PRO, ENTERPRISE = 7, 30, 2557
DAY = timedelta(days=1)
Rows = list[dict[str, Any]]


@dataclass
class Memory:
    """Remembered days, as the store keeps them over a restart."""

    days: dict[date, dict[str, int]] = field(default_factory=dict)

    async def remembered(self, month_start: date) -> Mapping[date, Mapping[str, int]]:
        return {day: values for day, values in self.days.items() if day >= month_start}

    async def remember(self, day: date, values: Mapping[str, int]) -> None:
        self.days[day] = dict(values)


@dataclass
class UsageRig:
    """The API's truth and clock; `skew` is how far our own clock is ahead."""

    now: datetime
    history: int = FREE
    skew: timedelta = timedelta()
    limits: dict[str, float] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    seen: Telemetry = field(default_factory=telemetry)
    more_rows: Callable[[date], Rows] = lambda day: []
    failing: Callable[[date, date], bool] = lambda first, last: False
    before_answer: Callable[[], None] = lambda: None
    says_time: bool = True

    def __post_init__(self) -> None:
        self.api = RecordedApi({"/v1/usage": self._answer}, self._server_time)
        self.board = Board()
        self.start()

    def start(self) -> None:
        """A new process: all but the memory is gone."""
        self.board = Board()
        self.usage = Usage(
            api=self.api,
            telemetry=self.seen,
            days=self.memory,
            history_days=lambda: self.history,
            quota_limits=self.limits,
            clock=OurClock(self),
        )

    async def poll(self) -> list[tuple[str, str]]:
        """One poll; the dates it asked for, as month-day."""
        self.api.asked.clear()
        await self.usage.update(self.board.publish)
        return self.asked

    @property
    def asked(self) -> list[tuple[str, str]]:
        pairs = [url.partition("?")[2].split("&") for url in self.api.asked]
        return [(first[-5:], last[-5:]) for first, last in pairs]

    def period(self, period: str) -> dict[str, float]:
        series = self.board.series(catalogue.USAGE)
        return {labels[0]: value for labels, value in series.items() if labels[1] == period}

    @property
    def storage(self) -> float | None:
        return self.board.series(catalogue.USAGE_STORAGE).get(())

    def _server_time(self) -> int | None:
        if not self.says_time:
            return None
        return (self.now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    def _answer(self, params: Params) -> object:
        self.before_answer()
        first = date.fromisoformat(params["startDate"])
        last = date.fromisoformat(params["endDate"])
        if self.failing(first, last):
            return StatusError(503)
        oldest = self.now - self.history * DAY
        empty = datetime(first.year, first.month, first.day, tzinfo=UTC) < oldest
        days = [] if empty else [first + n * DAY for n in range((last - first).days + 1)]
        rows = [row for day in days if day <= self.now.date() for row in day_rows(day)]
        return {"data": rows + [row for day in days for row in self.more_rows(day)], "totals": {}}


class OurClock:
    def __init__(self, world: UsageRig) -> None:
        self._world = world

    def now(self) -> float:
        return (self._world.now + self._world.skew).timestamp()

    def monotonic(self) -> float:
        raise AssertionError("usage measures no spans")

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("usage waits for nothing")


def sessions_on(day: date) -> int:
    return day.toordinal() * 7919 % 1000 + 1


def day_rows(day: date) -> Rows:
    sessions = sessions_on(day)
    period = day.isoformat()
    return [
        {"period": period, "metricType": "Sessions", "value": sessions},
        {"period": period, "metricType": "Events", "value": 10 * sessions},
        {"period": period, "metricType": "Events", "value": sessions},
    ]


def month_sessions(today: date) -> int:
    return sum(sessions_on(today.replace(day=n)) for n in range(1, today.day + 1))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def test_today_and_the_month_are_read_and_what_is_not_listed_is_0() -> None:
    world = UsageRig(at("2026-06-05T12:00:00"), ENTERPRISE)
    assert await world.poll() == [("06-05", "06-05"), ("06-01", "06-05")]
    today = sessions_on(date(2026, 6, 5))
    nothing = {"api_calls": 0, "bot_analyses": 0}
    assert world.period("day") == nothing | {"sessions": today, "events": 11 * today}
    month = month_sessions(date(2026, 6, 5))
    assert world.period("month") == nothing | {"sessions": month, "events": 11 * month}
    assert list(world.board.parts) == ["day", "month", "storage"]


async def test_on_the_first_of_a_month_one_request_is_enough() -> None:
    world = UsageRig(at("2026-06-01T12:00:00"), FREE)
    assert await world.poll() == [("06-01", "06-01")]
    assert world.period("month") == world.period("day")


@pytest.mark.parametrize(
    ("now", "history", "asked"),
    [
        ("2026-07-31T12:00:00", ENTERPRISE, [("07-31", "07-31"), ("07-01", "07-31")]),
        ("2024-02-29T12:00:00", ENTERPRISE, [("02-29", "02-29"), ("02-01", "02-29")]),
        (
            "2024-02-29T12:00:00",
            PRO,
            [("02-29", "02-29"), ("02-01", "02-29"), ("02-01", "02-01")],
        ),
        ("2026-07-31T12:00:00", PRO, [("07-31", "07-31"), ("07-02", "07-02")]),
        ("2026-06-07T12:00:00", FREE, [("06-07", "06-07"), ("06-01", "06-07"), ("06-01", "06-01")]),
        ("2026-06-08T12:00:00", FREE, [("06-08", "06-08"), ("06-02", "06-02")]),
    ],
)
async def test_a_first_poll_asks_only_for_what_the_tier_can_read(
    now: str, history: int, asked: list[tuple[str, str]]
) -> None:
    world = UsageRig(at(now), history)
    assert await world.poll() == asked
    whole = any(first.endswith("-01") and first != last for first, last in asked)
    assert bool(world.period("month")) == whole


@pytest.mark.parametrize("history", [FREE, PRO, ENTERPRISE])
@pytest.mark.parametrize("start", ["2024-02-01T00:20:00", "2026-07-01T00:20:00"])
async def test_polled_from_its_first_day_a_month_is_whole_until_its_last_minute(
    history: int, start: str
) -> None:
    world = UsageRig(at(start), history)
    month = world.now.month
    while world.now.month == month:
        asked = await world.poll()
        assert len(asked) <= 3
        assert world.period("month")["sessions"] == month_sessions(world.now.date())
        world.now += timedelta(hours=2, minutes=53)
        if world.now.day % 5 == 0:
            world.start()


@pytest.mark.parametrize("history", [FREE, PRO])
async def test_a_month_is_right_or_hidden_whenever_the_exporter_ran(history: int) -> None:
    world = UsageRig(at("2026-06-28T12:00:00"), history)
    shown = hidden = 0
    while world.now < at("2026-09-02T00:00:00"):
        await world.poll()
        month = world.period("month")
        if month:
            shown += 1
            assert month["sessions"] == month_sessions(world.now.date())
        else:
            hidden += 1
        outage = 9 * DAY if world.now.date() == date(2026, 7, 12) else timedelta()
        world.now += timedelta(hours=5, minutes=10) + outage
    assert shown > 50
    assert bool(hidden) == (history == FREE)


async def test_a_restart_with_its_state_keeps_the_month_and_without_it_hides_it() -> None:
    world = UsageRig(at("2026-06-02T07:00:00"), FREE)
    while world.now < at("2026-06-20T07:00:00"):
        await world.poll()
        world.now += timedelta(hours=6)
    world.start()
    await world.poll()
    assert world.period("month")["sessions"] == month_sessions(world.now.date())
    world.memory.days.clear()
    await world.poll()
    assert world.period("month") == {}
    assert world.period("day")
    assert world.board.parts["month"] == []


async def test_one_missing_day_hides_the_month() -> None:
    world = UsageRig(at("2026-06-10T12:00:00"), FREE)
    for n in range(1, 10):
        world.memory.days[date(2026, 6, n)] = {"sessions": 1}
    await world.poll()
    assert world.period("month")
    del world.memory.days[date(2026, 6, 2)]
    await world.poll()
    assert world.period("month") == {}


async def test_a_day_that_consumed_nothing_is_remembered_too() -> None:
    world = UsageRig(at("2026-06-10T12:00:00"), FREE)
    for n in range(1, 10):
        world.memory.days[date(2026, 6, n)] = {}
    await world.poll()
    known = sum(sessions_on(date(2026, 6, n)) for n in range(4, 11))
    assert world.period("month")["sessions"] == known


async def test_a_day_is_remembered_six_hours_after_its_end_once_and_without_storage() -> None:
    world = UsageRig(at("2026-06-02T05:59:00"), FREE)
    world.more_rows = lambda day: [{"period": "p", "metricType": "StorageBytes", "value": 5}]
    await world.poll()
    assert world.memory.days == {}
    world.now = at("2026-06-02T06:00:00")
    assert (await world.poll())[2:] == [("06-01", "06-01")]
    sessions = sessions_on(date(2026, 6, 1))
    first = {date(2026, 6, 1): {"sessions": sessions, "events": 11 * sessions}}
    assert world.memory.days == first
    assert (await world.poll())[2:] == []


async def test_a_day_with_a_bad_row_is_not_final_and_waits_for_the_others() -> None:
    world = UsageRig(at("2026-06-04T12:00:00"), FREE)
    world.more_rows = lambda day: [{}] if day.day == 1 else []
    tried = [(await world.poll())[2:] for _ in range(4)]
    assert [days[0][0] for days in tried] == ["06-01", "06-02", "06-03", "06-01"]
    assert sorted(day.day for day in world.memory.days) == [2, 3]
    world.more_rows = lambda day: []
    await world.poll()
    assert sorted(day.day for day in world.memory.days) == [1, 2, 3]


async def test_a_sum_that_no_state_can_hold_is_not_remembered() -> None:
    world = UsageRig(at("2026-06-02T12:00:00"), FREE)
    huge = {"period": "p", "metricType": "Exports", "value": 2**63 - 1}
    world.more_rows = lambda day: [huge, huge]
    await world.poll()
    assert world.period("day")["exports"] == 2.0**64
    assert world.memory.days == {}


async def test_a_failing_first_request_publishes_nothing_and_asks_no_more() -> None:
    world = UsageRig(at("2026-06-10T12:00:00"), FREE)
    world.failing = lambda first, last: True
    with pytest.raises(StatusError):
        await world.poll()
    assert world.asked == [("06-10", "06-10")]
    assert world.board.parts == {}


async def test_a_failing_month_leaves_the_day_published_and_a_day_remembered() -> None:
    world = UsageRig(at("2026-06-05T12:00:00"), FREE)
    world.failing = lambda first, last: first != last
    with pytest.raises(StatusError):
        await world.poll()
    assert list(world.board.parts) == ["day", "storage"]
    assert list(world.memory.days) == [date(2026, 6, 1)]


async def test_a_failing_finished_day_leaves_day_and_month_published() -> None:
    world = UsageRig(at("2026-06-05T12:00:00"), FREE)
    world.failing = lambda first, last: last.day != 5
    with pytest.raises(StatusError):
        await world.poll()
    assert world.period("day")
    assert world.period("month")
    with pytest.raises(StatusError):
        await world.poll()
    assert world.asked[2:] == [("06-02", "06-02")]


async def test_an_undecodable_month_is_invalid_and_keeps_the_day() -> None:
    world = UsageRig(at("2026-06-05T12:00:00"), ENTERPRISE)
    answers = iter([{"data": []}, {"data": {}}])
    world.api.answers = {"/v1/usage": lambda params: next(answers)}
    with pytest.raises(InvalidResponseError):
        await world.poll()
    assert world.period("day") == dict.fromkeys(catalogue.USAGE_METRICS, 0)


async def test_the_apis_day_counts_and_not_ours() -> None:
    world = UsageRig(at("2026-06-05T23:50:00"), ENTERPRISE, skew=timedelta(minutes=20))
    assert (await world.poll())[:2] == [("06-06", "06-06"), ("06-05", "06-05")]
    assert world.period("day")["sessions"] == sessions_on(date(2026, 6, 5))
    assert (await world.poll())[:1] == [("06-05", "06-05")]
    world.now = at("2026-06-06T00:00:00")
    assert (await world.poll())[:1] == [("06-06", "06-06")]


async def test_without_the_apis_time_our_own_day_counts() -> None:
    world = UsageRig(at("2026-06-05T23:50:00"), ENTERPRISE, skew=timedelta(minutes=20))
    world.says_time = False
    assert await world.poll() == [("06-06", "06-06"), ("06-01", "06-06")]


async def test_at_midnight_a_poll_keeps_the_day_of_its_first_request() -> None:
    world = UsageRig(at("2026-06-30T23:59:59"), ENTERPRISE)

    def midnight_passes() -> None:
        world.now = at("2026-07-01T00:00:01")

    world.before_answer = midnight_passes
    assert await world.poll() == [("06-30", "06-30"), ("06-01", "06-30")]
    assert world.period("month")["sessions"] == month_sessions(date(2026, 6, 30))
    assert await world.poll() == [("07-01", "07-01")]


def storage_row(period: str, value: int) -> Rows:
    return [{"period": period, "metricType": "StorageBytes", "value": value}]


async def test_storage_is_the_newest_value_and_no_usage_series() -> None:
    world = UsageRig(at("2026-06-05T12:00:00"), ENTERPRISE)
    world.more_rows = lambda day: storage_row(day.isoformat(), day.day * 100)
    await world.poll()
    assert world.storage == 500
    assert not any("storage" in name for name in world.period("month"))


async def test_storage_of_the_month_stands_in_where_today_has_none() -> None:
    world = UsageRig(at("2026-06-05T12:00:00"), ENTERPRISE)
    world.more_rows = lambda day: storage_row(day.isoformat(), day.day * 100) if day.day < 5 else []
    await world.poll()
    assert world.storage == 400


async def test_yesterdays_storage_stays_until_today_has_one_but_no_longer_than_a_day() -> None:
    world = UsageRig(at("2026-06-20T23:00:00"), FREE)
    world.more_rows = lambda day: storage_row("p", 700) if day.day == 20 else []
    await world.poll()
    assert world.storage == 700
    world.now += DAY
    assert (await world.poll())[0] == ("06-21", "06-21")
    assert world.storage == 700
    world.now += DAY
    await world.poll()
    assert world.storage is None


async def test_quota_is_the_month_over_the_limit_while_the_month_is_known() -> None:
    limits = {"sessions": 1000.0, "storage_bytes": 2000.0, "exports": 5.0, "events": 0.0}
    limits["api_calls"] = -1.0
    world = UsageRig(at("2026-06-05T12:00:00"), FREE, limits=limits)
    world.more_rows = lambda day: storage_row("p", 500)
    await world.poll()
    month = month_sessions(date(2026, 6, 5))
    used = world.board.series(catalogue.QUOTA_USED)
    assert used == {("sessions",): month / 1000, ("storage_bytes",): 0.25}
    world.now = at("2026-06-20T12:00:00")
    await world.poll()
    assert world.board.series(catalogue.QUOTA_USED) == {("storage_bytes",): 0.25}
    assert world.board.series(catalogue.QUOTA_LIMIT) == {}


def test_limits_are_known_without_any_answer() -> None:
    board = Board()
    board.publish("limits", quota_limit_samples({"api_calls": 1e6, "sessions": 5.0}))
    limits = {("api_calls",): 1e6, ("sessions",): 5.0}
    assert board.series(catalogue.QUOTA_LIMIT) == limits


async def test_unknown_metrics_are_bounded_and_the_known_never_make_room_for_them() -> None:
    bound = catalogue.USAGE.max_values
    assert bound is not None
    world = UsageRig(at("2026-06-01T12:00:00"), ENTERPRISE)
    names = [f"A{chr(97 + n)}" for n in range(bound)]
    world.more_rows = lambda day: [{"metricType": name, "value": 1} for name in names]
    await world.poll()
    day = world.period("day")
    assert len(day) == bound + 1
    assert day["other"] == len(catalogue.USAGE_METRICS)
    assert set(catalogue.USAGE_METRICS) < set(day)
    assert world.seen.dropped.value("isnotai_usage") == 2 * day["other"]


async def test_bad_rows_are_counted_and_a_metric_of_only_bad_rows_is_absent() -> None:
    world = UsageRig(at("2026-06-10T12:00:00"), FREE)
    for n in range(1, 10):
        world.memory.days[date(2026, 6, n)] = {"api_calls": 5}
    world.more_rows = lambda day: (
        [{"metricType": "ApiCalls", "value": "5"}] if day.day == 10 else []
    )
    await world.poll()
    assert "api_calls" not in world.period("day")
    assert "api_calls" not in world.period("month")
    assert world.period("month")["sessions"] > 0
    assert world.seen.invalid_items.value("usage") == 2


async def test_where_not_even_today_is_readable_there_is_no_month() -> None:
    world = UsageRig(at("2026-06-01T12:00:00"), 0)
    assert await world.poll() == [("06-01", "06-01")]
    assert world.board.parts["month"] == []
