"""The client's one request: headers, retries, pauses, counting, what it learns from an answer."""

import contextlib
import json

import httpx
import pytest

from exporter.api import body as bodies
from exporter.api.errors import (
    KeyRefusedError,
    StatusError,
    ThrottledError,
    UnreadableBodyError,
)
from exporter.api.pauses import KEY as WITH_KEY
from tests.api.clients import (
    KEY,
    RESOURCES,
    Script,
    ok,
    status,
    trial,
)

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


def test_a_page_of_the_largest_tier_fits_the_bound_many_times() -> None:
    item = {"id": "x" * 64, "pageUrl": "u" * 2000, "userAgentSummary": "a" * 500}

    page = json.dumps({"data": [item | dict.fromkeys("abcdefghij", 0)] * 100}).encode()

    assert len(page) * 5 < bodies.LIST.size
    assert page.count(b",") * 10 < bodies.LIST.values


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
