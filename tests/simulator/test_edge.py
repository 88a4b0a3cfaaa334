"""Keys, limits, headers and faults, over real sockets."""

import asyncio
import json
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from exporter.simulator.edge import path_template
from exporter.simulator.faults import Faults
from exporter.simulator.server import serve
from exporter.simulator.service import DEFAULT_KEY, ApiSettings, SlidingWindow
from tests.plain import TRUSTS_NOBODY
from tests.simulator.worlds import BEARER, HOUR, MINUTE, START, Hand, SimulatorRig, served, world

OTHER_KEY = "aik_v1_" + "y" * 40
PATHS = ["/v1/integration", "/v1/stats", "/v1/analytics", "/v1/usage", "/v1/sessions", "/v1/users"]


def expect_envelope(response: httpx.Response, code: str | None = None) -> dict[str, Any]:
    error: dict[str, Any] = response.json()["error"]
    assert isinstance(error["code"], str)
    assert isinstance(error["message"], str)
    assert code in (None, error["code"])
    return error


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": f"Bearer {DEFAULT_KEY}"}, 200),
        ({"authorization": f"bearer {DEFAULT_KEY}"}, 200),
        ({"x-api-key": DEFAULT_KEY}, 200),
        ({"authorization": f"Bearer {DEFAULT_KEY}", "x-api-key": OTHER_KEY}, 200),
        ({"authorization": f"Bearer {OTHER_KEY}", "x-api-key": DEFAULT_KEY}, 401),
        ({"authorization": f"Basic {DEFAULT_KEY}"}, 401),
        ({"authorization": "Bearer"}, 401),
        ({"x-api-key": OTHER_KEY}, 401),
        ({}, 401),
    ],
)
async def test_a_key_opens_v1_and_authorization_wins(headers: dict[str, str], status: int) -> None:
    async with (
        served() as bench,
        httpx.AsyncClient(base_url=bench.client.base_url, verify=TRUSTS_NOBODY) as client,
    ):
        for path in (*PATHS, "/v1/nothing"):
            response = await client.get(path, headers=headers)
            if status == 401:
                assert response.status_code == 401
                expect_envelope(response, "INVALID_API_KEY")
                assert "x-isnotai-tier" not in response.headers
            else:
                assert response.status_code == (404 if path == "/v1/nothing" else 200)
                assert response.headers["x-isnotai-tier"] == "pro"


async def test_health_and_documents_need_no_key() -> None:
    async with (
        served() as bench,
        httpx.AsyncClient(base_url=bench.client.base_url, verify=TRUSTS_NOBODY) as client,
    ):
        for path in ("/health", "/openapi/v3.json", "/swagger"):
            assert (await client.get(path)).status_code == 200


async def test_errors_have_their_envelope_and_the_tier() -> None:
    async with served() as bench:
        missing = await bench.get("/v1/sessions/nobody")
        wrong = await bench.get("/v1/sessions", pageSize="many")
        posted = await bench.client.post("/v1/sessions")
    assert (missing.status_code, wrong.status_code, posted.status_code) == (404, 400, 405)
    for response in (missing, wrong, posted):
        expect_envelope(response)
        assert response.headers["x-isnotai-tier"] == "pro"
    assert list(expect_envelope(wrong)["details"]) == ["pageSize"]


async def test_a_minute_holds_the_tiers_requests_and_slides() -> None:
    async with served(api=ApiSettings(tier="free")) as bench:
        for number in range(60):
            bench.hand.seconds += 1 / 3
            assert (await bench.get("/v1/integration")).status_code == 200, number
        refused = await bench.get("/v1/integration")
        assert refused.status_code == 429
        expect_envelope(refused)
        assert refused.headers["x-isnotai-tier"] == "free"
        wait = int(refused.headers["retry-after"])
        assert 40 <= wait <= 41
        assert (await bench.get("/health")).status_code == 200
        bench.hand.seconds += wait
        assert (await bench.get("/v1/integration")).status_code == 200


