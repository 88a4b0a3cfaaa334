"""The client's one request: headers, retries, pauses, counting, what it learns from an answer."""

import asyncio
import contextlib
import gc
import json
import logging
import traceback
from pathlib import Path

import httpx
import pytest

from exporter.api import body as bodies
from exporter.api.client import PeerClient, http_client
from exporter.api.errors import (
    ApiError,
    KeyMissingError,
    KeyRefusedError,
    StatusError,
    ThrottledError,
    UnreadableBodyError,
)
from exporter.api.key import FixedKey, KeyFile
from exporter.api.pauses import KEY as WITH_KEY
from exporter.metrics.telemetry import Telemetry, dropped_counter
from exporter.net.network import Network
from tests import virtual_time
from tests.api.clients import (
    KEY,
    OTHER_KEY,
    RESOURCES,
    Script,
    make_client,
    ok,
    status,
    trial,
    unread,
)
from tests.clocks import FakeClock
from tests.collect.recorded import telemetry
from tests.virtual_time import VirtualClock

URL = "https://api.test"
DATE = "Wed, 10 Jun 2026 12:00:00 GMT"
NOON = 1_781_092_800_000_000


async def test_the_key_goes_as_a_bearer_and_the_version_as_user_agent() -> None:
    script = Script(ok())
    async with trial(URL, script) as api:
        await api.client.get("/v1/stats", {"period": "7d"}, resource="stats")

    (request,) = script.asked
    assert str(request.url) == f"{URL}/v1/stats?period=7d"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert "x-api-key" not in request.headers
    assert request.headers["user-agent"].startswith("isnotai-exporter/")
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("url", [URL, f"{URL}/behind/a/proxy", "https://user:word@api.test:8443"])
@pytest.mark.parametrize("path", ["/v1/stats", "/v1/sessions/a%2Fb", "/v1/café?a=b"])
@pytest.mark.parametrize("params", [{}, {"cursor": "a+b/c=&", "period": "24h"}])
async def test_a_request_is_the_one_that_httpx_would_build(
    url: str, path: str, params: dict[str, str]
) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return unread(ok())

    headers = {"authorization": f"Bearer {KEY}"}
    async with http_client(url, Network.read({})) as http:
        http._transport = httpx.MockTransport(answer)
        wanted = http.build_request("GET", path, params=params or None, headers=headers)
        for _ in range(2):
            async with http.get_stream(path, params, headers):
                pass
        async with http.stream("GET", path, params=params or None, headers=headers):
            pass

    first, second, theirs = asked
    for request in (first, second):
        assert request.url == wanted.url == theirs.url
        assert request.headers.raw == theirs.headers.raw
        assert request.extensions["timeout"] == wanted.extensions["timeout"]
        assert await request.aread() == b""


async def test_a_request_leaves_nothing_behind_that_only_the_garbage_collector_frees() -> None:
    async with trial(URL, Script(ok())) as api:
        await api.client.get("/v1/stats", resource="stats")
        gc.collect()
        gc.disable()
        try:
            for _ in range(10):
                await api.client.get("/v1/stats", resource="stats")
            assert gc.collect() < 10
        finally:
            gc.enable()


async def test_where_a_proxy_strips_authorization_the_key_goes_in_the_other_header() -> None:
    script = Script(ok())
    async with trial(URL, script, auth_header="x-api-key") as api:
        await api.client.get("/v1/stats", resource="stats")

    assert script.asked[0].headers["x-api-key"] == KEY
    assert "authorization" not in script.asked[0].headers


async def test_health_is_asked_without_the_key() -> None:
    script = Script(ok())
    async with trial(URL, script) as api:
        await api.client.get("/health", resource="health")

    assert KEY not in str(script.asked[0].headers.raw)


async def test_a_base_url_with_a_path_keeps_it() -> None:
    script = Script(ok())
    async with trial("https://proxy.test/isnotai/", script) as api:
        await api.client.get("/v1/stats", resource="stats")

    assert str(script.asked[0].url) == "https://proxy.test/isnotai/v1/stats"


async def test_a_cookie_is_never_sent_back() -> None:
    script = Script(httpx.Response(200, json={}, headers={"set-cookie": "a=b; Path=/"}))
    async with trial(URL, script) as api:
        for _ in range(2):
            await api.client.get("/v1/stats", resource="stats")

    assert "cookie" not in script.asked[1].headers


