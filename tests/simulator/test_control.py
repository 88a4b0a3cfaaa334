"""The endpoints with which tests steer the simulator."""

from typing import Any

import pytest

from exporter.simulator.service import ApiSettings, RequestLog
from tests.simulator.worlds import START, SimulatorRig, served, world


async def post(bench: SimulatorRig, path: str, content: Any = None) -> Any:
    response = await bench.client.post(f"/_simulator/{path}", json=content)
    assert response.status_code == 200, response.text
    return response.json()


async def look(bench: SimulatorRig, path: str, **parameters: Any) -> Any:
    response = await bench.client.get(f"/_simulator/{path}", params=parameters)
    assert response.status_code == 200, response.text
    return response.json()


async def test_truth_is_told_since_an_instant() -> None:
    of = world(rate=1.0)
    async with served(of) as bench:
        bench.hand.seconds += 120
        told = await look(bench, "truth")
        part = await look(bench, "truth", since="2026-06-10T12:01:00Z", threshold=0.5)
    truth = of.truth(START)
    assert told["sessions"] == truth.sessions > part["sessions"] > 0
    assert told["bot_sessions"] == truth.bot_sessions
    assert told["flags"] == truth.flags
    assert told["bot_flags"] == truth.bot_flags
    assert (told["score_count"], told["score_sum"]) == (truth.score_count, truth.score_sum)
    assert tuple(told["score_buckets"].values()) == truth.score_buckets
    assert list(told["score_buckets"])[::9] == ["0.1", "1.0"]
    assert told["invalid_items"] == 0
    assert told["now"] == "2026-06-10T12:02:00+00:00"


async def test_truth_leaves_out_what_the_list_hides() -> None:
    async with served(world(rate=1.0)) as bench:
        whole = await look(bench, "truth", since="2026-06-10T11:00:00Z")
        await post(bench, "faults", {"hide_sessions": 0.5})
        shown = await look(bench, "truth", since="2026-06-10T11:00:00Z")
    assert 0.4 < shown["sessions"] / whole["sessions"] < 0.6


async def test_a_pause_ends_in_quiet_and_a_resume_ends_it() -> None:
    async with served(world(rate=1.0)) as bench:
        assert (await look(bench, "time"))["quiet_at"] is None
        paused = await post(bench, "pause")
        assert paused["quiet"] is False
        bench.hand.seconds += 3600
        quiet = await look(bench, "truth")
        assert quiet["quiet"] is True
        assert quiet["sessions"] == 0
        await post(bench, "resume")
        bench.hand.seconds += 60
        assert (await look(bench, "truth"))["sessions"] > 0
        assert (await look(bench, "time"))["quiet"] is False


async def test_a_freeze_stops_every_change() -> None:
    async with served(world(rate=1.0)) as bench:
        assert (await post(bench, "freeze"))["quiet"] is True
        before = (await bench.get("/v1/sessions")).json()["data"]
        bench.hand.seconds += 600
        assert (await bench.get("/v1/sessions")).json()["data"] == before


async def test_faults_can_be_set_read_and_cleared() -> None:
    async with served() as bench:
        await post(bench, "faults", {"down": "503"})
        assert (await bench.get("/health")).status_code == 503
        assert (await look(bench, "faults"))["down"] == "503"
        await post(bench, "faults", {"slow_seconds": 3})
        assert (await look(bench, "faults"))["down"] == "503"
        cleared = await post(bench, "faults", {"reset": True})
        assert (cleared["down"], cleared["slow_seconds"]) == ("", 1.0)
        assert (await bench.get("/health")).status_code == 200


async def test_the_tier_can_change() -> None:
    async with served(world(rate=1.0)) as bench:
        await post(bench, "tier", {"tier": "free"})
        response = await bench.get("/v1/sessions", pageSize=100)
    assert response.headers["x-isnotai-tier"] == "free"
    assert response.json()["pagination"]["limit"] == 50


async def test_settings_of_world_list_and_api_can_change() -> None:
    async with served(world(rate=0)) as bench:
        changed = await post(
            bench,
            "settings",
            {
                "rate": 5,
                "lifetime": [1, 2],
                "late_share": 0.5,
                "late_max": 10,
                "flags": ["only_one"],
                "order": "oldest",
                "rate_limits": False,
                "keys": ["aik_v1_" + "z" * 40],
                "speed": 10,
            },
        )
        assert "speed" not in changed["changed"]
        assert "rate" in changed["changed"]
        bench.hand.seconds += 60
        assert (await bench.get("/v1/sessions")).status_code == 401
        bench.client.headers["authorization"] = "Bearer aik_v1_" + "z" * 40
        data = await bench.data("/v1/sessions", pageSize=100)
        truth = await look(bench, "truth")
    created = [item["createdAt"] for item in data]
    assert created == sorted(created)
    assert 2500 < truth["sessions"] < 3500  # ten minutes of the world in one
    assert list(truth["flags"]) == ["only_one"]


@pytest.mark.parametrize(
    ("path", "content", "named"),
    [
        ("faults", {"gremlins": 1}, "gremlins"),
        ("faults", [1], "object"),
        ("tier", {"tier": "gold"}, "gold"),
        ("tier", {}, "tier"),
        ("settings", {"rate": -1}, "rate"),
        ("settings", {"order": "best"}, "order"),
        ("settings", {"lists": 1}, "lists"),
        ("settings", {"speed": 0}, "speed"),
    ],
)
async def test_a_bad_order_is_refused_by_name(path: str, content: Any, named: str) -> None:
    async with served() as bench:
        response = await bench.client.post(f"/_simulator/{path}", json=content)
        still = await look(bench, "time")
    assert response.status_code == 400
    assert named in response.json()["error"]["message"]
    assert still["speed"] == 1.0


async def test_requests_are_logged_with_their_arrival() -> None:
    async with served(api=ApiSettings(tier="free")) as bench:
        await bench.get("/health")
        bench.hand.seconds += 5
        await bench.get("/v1/sessions/abc")
        log = await look(bench, "requests")
        late = await look(bench, "requests", since=1001)
        await bench.client.delete("/_simulator/requests")
        empty = await look(bench, "requests")
    assert log["counts"] == {"/health": 1, "/v1/sessions/{id}": 1}
    assert log["answers"] == {"/health": {"200": 1}, "/v1/sessions/{id}": {"404": 1}}
    assert log["arrivals"] == [[1000.0, "/health"], [1005.0, "/v1/sessions/{id}"]]
    assert late["arrivals"] == log["arrivals"][1:]
    assert (empty["counts"], empty["answers"], empty["arrivals"]) == ({}, {}, [])


def test_the_log_keeps_the_newest_arrivals_alone() -> None:
    log = RequestLog(keep=3)
    for number in range(10):
        log.arrived("/health", float(number), 0)
    assert [arrival.at for arrival in log.arrivals] == [7.0, 8.0, 9.0]
    assert log.counts["/health"] == 10


async def test_steering_needs_no_key_and_suffers_no_fault() -> None:
    async with served() as bench:
        bench.client.headers.pop("authorization")
        await post(bench, "faults", {"down": "closed", "status_429": 1})
        assert (await look(bench, "requests"))["counts"] == {}
