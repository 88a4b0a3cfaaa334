"""Connections that clients share: the requests on them, and when they close."""

import asyncio
import gc

import httpx
import pytest

from exporter.api.errors import (
    StatusError,
)
from exporter.net.network import Network
from exporter.net.peer_client import PeerClient, http_client
from tests.api.clients import (
    KEY,
    Script,
    make_client,
    ok,
    status,
    trial,
    unread,
)
from tests.clocks import FakeClock
from tests.collect.recorded import telemetry

URL = "https://api.test"


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
