"""The analytics collector: gauges of windows, from answers whole, sparse and hostile."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.api.errors import InvalidResponseError, RequestTimeoutError, StatusError
from exporter.api.schema.analytics import BucketTimestamp, Hours
from exporter.api.times import HOUR, parse_time
from exporter.collect.analytics import Analytics, browser_label
from exporter.metrics import catalogue
from exporter.metrics.model import Metric
from exporter.metrics.telemetry import Telemetry
from tests.collect.recorded import Board, RecordedApi, telemetry

DAY_URL = "/v1/analytics?period=24h&groupBy=hour"
WEEK_URL = "/v1/analytics?period=7d&groupBy=day"
WHOLE: dict[str, Any] = {
    "period": "24h",
    "groupBy": "hour",
    "startDate": "2026-06-09T12:00:00Z",
    "endDate": "2026-06-10T12:00:00Z",
    "generatedAt": "2026-06-10T12:00:01.5000000+00:00",
    "summary": {
        "totalSessions": 200,
        "totalEvents": 5000,
        "uniqueBots": 12,
        "uniqueUsers": 150,
        "averageBotScore": 0.21,
        "averageEventsPerSession": 25,
    },
    "timeSeries": [
        {"timestamp": "2026-06-10T11:00:00Z", "sessionCount": 60, "eventCount": 9, "botCount": 6},
        {"timestamp": "2026-06-10T10:00:00Z", "sessionCount": 140, "eventCount": 9, "botCount": 14},
    ],
    "botDetection": {
        "highConfidenceBots": 5,
        "mediumConfidenceBots": 7,
        "lowConfidenceBots": 8,
        "likelyHumans": 180,
    },
    "userMatching": {
        "totalMatched": 50,
        "totalUnmatched": 150,
        "matchRate": 25.0,
        "averageCorrelationConfidence": 0.9,
    },
    "topOrigins": [
        {"origin": "https://lms.example", "sessionCount": 150, "botPercentage": 10.0},
        {"origin": "https://LMS.example:443", "sessionCount": 50, "botPercentage": 50},
    ],
    "deviceBreakdown": {
        "mobile": 40,
        "desktop": 160,
        "browserCounts": {"Chrome": 120, "Firefox": 80},
    },
}


def collector(
    api: RecordedApi,
    *,
    seen: Telemetry | None = None,
    windows: tuple[str, ...] = ("24h",),
    scale: float = 100,
    bucket_timestamp: BucketTimestamp = "start",
    on_hours: Callable[[Hours], None] = lambda hours: None,
) -> Analytics:
    return Analytics(
        api=api,
        telemetry=seen or telemetry(),
        windows=windows,
        bot_percentage_scale=scale,
        bucket_timestamp=bucket_timestamp,
        on_hours=on_hours,
    )


async def board_of(data: object, seen: Telemetry | None = None, scale: float = 100) -> Board:
    board = Board()
    api = RecordedApi({DAY_URL: {"data": data}})
    await collector(api, seen=seen, scale=scale).update(board.publish)
    return board


async def test_a_whole_answer_gives_every_analytics_metric() -> None:
    board = await board_of(WHOLE)
    window = ("24h",)
    assert board.series(catalogue.ANALYTICS_SESSIONS) == {window: 200}
    assert board.series(catalogue.ANALYTICS_EVENTS) == {window: 5000}
    assert board.series(catalogue.ANALYTICS_UNIQUE_BOTS) == {window: 12}
    assert board.series(catalogue.ANALYTICS_UNIQUE_USERS) == {window: 150}
    assert board.series(catalogue.ANALYTICS_BOT_SCORE) == {window: 0.21}
    assert board.series(catalogue.ANALYTICS_EVENTS_PER_SESSION) == {window: 25}
    assert board.series(catalogue.ANALYTICS_VERDICTS) == {
        ("24h", "high_confidence_bot"): 5,
        ("24h", "medium_confidence_bot"): 7,
        ("24h", "low_confidence_bot"): 8,
        ("24h", "likely_human"): 180,
    }
    assert board.series(catalogue.ANALYTICS_BOT_RATIO) == {window: 0.1}
    matches = {("24h", "true"): 50, ("24h", "false"): 150}
    assert board.series(catalogue.ANALYTICS_USER_MATCHES) == matches
    assert board.series(catalogue.ANALYTICS_USER_MATCH_RATIO) == {window: 0.25}
    assert board.series(catalogue.ANALYTICS_CORRELATION) == {window: 0.9}
    origin = ("24h", "https://lms.example")
    assert board.series(catalogue.ANALYTICS_ORIGIN_SESSIONS) == {origin: 200}
    assert board.series(catalogue.ANALYTICS_ORIGIN_BOT_RATIO) == {origin: pytest.approx(0.2)}
    assert board.series(catalogue.ANALYTICS_DEVICES) == {
        ("24h", "mobile"): 40,
        ("24h", "desktop"): 160,
        ("24h", "tablet"): 0,
    }
    browsers = {("24h", "Chrome"): 120, ("24h", "Firefox"): 80}
    assert board.series(catalogue.ANALYTICS_BROWSERS) == browsers
    generated = parse_time("2026-06-10T12:00:01.5Z") / 1e6
    assert board.series(catalogue.ANALYTICS_GENERATED) == {window: generated}


@pytest.mark.parametrize("data", [{}, dict.fromkeys(WHOLE), {"unheardOf": {"of": [1]}}])
async def test_an_answer_without_its_fields_gives_no_series_and_no_error(data: object) -> None:
    seen = telemetry()
    board = await board_of(data, seen)
    assert board.parts == {"24h": []}
    assert seen.invalid_items.value("analytics") == 0


@pytest.mark.parametrize(
    ("section", "metric"),
    [
        ("summary", catalogue.ANALYTICS_SESSIONS),
        ("botDetection", catalogue.ANALYTICS_VERDICTS),
        ("userMatching", catalogue.ANALYTICS_USER_MATCHES),
    ],
)
async def test_null_numbers_give_no_series(section: str, metric: Metric) -> None:
    board = await board_of(WHOLE | {section: dict.fromkeys(WHOLE[section])})
    assert board.series(metric) == {}


async def test_an_empty_device_breakdown_starts_the_known_devices_at_0() -> None:
    board = await board_of({"deviceBreakdown": {}})
    devices = {("24h", device): 0.0 for device in catalogue.DEVICES}
    assert board.series(catalogue.ANALYTICS_DEVICES) == devices


@pytest.mark.parametrize(
    "data",
    [
        {"timeSeries": []},
        {"timeSeries": [{"timestamp": "2026-06-10T10:00:00Z", "sessionCount": 0, "botCount": 0}]},
        {"timeSeries": [{"timestamp": "2026-06-10T10:00:00Z", "sessionCount": 9}]},
        {"userMatching": {"totalMatched": 0, "totalUnmatched": 0}},
        {"userMatching": {"totalMatched": 5}},
        {"topOrigins": [{"origin": "https://a", "sessionCount": 0, "botPercentage": 5}]},
    ],
)
async def test_a_ratio_of_nothing_is_absent(data: object) -> None:
    board = await board_of(data)
    assert board.series(catalogue.ANALYTICS_BOT_RATIO) == {}
    assert board.series(catalogue.ANALYTICS_USER_MATCH_RATIO) == {}
    assert board.series(catalogue.ANALYTICS_ORIGIN_BOT_RATIO) == {}


async def test_the_bot_ratio_leaves_out_buckets_that_do_not_say_how_many_bots() -> None:
    board = await board_of(
        {
            "timeSeries": [
                {"timestamp": "2026-06-10T10:00:00Z", "sessionCount": 10, "botCount": 5},
                {"timestamp": "2026-06-10T11:00:00Z", "sessionCount": 90, "botCount": None},
            ]
        }
    )
    assert board.series(catalogue.ANALYTICS_BOT_RATIO) == {("24h",): 0.5}


async def test_more_bots_than_sessions_give_no_ratio_and_one_log_event() -> None:
    bucket = {"timestamp": "2026-06-10T10:00:00Z", "sessionCount": 1, "botCount": 2}
    with capture_logs() as logs:
        board = await board_of({"timeSeries": [bucket]})
    assert board.series(catalogue.ANALYTICS_BOT_RATIO) == {}
    assert [entry["event"] for entry in logs] == ["bot_count_above_session_count"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("summary",), []),
        (("summary", "totalSessions"), "12"),
        (("summary", "totalSessions"), True),
        (("summary", "totalSessions"), -1),
        (("summary", "totalSessions"), 10**30),
        (("summary", "averageBotScore"), "alice@example.edu"),
        (("summary", "averageBotScore"), float("nan")),
        (("summary", "averageBotScore"), 10**400),
        (("botDetection", "likelyHumans"), 1.5),
        (("userMatching", "totalMatched"), {}),
        (("timeSeries",), {}),
        (("topOrigins",), "alice@example.edu"),
        (("deviceBreakdown", "mobile"), "many"),
        (("deviceBreakdown", "browserCounts"), ["alice@example.edu"]),
        (("generatedAt",), "yesterday"),
        (("generatedAt",), 1781092800),
    ],
)
async def test_a_wrong_type_fails_the_window_and_the_error_names_the_field_only(
    path: tuple[str, ...], value: object
) -> None:
    data = deepcopy(WHOLE)
    place: Any = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(InvalidResponseError) as caught:
        await board_of(data)
    assert str(caught.value).startswith(f"analytics: {'.'.join(path)} ")
    assert "alice" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("body", [None, [], 5, "text", {}, {"data": None}, {"data": [WHOLE]}])
async def test_a_body_without_an_object_in_data_fails_the_window(body: object) -> None:
    board = Board()
    with pytest.raises(InvalidResponseError, match="analytics: no object in data"):
        await collector(RecordedApi({DAY_URL: body})).update(board.publish)
    assert board.parts == {}


async def test_bad_items_cost_themselves_and_are_counted() -> None:
    seen = telemetry()
    good = {"timestamp": "2026-06-10T10:00:00Z", "sessionCount": 10, "botCount": 5}
    board = await board_of(
        {
            "timeSeries": [good, None, {}, {"timestamp": "noon", "sessionCount": 1}, 7],
            "topOrigins": [{"origin": "https://a", "sessionCount": 3}, {"origin": 5}, "https://b"],
            "deviceBreakdown": {"browserCounts": {"Chrome": 4, "Safari": "x", "Edge": None}},
        },
        seen,
    )
    assert board.series(catalogue.ANALYTICS_BOT_RATIO) == {("24h",): 0.5}
    assert board.series(catalogue.ANALYTICS_ORIGIN_SESSIONS) == {("24h", "https://a"): 3}
    assert board.series(catalogue.ANALYTICS_BROWSERS) == {("24h", "Chrome"): 4}
    assert seen.invalid_items.value("analytics") == 4 + 2 + 1


async def test_buckets_that_share_a_time_are_all_bad() -> None:
    seen = telemetry()
    twice = {"timestamp": "2026-06-10T10:00:00Z", "sessionCount": 10, "botCount": 9}
    same = {"timestamp": "2026-06-10T10:00:00.0000000+00:00", "sessionCount": 4, "botCount": 4}
    once = {"timestamp": "2026-06-10T11:00:00Z", "sessionCount": 10, "botCount": 1}
    board = await board_of({"timeSeries": [twice, once, same]}, seen)
    assert board.series(catalogue.ANALYTICS_BOT_RATIO) == {("24h",): 0.1}
    assert seen.invalid_items.value("analytics") == 2


async def test_origins_are_merged_bounded_and_never_hold_more_than_an_origin() -> None:
    seen = telemetry()
    bound = catalogue.ANALYTICS_ORIGIN_SESSIONS.max_values
    assert bound is not None
    listed = [
        {"origin": f"https://o{n}.example", "sessionCount": 1000 - n, "botPercentage": 50}
        for n in range(bound + 2)
    ]
    listed.append({"origin": "https://o0.example/u/alice", "sessionCount": 10, "botPercentage": 0})
    listed.append({"origin": None, "sessionCount": 5, "botPercentage": None})
    board = await board_of({"topOrigins": listed}, seen)
    sessions = board.series(catalogue.ANALYTICS_ORIGIN_SESSIONS)
    folded = (1000 - bound) + (1000 - bound - 1)
    assert len(sessions) == bound + 1
    assert ("24h", f"https://o{bound - 1}.example") in sessions
    assert sessions["24h", "other"] == folded + 10 + 5
    ratios = board.series(catalogue.ANALYTICS_ORIGIN_BOT_RATIO)
    assert ratios["24h", "other"] == pytest.approx(0.5 * folded / (folded + 10))
    assert seen.dropped.value("isnotai_analytics_origin_sessions") == 2
    assert seen.dropped.value("isnotai_analytics_origin_bot_ratio") == 2
    assert not any("alice" in label for label in board.label_values)


async def test_other_is_absent_while_nothing_is_folded() -> None:
    board = await board_of(WHOLE)
    assert "other" not in board.label_values


@pytest.mark.parametrize(
    ("scale", "shares", "expected"),
    [
        (100, [100, 0], [1.0, 0.0]),
        (1, [1, 0.25], [1.0, 0.25]),
        (100, [50, 101], [0.5, None]),
        (100, [50, -1], [0.5, None]),
        (1, [0.5, 50], [None, None]),
        (100, [100.00000000001, 50], [1.0, 0.5]),
    ],
)
async def test_a_share_out_of_scale_is_never_published(
    scale: float, shares: list[float], expected: list[float | None]
) -> None:
    listed = [
        {"origin": f"https://o{n}", "sessionCount": 10, "botPercentage": share}
        for n, share in enumerate(shares)
    ]
    with capture_logs() as logs:
        board = await board_of({"topOrigins": listed}, scale=scale)
    ratios = board.series(catalogue.ANALYTICS_ORIGIN_BOT_RATIO)
    assert [ratios.get(("24h", f"https://o{n}")) for n in range(len(shares))] == expected
    assert len(board.series(catalogue.ANALYTICS_ORIGIN_SESSIONS)) == len(shares)
    events = ["bot_percentage_scale_mismatch"] if None in expected else []
    assert [entry["event"] for entry in logs] == events


async def test_a_wrong_scale_is_logged_once_only() -> None:
    listed = [{"origin": "https://a", "sessionCount": 10, "botPercentage": 50}]
    polled = collector(RecordedApi({DAY_URL: {"data": {"topOrigins": listed}}}), scale=1)
    with capture_logs() as logs:
        await polled.update(Board().publish)
        await polled.update(Board().publish)
    assert len(logs) == 1


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Chrome", "Chrome"),
        (" Samsung Internet ", "Samsung Internet"),
        ("360 Browser", "360 Browser"),
        ("Opera GX", "Opera GX"),
        ("Other", "other"),
        ("Chrome 126", "other"),
        ("Chrome/126.0", "other"),
        ("IE11", "other"),
        ("1234567", "other"),
        ("", "other"),
        ("x" * 33, "other"),
        ("x" * 32, "x" * 32),
        ("alice@example.edu", "other"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "other"),
        ("Chröme", "other"),
        ("Chrome\nFirefox", "other"),
    ],
)
def test_a_user_agent_never_becomes_a_browser_label(name: str, label: str) -> None:
    assert browser_label(name) == label


async def test_browsers_are_bounded_by_their_sessions() -> None:
    seen = telemetry()
    bound = catalogue.ANALYTICS_BROWSERS.max_values
    assert bound is not None
    counts = {f"Browser {chr(65 + n // 26)}{chr(65 + n % 26)}": 100 - n for n in range(bound + 3)}
    board = await board_of({"deviceBreakdown": {"browserCounts": counts | {"UA/1": 1}}}, seen)
    browsers = board.series(catalogue.ANALYTICS_BROWSERS)
    assert len(browsers) == bound + 1
    assert browsers["24h", "other"] == 70 + 69 + 68 + 1
    assert seen.dropped.value("isnotai_analytics_browsers") == 3


async def test_each_window_is_asked_for_with_its_grouping_and_published_as_a_part() -> None:
    api = RecordedApi({"/v1/analytics": {"data": WHOLE}})
    board = Board()
    await collector(api, windows=("24h", "7d", "30d")).update(board.publish)
    assert api.asked == [DAY_URL, WEEK_URL, "/v1/analytics?period=30d&groupBy=day"]
    assert list(board.parts) == ["24h", "7d", "30d"]
    assert board.series(catalogue.ANALYTICS_SESSIONS) == {
        ("24h",): 200,
        ("7d",): 200,
        ("30d",): 200,
    }


async def test_a_failing_window_keeps_no_other_from_being_published() -> None:
    api = RecordedApi({DAY_URL: StatusError(500), WEEK_URL: {"data": WHOLE}})
    board = Board()
    with pytest.raises(StatusError, match="500"):
        await collector(api, windows=("24h", "7d")).update(board.publish)
    assert list(board.parts) == ["7d"]


async def test_the_first_failure_is_raised_and_further_undecodable_answers_are_counted() -> None:
    seen = telemetry()
    api = RecordedApi({DAY_URL: RequestTimeoutError("late"), WEEK_URL: {"data": []}})
    with pytest.raises(RequestTimeoutError):
        await collector(api, seen=seen, windows=("24h", "7d")).update(Board().publish)
    assert seen.invalid_responses.value("analytics") == 1


@pytest.mark.parametrize(("bucket_timestamp", "shift"), [("start", 0), ("end", -HOUR)])
async def test_the_hours_of_the_day_window_are_handed_on_in_order(
    bucket_timestamp: BucketTimestamp, shift: int
) -> None:
    given: list[Hours] = []
    api = RecordedApi({"/v1/analytics": {"data": WHOLE}})
    polled = collector(
        api, windows=("7d", "24h"), bucket_timestamp=bucket_timestamp, on_hours=given.append
    )
    await polled.update(Board().publish)
    ten = parse_time("2026-06-10T10:00:00Z") + shift
    buckets = ((ten, 140), (ten + HOUR, 60))
    assert given == [Hours(buckets, parse_time("2026-06-10T12:00:01.5Z"))]


async def test_without_a_time_series_no_hours_are_handed_on() -> None:
    given: list[Hours] = []
    api = RecordedApi({"/v1/analytics": {"data": {"summary": {}}}})
    await collector(api, on_hours=given.append).update(Board().publish)
    assert given == []