# -- retries


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
async def test_what_may_pass_is_asked_again_after_a_back_off(code: int) -> None:
    async with trial(URL, Script(status(code), status(code), ok())) as api:
        before = api.clock.mono
        answer = await api.client.get("/v1/stats", resource="stats")

        assert answer.body == {"data": {}}
        assert api.requests() == {str(code): 2, "200": 1}
        assert api.clock.mono - before == 0.5 + 1.0


async def test_there_are_three_tries_and_each_is_counted() -> None:
    async with trial(URL, Script(status(503))) as api:
        with pytest.raises(StatusError, match="503"):
            await api.client.get("/v1/stats", resource="stats")

        assert api.requests() == {"503": 3}
        assert api.telemetry.request_duration.samples()


@pytest.mark.parametrize("code", [301, 302, 307, 400, 403, 404, 410, 422])
async def test_what_will_not_pass_is_asked_once(code: int) -> None:
    script = Script(httpx.Response(code, headers={"location": "https://elsewhere.test/"}))
    async with trial(URL, script) as api:
        with pytest.raises(StatusError) as caught:
            await api.client.get("/v1/stats", resource="stats")

        assert caught.value.status == code
        assert api.requests() == {str(code): 1}
    assert [request.url.host for request in script.asked] == ["api.test"]


@pytest.mark.parametrize(
    "pause", [{"retry_after": "20"}, {"retry_after": "Wed, 10 Jun 2026 12:00:20 GMT", "date": DATE}]
)
@pytest.mark.parametrize("code", [429, 503])
async def test_both_forms_of_retry_after_are_waited_for(code: int, pause: dict[str, str]) -> None:
    script = Script(status(code, **pause), ok())
    async with trial(URL, script) as api:
        script._clock = api.clock.monotonic
        await api.client.get("/v1/stats", resource="stats")

    assert 20.0 <= script.times[1] - script.times[0] <= 22.0


@pytest.mark.parametrize("garbage", ["soon", "-1", "1.5", "Wed, 10 Jun 2026 12:00:20 GMT"])
async def test_an_unreadable_retry_after_means_a_back_off(garbage: str) -> None:
    script = Script(status(429, retry_after=garbage), ok())
    async with trial(URL, script) as api:
        script._clock = api.clock.monotonic
        await api.client.get("/v1/stats", resource="stats")

    assert script.times[1] - script.times[0] == 0.5


@pytest.mark.parametrize(
    ("code", "resource", "held"),
    [
        (429, "stats", set(RESOURCES) - {"health"}),
        (503, "stats", {"stats"}),
        (429, "health", {"health"}),
        (503, "health", {"health"}),
    ],
)
async def test_a_long_pause_ends_the_poll_at_once_and_stops_what_asked_for_it(
    code: int, resource: str, held: set[str]
) -> None:
    script = Script(status(code, retry_after="3600"), ok())
    async with trial(URL, script) as api:
        before = api.clock.mono
        with pytest.raises(ThrottledError, match="300 s"):
            await api.client.get("/anything", resource=resource)
        assert len(script.asked) == 1
        stopped = set()
        for other in RESOURCES:
            try:
                await api.client.get("/anything", resource=other)
            except ThrottledError:
                stopped.add(other)

        assert stopped == held
        assert api.clock.mono == before


async def test_a_long_pause_is_tried_early_with_one_request_and_ended_by_a_good_answer() -> None:
    script = Script(
        status(429, retry_after="3600"), status(429, retry_after="3600"), ok(), ok(), ok()
    )
    async with trial(URL, script) as api:
        for wait in (0, 300):
            api.clock.advance(wait)
            for _ in range(2):
                with pytest.raises(ThrottledError):
                    await api.client.get("/v1/stats", resource="stats")
        assert len(script.asked) == 2
        api.clock.advance(300)
        await api.client.get("/v1/usage", resource="usage")
        await api.client.get("/v1/sessions", resource="sessions")
        assert len(script.asked) == 4


