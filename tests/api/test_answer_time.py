"""The time that an answer is stamped with: never later than what its list showed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx

from exporter.api.serverclock import ServerClock
from exporter.api.times import MICROSECONDS
from exporter.metrics.telemetry import Telemetry, dropped_counter
from exporter.net.peer_client import PeerClient
from tests.api.clients import RESOURCES, make_client
from tests.clocks import FakeClock

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def date(after: int) -> dict[str, str]:
    return {"date": format_datetime(NOON + after * SECOND, usegmt=True)}


async def test_an_answer_keeps_its_time_though_others_set_the_clock_meanwhile() -> None:
    clock = FakeClock()
    began = clock.monotonic()

    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b'{"data":'
            for _ in range(2):
                clock.advance(125.0)
                await client.get("/v1/stats", resource="stats")
            yield b"[]}"

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/sessions":
            return httpx.Response(200, headers=date(0), stream=Slow())
        later = 2000 + round(clock.monotonic() - began)
        return httpx.Response(200, headers=date(later), stream=httpx.ByteStream(b"{}"))

    transport = httpx.MockTransport(answer)
    async with PeerClient(transport=transport, base_url="http://api.test") as http:
        telemetry = Telemetry(0.0, RESOURCES, dropped_counter(0.0))
        client = make_client(http, clock, telemetry)

        read = await client.get("/v1/sessions", resource="sessions")

        assert read.server_time == NOON.timestamp() * MICROSECONDS
        shown = client.server_clock.at(clock.monotonic())
        assert shown is not None
        assert shown > read.server_time + 2000 * MICROSECONDS


def test_an_answer_without_a_date_has_the_time_that_the_clock_shows() -> None:
    clock = ServerClock()
    clock.observe(date(0)["date"], 10.0, 10.0)

    assert clock.observe(None, 20.0, 21.0) == (NOON + 10 * SECOND).timestamp() * MICROSECONDS


def test_an_answer_whose_date_is_not_believed_has_the_time_that_the_clock_shows() -> None:
    clock = ServerClock()
    clock.observe(date(0)["date"], 10.0, 10.0)

    shown = clock.observe(date(7200)["date"], 20.0, 21.0)

    assert shown == (NOON + 10 * SECOND).timestamp() * MICROSECONDS


def test_no_time_is_given_before_the_clock_is_known() -> None:
    clock = ServerClock(lambda: 0.0)

    assert clock.observe(None, 10.0, 10.0) is None
    assert clock.observe(date(0)["date"], 10.0, 10.0) is None
