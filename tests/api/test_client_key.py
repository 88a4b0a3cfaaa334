"""The key of a client: refused, replaced, missing, and shown nowhere."""

import asyncio
import logging
import traceback
from pathlib import Path

import httpx
import pytest

from exporter.api.errors import (
    ApiError,
    KeyMissingError,
    KeyRefusedError,
)
from exporter.api.key import FixedKey, KeyFile
from exporter.metrics.telemetry import Telemetry, dropped_counter
from exporter.net.peer_client import PeerClient
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
from tests.virtual_time import VirtualClock

URL = "https://api.test"


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