@pytest.mark.parametrize("code", [200, 400, 302])
async def test_a_retry_after_of_another_status_is_not_a_pause(code: int) -> None:
    script = Script(httpx.Response(code, json={}, headers={"retry-after": "600"}))
    async with trial(URL, script) as api:
        with contextlib.suppress(StatusError):
            await api.client.get("/v1/stats", resource="stats")

        assert api.client.budget.pauses.left(("stats", WITH_KEY)) == 0


# -- bodies


BAD_BODIES = {
    "empty": b"",
    "garbage": b"\x00\xff\xfe garbage",
    "html": b"<!doctype html><html><body>Please log in</body></html>",
    "truncated": b'{"data": {"totalSess',
    "nan": b'{"data": {"a": NaN}}',
    "infinity": b'{"data": {"a": -Infinity}}',
    "nested": b"[" * 200_000,
    "a number of many digits": b'{"data": ' + b"9" * 10_000 + b"}",
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
async def test_a_bad_body_is_counted_asked_for_again_and_survived(body: bytes) -> None:
    async with trial(URL, Script(httpx.Response(200, content=body), ok())) as api:
        answer = await api.client.get("/v1/stats", resource="stats")

        assert answer.body == {"data": {}}
        assert api.invalid() == 1
        assert api.requests() == {"200": 2}


async def test_a_body_that_stays_bad_fails_the_poll_and_is_counted_each_time() -> None:
    async with trial(URL, Script(httpx.Response(200, content=b"<html>"))) as api:
        with pytest.raises(UnreadableBodyError) as caught:
            await api.client.get("/v1/stats", resource="stats")

        assert api.invalid() == 3
        assert caught.value.counted


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"error": {"code": "INVALID_RANGE", "message": "startDate"}}', "(INVALID_RANGE)"),
        (b'{"error": {"code": "someone@school.example"}}', ""),
        (b'{"error": {"code": 7}}', ""),
        (b'{"error": ["x"]}', ""),
        (b"[1]", ""),
        (b"<html>", ""),
        (b'{"error": {"code": "' + b"A" * 41 + b'"}}', ""),
    ],
)
async def test_an_error_shows_its_code_and_nothing_else_of_the_body(
    body: bytes, shown: str
) -> None:
    async with trial(URL, Script(httpx.Response(400, content=body))) as api:
        with pytest.raises(StatusError) as caught:
            await api.client.get("/v1/stats", resource="stats")

        assert str(caught.value) == f"the API answered 400 {shown}".strip()
        assert api.invalid() == 0


# -- what an answer teaches


@pytest.mark.parametrize("code", [200, 403, 404, 500])
async def test_the_tier_is_learnt_from_every_answer_to_the_key(code: int) -> None:
    script = Script(httpx.Response(code, json={}, headers={"x-isnotai-tier": " Pro "}))
    async with trial(URL, script) as api:
        with contextlib.suppress(StatusError):
            await api.client.get("/v1/stats", resource="stats")

        assert api.client.budget.tier == "pro"
        assert api.client.gate.valid is True


async def test_the_tier_is_not_learnt_from_answers_to_nobody() -> None:
    async with trial(URL, Script(ok(**{"x-isnotai-tier": "enterprise"}))) as api:
        await api.client.get("/health", resource="health")

        assert api.client.budget.tier is None
        assert api.client.gate.valid is None


async def test_a_refusal_teaches_no_tier() -> None:
    async with trial(URL, Script(status(401, **{"x-isnotai-tier": "enterprise"}))) as api:
        with pytest.raises(KeyRefusedError):
            await api.client.get("/v1/stats", resource="stats")

        assert api.client.budget.tier is None


@pytest.mark.parametrize("text", ["", "a b", "<script>", "x" * 33, 'pro"', "7"])
async def test_what_cannot_be_a_label_is_not_a_tier(text: str) -> None:
    async with trial(URL, Script(ok(**{"x-isnotai-tier": text}))) as api:
        await api.client.get("/v1/stats", resource="stats")

        assert api.client.budget.tier is None


async def test_an_answer_that_does_not_name_the_tier_leaves_it() -> None:
    async with trial(URL, Script(ok(**{"x-isnotai-tier": "pro"}), ok())) as api:
        for _ in range(2):
            await api.client.get("/v1/stats", resource="stats")

        assert api.client.budget.tier == "pro"