@pytest.mark.parametrize("limit", [60, 600, 6000])
def test_no_sixty_seconds_hold_more_than_the_limit(limit: int) -> None:
    hand = Hand()
    window = SlidingWindow(hand)
    admitted = []
    while hand.seconds < 1200:
        wait = window.wait("bucket", limit)
        if wait == 0:
            admitted.append(hand.seconds)
        hand.seconds += wait or 7 / limit  # as fast as it lets us
    for first, last in zip(admitted, admitted[limit:], strict=False):
        assert last - first >= 59.999
    assert len(admitted) >= 3 * limit
    assert window.wait("another bucket", limit) == 0


async def test_callers_share_a_bucket_only_without_bearer() -> None:
    api = ApiSettings(tier="free", keys=(DEFAULT_KEY, OTHER_KEY))
    async with (
        served(api=api) as bench,
        httpx.AsyncClient(base_url=bench.client.base_url, verify=TRUSTS_NOBODY) as client,
    ):
        for _ in range(60):
            await client.get("/v1/integration", headers={"x-api-key": DEFAULT_KEY})
        by_header = await client.get("/v1/integration", headers={"x-api-key": OTHER_KEY})
        by_bearer = await bench.get("/v1/integration")
    assert (by_header.status_code, by_bearer.status_code) == (429, 200)


async def test_rate_limits_can_be_switched_off() -> None:
    async with served(api=ApiSettings(tier="free", rate_limits=False)) as bench:
        codes = {(await bench.get("/v1/integration")).status_code for _ in range(70)}
    assert codes == {200}


async def test_the_date_is_the_worlds_and_not_the_machines() -> None:
    async with served() as bench:
        bench.hand.seconds += 90.7
        for path in ("/health", "/v1/stats", "/v1/nothing"):
            response = await bench.get(path)
            assert response.headers.get_list("date") == ["Wed, 10 Jun 2026 12:01:30 GMT"]
        anonymous = await bench.client.get("/v1/stats", headers={"authorization": "no"})
        assert anonymous.headers["date"] == "Wed, 10 Jun 2026 12:01:30 GMT"


async def test_a_skewed_clock_shifts_everything() -> None:
    async with served(world(rate=0.5)) as bench:
        before = await bench.data("/v1/sessions", pageSize=1)
        bench.service.faults = Faults(clock_skew=3600)
        bench.hand.seconds += 60
        response = await bench.get("/v1/sessions", pageSize=100)
        health = (await bench.get("/health")).json()
    assert parsedate_to_datetime(response.headers["date"]) == START + HOUR + MINUTE
    assert health["timestamp"].startswith("2026-06-10T13:01:00")
    created = [item["createdAt"] for item in response.json()["data"]]
    assert created[0] > "2026-06-10T13:00:4"
    assert before[0]["createdAt"] in created
    between = [at for at in created if before[0]["createdAt"] < at < "2026-06-10T13:00:00"]
    assert not between  # a clock set forward makes no sessions up


@pytest.mark.parametrize("form", ["none", "seconds", "date"])
@pytest.mark.parametrize("edge", [False, True])
async def test_429_comes_in_each_form(form: str, edge: bool) -> None:
    async with served() as bench:
        bench.service.faults = Faults(
            status_429=1, retry_after=form, retry_after_seconds=7, edge_429=edge
        )
        response = await bench.get("/v1/sessions")
    assert response.status_code == 429
    assert ("x-isnotai-tier" in response.headers) is not edge
    if edge:
        assert response.text == "Too Many Requests"
    else:
        expect_envelope(response)
    given = response.headers.get("retry-after")
    if form == "none":
        assert given is None
    elif form == "seconds":
        assert given == "7"
    else:
        date = parsedate_to_datetime(response.headers["date"])
        assert parsedate_to_datetime(given) - date == timedelta(seconds=7)


@pytest.mark.parametrize("edge", [False, True])
async def test_5xx_comes_with_and_without_envelope(edge: bool) -> None:
    async with served() as bench:
        bench.service.faults = Faults(status_5xx=1, status_5xx_codes=(502, 503), edge_5xx=edge)
        responses = [await bench.get("/v1/stats") for _ in range(20)]
    assert {response.status_code for response in responses} == {502, 503}
    for response in responses:
        assert ("x-isnotai-tier" in response.headers) is not edge
        assert ("retry-after" in response.headers) is (response.status_code == 503)
        if edge:
            assert response.text.startswith("<html>")
        else:
            expect_envelope(response)


