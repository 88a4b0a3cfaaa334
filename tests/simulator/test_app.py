"""The endpoints answer as documented."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from exporter.simulator.app import create_app
from exporter.simulator.clock import SimClock
from exporter.simulator.faults import Faults
from exporter.simulator.lists import ListSettings
from exporter.simulator.service import ApiSettings
from exporter.simulator.sessions import event_count
from exporter.simulator.world import World, WorldSettings
from tests.simulator.worlds import HOUR, START, Hand, served, world

DAY = timedelta(days=1)


async def test_health_is_flat() -> None:
    async with served() as bench:
        response = await bench.get("/health")
    assert response.json() == {
        "status": "healthy",
        "version": "1.0.17.0",
        "timestamp": "2026-06-10T12:00:00.0000000+00:00",
    }


async def test_integration_masks_the_key() -> None:
    async with served(api=ApiSettings(tier="free", region="eu")) as bench:
        data = await bench.data("/v1/integration")
        assert data["apiKeyMasked"] == "aik_v1_…0000"
        assert (data["tier"], data["region"]) == ("free", "eu")


@pytest.mark.parametrize("path", ["/v1/integration", "/v1/stats"])
@pytest.mark.parametrize("wrap", [True, False])
async def test_the_doubtful_envelopes_can_be_either(path: str, wrap: bool) -> None:
    async with served(api=ApiSettings(wrap_integration=wrap, wrap_stats=wrap)) as bench:
        body = (await bench.get(path)).json()
    assert (list(body) == ["data"]) is wrap


async def test_stats_agree_with_the_world_and_hold_decoys() -> None:
    of = world(rate=1.0)
    async with served(of) as bench:
        stats = await bench.data("/v1/stats")
    assert stats["totalSessions"] == len(of)
    assert stats["activeSessions"] == of.active
    kinds = {type(value) for value in stats.values()}
    assert {int, str, list, bool, dict, type(None)} <= kinds


@pytest.mark.parametrize(
    ("period", "group"),
    [("24h", "hour"), ("7d", "week"), ("7d", "day"), ("30d", "hour"), ("90d", "week")],
)
async def test_analytics_add_up(period: str, group: str) -> None:
    of = world(rate=0.002, history=40 * DAY, null_share=0.0)
    async with served(of) as bench:
        data = await bench.data("/v1/analytics", period=period, groupBy=group)
    start = max(START - {"24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY}[period],
                START - 30 * DAY)  # fmt: skip
    hour = start.replace(minute=0, second=0, microsecond=0)
    inside = [s for s in of.visible(of.now) if s.created >= hour.timestamp() * 1e6]
    expected = len(inside)
    summary, series = data["summary"], data["timeSeries"]
    assert (data["period"], data["groupBy"]) == (period, group)
    assert summary["totalSessions"] == expected > 20
    assert sum(bucket["sessionCount"] for bucket in series) == expected
    assert sum(bucket["eventCount"] for bucket in series) == summary["totalEvents"]
    assert summary["totalEvents"] == sum(event_count(s.salt) for s in inside)
    assert sum(data["botDetection"].values()) == expected
    assert sum(data["userMatching"][k] for k in ("totalMatched", "totalUnmatched")) == expected
    assert sum(origin["sessionCount"] for origin in data["topOrigins"]) == expected
    devices = data["deviceBreakdown"]
    assert devices["mobile"] + devices["tablet"] + devices["desktop"] == expected
    assert sum(devices["browserCounts"].values()) == expected
    bots = data["botDetection"]["highConfidenceBots"] + data["botDetection"]["mediumConfidenceBots"]
    assert sum(bucket["botCount"] for bucket in series) == bots > 0
    times = [datetime.fromisoformat(bucket["timestamp"]) for bucket in series]
    assert times == sorted(set(times))
    for at in times[1:]:
        assert at.minute == 0
        assert group == "hour" or at.hour == 0
        assert group != "week" or at.weekday() == 0


async def test_the_hourly_buckets_count_what_the_list_shows() -> None:
    of = world(rate=0.05, history=5 * HOUR)
    async with served(of) as bench:
        data = await bench.data("/v1/analytics", period="24h", groupBy="hour")
    for bucket in data["timeSeries"]:
        start = datetime.fromisoformat(bucket["timestamp"]).timestamp() * 1e6
        inside = [s for s in of.visible(of.now) if start <= s.created < start + 3.6e9]
        assert bucket["sessionCount"] == len(inside)
    assert len(data["timeSeries"]) == 25  # the last one is partial, even empty


async def test_empty_buckets_can_be_left_out() -> None:
    of = world(rate=0.1, history=2 * HOUR)
    async with served(of, ApiSettings(sparse_buckets=True)) as bench:
        data = await bench.data("/v1/analytics", period="24h", groupBy="hour")
    assert all(bucket["sessionCount"] for bucket in data["timeSeries"])
    assert 2 <= len(data["timeSeries"]) <= 3


async def test_the_unknown_scales_can_be_either() -> None:
    of = world(rate=0.5, history=HOUR, bot_share=0.5)
    async with served(of) as bench:
        hundred = await bench.data("/v1/analytics")
    async with served(of, ApiSettings(bot_percentage_scale=1, match_rate_scale=100)) as bench:
        one = await bench.data("/v1/analytics")
    for a, b in zip(hundred["topOrigins"], one["topOrigins"], strict=True):
        assert a["botPercentage"] == pytest.approx(100 * b["botPercentage"])
        assert b["botPercentage"] <= 1
    assert one["userMatching"]["matchRate"] > 50 > 1 >= hundred["userMatching"]["matchRate"]


@pytest.mark.parametrize("bad", [{"period": "1y"}, {"groupBy": "minute"}])
async def test_analytics_name_a_bad_parameter(bad: dict[str, str]) -> None:
    async with served() as bench:
        response = await bench.get("/v1/analytics", **bad)
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]) == list(bad)


async def test_usage_has_its_own_envelope_and_adds_up() -> None:
    of = world(rate=0.005, history=3 * DAY)
    async with served(of) as bench:
        for _ in range(4):
            await bench.get("/v1/integration")
        body = (await bench.get("/v1/usage")).json()
    assert set(body) == {"startDate", "endDate", "data", "totals"}
    assert (body["startDate"], body["endDate"]) == ("2026-05-11", "2026-06-10")
    by_metric: dict[str, dict[str, int]] = {}
    for row in body["data"]:
        by_metric.setdefault(row["metricType"], {})[row["period"]] = row["value"]
    assert set(by_metric) == {"ApiCalls", "Events", "Sessions", "StorageBytes", "BotAnalyses"}
    for name, days in by_metric.items():
        assert list(days) == ["2026-06-07", "2026-06-08", "2026-06-09", "2026-06-10"]
        total = list(days.values())[-1] if name == "StorageBytes" else sum(days.values())
        assert body["totals"][name] == total
    assert sum(by_metric["Sessions"].values()) == len(of)
    assert by_metric["ApiCalls"]["2026-06-10"] == 5
    stored = list(by_metric["StorageBytes"].values())
    assert stored == sorted(stored)


async def test_usage_takes_dates_and_a_metric_in_any_case() -> None:
    of = world(rate=0.005, history=9 * DAY)
    async with served(of, ApiSettings(tier="free")) as bench:
        body = (
            await bench.get(
                "/v1/usage", metric="sessions", startDate="2026-06-05", endDate="2026-06-06"
            )
        ).json()
        everything = (await bench.get("/v1/usage", startDate="2026-01-01")).json()
        bad = [await bench.get("/v1/usage", **p) for p in ({"metric": "Tea"}, {"startDate": "x"})]
    assert [(row["period"], row["metricType"]) for row in body["data"]] == [
        ("2026-06-05", "Sessions"),
        ("2026-06-06", "Sessions"),
    ]
    assert min(row["period"] for row in everything["data"]) == "2026-06-03"  # seven days
    assert [response.status_code for response in bad] == [400, 400]


async def test_sessions_have_the_documented_envelope() -> None:
    async with served(world(rate=1.0, null_share=0.0)) as bench:
        body = (await bench.get("/v1/sessions", pageSize=1000)).json()
    assert set(body) == {"data", "pagination"}
    assert body["pagination"]["limit"] == 100
    assert body["pagination"]["hasMore"] is True
    for item in body["data"]:
        assert set(item) - {"pixelVersion"} == {
            *("id", "createdAt", "updatedAt", "status", "botScore", "detectionFlags"),
            *("pageUrl", "userAgentSummary", "userId", "userName", "userUrl"),
        }
        assert datetime.fromisoformat(item["createdAt"]) <= START


@pytest.mark.parametrize(("form", "expected"), [("absent", {}), ("null", None), ("empty", "")])
async def test_the_last_page_has_a_cursor_in_any_form(form: str, expected: Any) -> None:
    api = ApiSettings(lists=ListSettings(last_cursor=form))
    async with served(world(rate=0.01), api) as bench:
        pagination = (await bench.get("/v1/sessions", pageSize=100)).json()["pagination"]
        events = (await bench.get("/v1/courses", pageSize=100)).json()["pagination"]
    for found in (pagination, events):
        assert found["hasMore"] is False
        assert found.get("nextCursor", {}) == expected


@pytest.mark.parametrize(
    ("form", "status", "body"),
    [
        ("page", 200, {"data": [], "pagination": {"hasMore": False, "limit": 100}}),
        ("no_content", 204, None),
        ("null", 200, {"data": None}),
        ("bare", 200, {"data": []}),
    ],
)
async def test_an_empty_list_in_any_form(form: str, status: int, body: Any) -> None:
    async with served(world(rate=1.0), ApiSettings(lists=ListSettings(empty=form))) as bench:
        answer = await bench.get("/v1/sessions", pageSize=100, startDate="2030-01-01T00:00:00Z")
        full = await bench.get("/v1/sessions", pageSize=100)
    assert answer.status_code == status
    assert (answer.json() if answer.content else None) == body
    assert full.json()["data"]


async def test_a_session_is_the_same_alone_and_in_the_list() -> None:
    async with served(world(rate=1.0)) as bench:
        for item in await bench.data("/v1/sessions", pageSize=100):
            assert await bench.data(f"/v1/sessions/{item['id']}") == item


async def test_details_and_events_agree() -> None:
    async with served(world(rate=1.0)) as bench:
        item = (await bench.data("/v1/sessions", pageSize=1, status="closed"))[0]
        details = await bench.data(f"/v1/sessions/{item['id']}/details")
        first = (await bench.get(f"/v1/sessions/{item['id']}/events")).json()
        events, pages = first["data"], 1
        while first["pagination"]["hasMore"]:
            cursor = first["pagination"]["nextCursor"]
            first = (await bench.get(f"/v1/sessions/{item['id']}/events", cursor=cursor)).json()
            events += first["data"]
            pages += 1
    counts = details["eventCounts"]
    assert details["sessionId"] == item["id"]
    assert counts.pop("total") == sum(counts.values()) == len(events)
    assert pages == -(-len(events) // 100)
    assert sum(part["eventCount"] for part in details["timeline"]) == len(events)
    assert {"eventId", "messageId", "eventTypeName", "timestamp", "payloadSize"} == set(events[0])
    assert abs(events[0]["timestamp"] - details_start(details)) < 2


def details_start(details: dict[str, Any]) -> float:
    return datetime.fromisoformat(details["startTime"]).timestamp() * 1000


async def test_users_have_sessions_and_can_be_searched() -> None:
    async with served(world(rate=2.0, null_share=0.0)) as bench:
        users = await bench.data("/v1/users", pageSize=100)
        one = users[0]
        mine = await bench.data(f"/v1/users/{one['userId']}/sessions")
        found = await bench.data("/v1/users", search=one["userName"].upper())
        nobody = await bench.get("/v1/users/nobody/sessions")
        badly = await bench.get("/v1/users", cursor="x")
    assert one["sessionCount"] == len(mine)
    assert {session["userId"] for session in mine} == {one["userId"]}
    assert [user["userId"] for user in found] == [one["userId"]]
    assert sum(one["sparkline"]) == one["sessionCount"]
    assert (nobody.status_code, badly.status_code) == (404, 400)


async def test_courses_are_those_of_the_pages() -> None:
    of = world(rate=0.5, null_share=0.0)
    async with served(of) as bench:
        courses = await bench.data("/v1/courses", pageSize=100)
    pages = [json.loads(s.json())["pageUrl"] for s in of.visible(of.now)]
    assert {course["courseId"] for course in courses} == {page.split("/")[4] for page in pages}
    assert sum(course["sessionCount"] for course in courses) == len(pages)


async def test_a_session_out_of_the_history_is_gone() -> None:
    of = world(rate=0.001, history=10 * DAY)
    old, young = of.visible(of.now)[0], of.visible(of.now)[-1]
    async with served(of, ApiSettings(tier="free")) as bench:
        assert (await bench.get(f"/v1/sessions/{old.id}")).status_code == 404
        assert (await bench.get(f"/v1/sessions/{young.id}")).status_code == 200
        users = await bench.data("/v1/users", pageSize=50)
    assert all(user["firstSeen"] > "2026-06-03" for user in users)


async def test_time_goes_on_by_the_clock() -> None:
    async with served(world(rate=1.0)) as bench:
        before = await bench.data("/v1/sessions", pageSize=1)
        bench.hand.seconds += 60
        after = await bench.data("/v1/sessions", startDate=START.isoformat(), pageSize=100)
    assert 30 < len(after) < 90
    assert after[-1]["createdAt"] > before[0]["createdAt"]


@pytest.mark.parametrize("bad", [{"tier": "gold"}, {"region": "mars"}])
def test_senseless_api_settings_are_refused_by_name(bad: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        ApiSettings(**bad)  # type: ignore[arg-type]  # what no type allows is the point


def test_a_clock_that_is_behind_from_the_start_makes_no_sessions_up_between() -> None:
    late = START - timedelta(seconds=137)
    app = create_app(
        World(3, WorldSettings(rate=1.0, flat=True, history=timedelta(0)), late),
        SimClock(Hand(), START),
        faults=Faults(clock_skew=-137.0),
    )

    app.service.now()

    assert not app.service.world.truth(late).sessions