@pytest.mark.parametrize("code", [302, 403, 429, 503])
async def test_an_answer_from_before_the_api_proves_no_key(code: int) -> None:
    async with trial(URL, Script(httpx.Response(code))) as api:
        with pytest.raises(StatusError):
            await api.client.get("/v1/stats", resource="stats")

        assert api.client.gate.valid is None


async def test_an_answer_tells_the_apis_time() -> None:
    async with trial(URL, Script(ok(date=DATE))) as api:
        answer = await api.client.get("/v1/stats", resource="stats")

        assert answer.server_time == NOON


async def test_a_request_waits_for_the_budget() -> None:
    async with trial(URL, Script(ok())) as api:
        api.client.budget._part = 1 / 60
        for _ in range(2):
            await api.client.get("/v1/stats", resource="stats")

        assert api.requests() == {"200": 2}
        assert api.clock.mono - 1000.0 >= 60


# -- the key


async def test_a_refused_key_is_not_sent_again_but_for_one_probe_at_growing_intervals() -> None:
    script = Script(status(401))
    async with trial(URL, script) as api:
        script._clock = api.clock.monotonic
        for _ in range(7200):
            for resource in RESOURCES[1:]:
                with pytest.raises(KeyRefusedError):
                    await api.client.get("/v1/stats", resource=resource)
            assert api.client.gate.valid is False
            api.clock.advance(1)

    waits = [round(b - a) for a, b in zip(script.times, script.times[1:], strict=False)]
    assert waits == sorted(waits)
    assert waits[:3] == [23, 45, 90]
    assert 150 <= waits[-1] <= 300


def test_many_requests_under_way_are_one_refusal() -> None:
    """So the first probe comes after its half a minute, not after minutes."""

    async def scenario() -> float:
        clock = VirtualClock()
        valid = False

        async def answer(request: httpx.Request) -> httpx.Response:
            await clock.sleep(0.1)
            return unread(ok() if valid else status(401))

        telemetry = Telemetry(clock.now(), RESOURCES, dropped_counter(clock.now()))
        async with PeerClient(base_url=URL, transport=httpx.MockTransport(answer)) as http:
            client = make_client(http, clock, telemetry)
            attempts = (client.get("/v1/stats", resource=name) for name in RESOURCES[1:])
            refused = await asyncio.gather(*attempts, return_exceptions=True)
            assert [type(error) for error in refused] == [KeyRefusedError] * 5
            started, valid = clock.monotonic(), True
            while not client.gate.valid:
                await clock.sleep(1)
                try:
                    await client.get("/v1/stats", resource="stats")
                except KeyRefusedError:
                    continue
            return clock.monotonic() - started

    assert virtual_time.run(scenario()) <= 30


async def test_one_who_waited_for_the_budget_does_not_send_a_key_refused_meanwhile() -> None:
    async with trial(URL, Script(status(401))) as api:
        api.client.budget._part = 1 / 60
        first = asyncio.create_task(api.client.get("/v1/stats", resource="stats"))
        second = asyncio.create_task(api.client.get("/v1/usage", resource="usage"))
        await asyncio.wait([first, second], timeout=10)

        assert isinstance(first.exception(), KeyRefusedError)
        assert api.requests("stats") == {"401": 1}
        # The wait outlasted the first interval: what is sent then is the probe.
        assert sum(api.requests("usage").values()) <= 1