async def test_a_share_strikes_its_share_and_the_same_each_time() -> None:
    async def codes() -> list[int]:
        async with served(api=ApiSettings(rate_limits=False, seed=5)) as bench:
            bench.service.faults = Faults(status_5xx=0.3)
            return [(await bench.get("/v1/stats")).status_code for _ in range(100)]

    first = await codes()
    assert 15 < sum(code >= 500 for code in first) < 45
    assert await codes() == first


async def test_faults_spare_the_paths_that_are_not_named() -> None:
    async with served() as bench:
        bench.service.faults = Faults(status_5xx=1, down="503", only=("/v1/sessions",))
        assert (await bench.get("/v1/stats")).status_code == 200
        assert (await bench.get("/v1/sessions")).status_code == 503


async def test_garbage_is_a_200_that_is_not_what_was_asked_for() -> None:
    async with served() as bench:
        bodies: dict[str, httpx.Response] = {}
        for kind in ("html", "truncated", "utf8", "list"):
            bench.service.faults = Faults(garbage=1, garbage_kinds=(kind,))
            bodies[kind] = await bench.get("/v1/sessions")
    assert {response.status_code for response in bodies.values()} == {200}
    assert "<!doctype" in bodies["html"].text
    with pytest.raises(json.JSONDecodeError):
        json.loads(bodies["truncated"].content)
    with pytest.raises(UnicodeDecodeError):
        bodies["utf8"].content.decode()
    assert isinstance(bodies["list"].json(), list)


async def test_an_oversized_answer_is_valid_json_of_its_size() -> None:
    async with served() as bench:
        bench.service.faults = Faults(oversized=1, oversized_bytes=1_000_000)
        response = await bench.get("/v1/stats")
    assert len(response.content) == 1_000_000
    assert response.json()["data"]


async def test_no_content_has_no_body() -> None:
    async with served() as bench:
        bench.service.faults = Faults(no_content=1)
        response = await bench.get("/v1/stats")
    assert (response.status_code, response.content) == (204, b"")


async def test_an_odd_value_spoils_one_place_of_an_answer() -> None:
    async with served() as bench:
        good = (await bench.get("/v1/stats")).text
        bench.service.faults = Faults(odd_value=1, only=("/v1/stats",))
        found = {(await bench.get("/v1/stats")).text for _ in range(20)}
        assert (await bench.get("/health")).json()["status"] == "healthy"
    assert len(found) > 10
    assert good not in found


async def test_no_list_is_called_empty_by_a_fault() -> None:
    async with served() as bench:
        bench.service.faults = Faults(no_content=1)
        for path in ("/v1/sessions", "/v1/usage"):
            assert (await bench.get(path)).status_code == 200


async def test_the_tier_header_can_be_missing() -> None:
    async with served() as bench:
        bench.service.faults = Faults(no_tier_header=1)
        response = await bench.get("/v1/stats")
    assert response.status_code == 200
    assert "x-isnotai-tier" not in response.headers


async def test_a_cursor_can_be_refused_and_only_a_cursor() -> None:
    async with served() as bench:
        bench.service.faults = Faults(refuse_cursor=1)
        first = await bench.get("/v1/sessions", pageSize=5)
        cursor = first.json()["pagination"]["nextCursor"]
        second = await bench.get("/v1/sessions", pageSize=5, cursor=cursor)
    assert (first.status_code, second.status_code) == (200, 400)
    assert list(expect_envelope(second)["details"]) == ["cursor"]


async def test_a_hanging_server_never_answers_and_can_still_stop() -> None:
    async with served() as bench:
        bench.service.faults = Faults(hang=1)
        with pytest.raises(httpx.ReadTimeout):
            await bench.client.get("/v1/stats", timeout=0.05)
        waiting = asyncio.create_task(bench.client.get("/v1/stats", timeout=30))
        await bench.arrived("/v1/stats", 2)
    with pytest.raises(httpx.TransportError):
        await waiting


async def test_a_slow_answer_comes_in_the_end() -> None:
    async with served() as bench:
        bench.service.faults = Faults(slow=1, slow_seconds=0.05)
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert (await bench.get("/v1/stats")).status_code == 200
        assert loop.time() - began >= 0.05