async def test_a_changed_key_file_is_tried_at_once(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(KEY)

    def answer(request: httpx.Request) -> httpx.Response:
        return ok() if request.headers["authorization"].endswith(OTHER_KEY) else status(401)

    async with trial(URL, answer, source=KeyFile(path, lambda key: None)) as api:
        with pytest.raises(KeyRefusedError):
            await api.client.get("/v1/stats", resource="stats")
        path.write_text(OTHER_KEY)
        await api.client.get("/v1/stats", resource="stats")

        assert api.client.gate.valid is True
        assert api.requests() == {"401": 1, "200": 1}


async def test_a_key_replaced_while_its_request_was_under_way_is_tried_in_the_same_poll(
    tmp_path: Path,
) -> None:
    path = tmp_path / "key"
    path.write_text(KEY)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"].endswith(OTHER_KEY):
            return ok()
        path.write_text(OTHER_KEY)
        return status(401)

    async with trial(URL, answer, source=KeyFile(path, lambda key: None)) as api:
        await api.client.get("/v1/stats", resource="stats")

        assert api.client.gate.valid is True


async def test_without_a_key_nothing_is_sent_but_health(tmp_path: Path) -> None:
    path = tmp_path / "key"
    script = Script(ok())
    async with trial(URL, script, source=KeyFile(path, lambda key: None)) as api:
        with pytest.raises(KeyMissingError):
            await api.client.get("/v1/stats", resource="stats")
        await api.client.get("/health", resource="health")
        assert api.client.gate.valid is False
        assert [request.url.path for request in script.asked] == ["/health"]

        path.write_text(f"{KEY}\n")
        await api.client.get("/v1/stats", resource="stats")

        assert api.client.gate.valid is True


@pytest.mark.parametrize("auth_header", ["authorization", "x-api-key"])
@pytest.mark.parametrize(
    "answer",
    [
        status(401),
        status(403),
        status(500),
        httpx.Response(200, content=KEY.encode()),
        httpx.Response(400, json={"error": {"code": KEY}}),
        httpx.Response(302, headers={"location": f"https://x.test/?key={KEY}"}),
        httpx.ConnectError(f"could not connect with {KEY}"),
        httpx.ReadTimeout(f"timed out with {KEY}"),
        httpx.LocalProtocolError(f"Illegal header value b'Bearer {KEY}'"),
    ],
)
async def test_no_failure_and_no_log_line_shows_the_key(
    answer: httpx.Response | Exception, auth_header: str, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    caplog.set_level(logging.DEBUG)
    async with trial(URL, handler, auth_header=auth_header) as api:
        with pytest.raises(ApiError) as caught:
            await api.client.get("/v1/stats", resource="stats")

    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert "xxxxxxxx" not in shown


def test_the_key_is_in_no_repr() -> None:
    assert KEY not in repr(FixedKey(KEY))


def test_a_page_of_the_largest_tier_fits_the_bound_many_times() -> None:
    item = {"id": "x" * 64, "pageUrl": "u" * 2000, "userAgentSummary": "a" * 500}

    page = json.dumps({"data": [item | dict.fromkeys("abcdefghij", 0)] * 100}).encode()

    assert len(page) * 5 < bodies.LIST.size
    assert page.count(b",") * 10 < bodies.LIST.values


async def test_a_request_under_way_ends_on_the_connection_it_began_on() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        asked.set()
        await answer.wait()
        return unread(ok())

    async with trial(URL, Script(ok())) as api:
        old, new = api.client._http, PeerClient(base_url=URL)
        old._transport = httpx.MockTransport(slow)
        new._transport = httpx.MockTransport(lambda request: unread(status(404)))
        under_way = asyncio.create_task(api.client.get("/v1/stats", resource="stats"))
        await asked.wait()

        api.client.reconnect(new)
        with pytest.raises(StatusError):
            await api.client.get("/v1/stats", resource="stats")
        assert not old.is_closed

        answer.set()
        await under_way
        assert old.is_closed
        await api.client.close()
        assert new.is_closed


async def test_a_replaced_client_is_closed_although_another_is_never_idle() -> None:
    clients = [PeerClient() for _ in range(4)]
    one = make_client(clients[0], FakeClock(), telemetry())

    with clients[0].held():
        one.reconnect(clients[1])
        assert not clients[0].is_closed
        with clients[1].held():
            one.reconnect(clients[2])
    await asyncio.gather(*(client.closed() for client in clients[:2]))
    assert [client.is_closed for client in clients] == [True, True, False, False]

    with clients[2].held():
        one.reconnect(clients[3])
        await one.close()
        assert [client.is_closed for client in clients[2:]] == [False, True]
    await clients[2].closed()
    assert clients[2].is_closed


async def test_integrations_of_one_address_share_connections_until_the_last_is_gone() -> None:
    shared = PeerClient(base_url=URL)
    shared._transport = httpx.MockTransport(lambda request: unread(ok()))
    first, second = (make_client(shared, FakeClock(), telemetry()) for _ in range(2))

    await first.close()
    assert not shared.is_closed
    await second.get("/v1/stats", resource="stats")
    await second.close()

    assert shared.is_closed