async def test_a_server_stops_at_once_while_it_is_slow() -> None:
    async with httpx.AsyncClient(headers=BEARER, verify=TRUSTS_NOBODY) as client:
        async with served() as bench:
            bench.service.faults = Faults(slow=1, slow_seconds=600)
            url = bench.client.base_url.join("/v1/stats")
            waiting = asyncio.create_task(client.get(url, timeout=30))
            await bench.arrived("/v1/stats", 1)
        assert (await waiting).status_code == 200


@pytest.mark.parametrize("faults", [Faults(down="closed"), Faults(drop_connection=1)])
async def test_a_connection_can_be_closed_without_an_answer(faults: Faults) -> None:
    async with served() as bench:
        bench.service.faults = faults
        with pytest.raises(httpx.TransportError):
            await bench.get("/v1/stats")
        assert bench.service.requests.answers["/v1/stats", 0] == 1
        bench.service.faults = Faults()
        assert (await bench.get("/v1/stats")).status_code == 200


async def test_a_body_can_be_cut() -> None:
    async with served() as bench:
        bench.service.faults = Faults(cut_body=1)
        with pytest.raises(httpx.TransportError):
            await bench.get("/v1/stats")


async def test_down_means_503_to_everything() -> None:
    async with served() as bench:
        bench.service.faults = Faults(down="503")
        codes = {(await bench.get(path)).status_code for path in (*PATHS, "/health")}
        anonymous = await bench.client.get("/v1/stats", headers={"authorization": ""})
    assert codes == {503}
    assert anonymous.status_code == 503


async def test_a_trickled_body_is_whole_in_the_end() -> None:
    async with served() as bench:
        whole = (await bench.get("/v1/integration")).content
        bench.service.faults = Faults(trickle=1, trickle_seconds=0)
        async with bench.client.stream("GET", "/v1/integration") as response:
            parts = [part async for part in response.aiter_raw()]
    assert b"".join(parts) == whole
    assert len(parts) > 10


async def test_hidden_sessions_count_in_analytics_alone() -> None:
    async with served(world(rate=1.0)) as bench:
        everything = len(await all_sessions(bench))
        bench.service.faults = Faults(hide_sessions=0.5)
        shown = await all_sessions(bench)
        analytics = await bench.data("/v1/analytics", period="24h")
        users = await bench.data("/v1/users", pageSize=100)
    assert 0.4 < len(shown) / everything < 0.6
    assert analytics["summary"]["totalSessions"] == everything
    assert sum(user["sessionCount"] for user in users) <= len(shown)


async def all_sessions(bench: SimulatorRig, **parameters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        body = (await bench.get("/v1/sessions", pageSize=100, **parameters, **cursor)).json()
        found += body["data"]
        if not body["pagination"]["hasMore"]:
            return found
        cursor = {"cursor": body["pagination"]["nextCursor"]}


@pytest.mark.parametrize("fault", ["repeat_items", "short_pages"])
async def test_a_walk_through_odd_pages_still_gives_every_session(fault: str) -> None:
    async with served(world(rate=1.0), ApiSettings(rate_limits=False)) as bench:
        everything = {item["id"] for item in await all_sessions(bench)}
        bench.service.faults = Faults().changed({fault: 0.7})
        odd = [item["id"] for item in await all_sessions(bench)]
    assert set(odd) == everything
    assert (len(odd) > len(everything)) is (fault == "repeat_items")


async def test_a_restarted_server_serves_the_same_world() -> None:
    async with served(world(rate=1.0)) as bench:
        first = await bench.data("/v1/sessions")
        async with serve(bench.app) as url:
            again = await bench.client.get(f"{url}/v1/sessions")
    assert again.json()["data"] == first


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/health", "/health"),
        ("/v1/sessions", "/v1/sessions"),
        ("/v1/sessions/abc-1", "/v1/sessions/{id}"),
        ("/v1/sessions/abc-1/details", "/v1/sessions/{id}/details"),
        ("/v1/users/u1/sessions", "/v1/users/{id}/sessions"),
        ("/", "other"),
        ("/favicon.ico", "other"),
        ("/v1/" + "x" * 99, "other"),
    ],
)
def test_paths_are_counted_without_ids(path: str, template: str) -> None:
    assert path_template(path) == template
