"""The client on real sockets: servers that are slow, broken, endless, closed, or somebody else."""

import asyncio
import gzip
import ssl
import tracemalloc

import httpx
import pytest
import trustme

from exporter.api import body as bodies
from exporter.api import client as clients
from exporter.api.errors import (
    KeyRefusedError,
    RequestTimeoutError,
    StatusError,
    UnreachableError,
    UnreadableBodyError,
)
from exporter.net import peer_client
from tests.api.clients import KEY, ClientRig, trial
from tests.api.tiny_server import (
    TIME_OUT,
    Connection,
    answering,
    closed_port,
    reply,
    tiny_server,
)


async def ask(api: ClientRig) -> object:
    async with asyncio.timeout(TIME_OUT):
        return (await api.client.get("/v1/stats", resource="stats")).body


@pytest.fixture
def short_phases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_client, "PHASES", httpx.Timeout(0.1))


async def test_an_answer_is_read_and_the_connection_kept() -> None:
    answer = answering(reply(b'{"data": {"a": 1}}'))
    async with tiny_server(answer) as server, trial(server.url) as api:
        for _ in range(3):
            assert await ask(api) == {"data": {"a": 1}}

        assert api.requests() == {"200": 3}
    assert len(server.requests) == 3
    assert all(f"authorization: bearer {KEY}" in head.lower() for head in server.requests)


async def test_a_closed_port_is_counted_as_connection() -> None:
    async with trial(f"http://127.0.0.1:{closed_port()}") as api:
        with pytest.raises(UnreachableError, match=r"^connection refused by 127\.0\.0\.1:\d+$"):
            await ask(api)

        assert api.requests() == {"connection": 3}


async def test_a_connection_that_is_reset_is_counted_as_connection() -> None:
    async def reset(connection: Connection) -> None:
        connection.reset()

    async with tiny_server(reset) as server, trial(server.url) as api:
        with pytest.raises(UnreachableError):
            await ask(api)

        assert api.requests() == {"connection": 3}


@pytest.mark.parametrize(
    "bytes_sent", [b"", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n", b"\x00" * 100]
)
async def test_what_is_not_http_is_counted_as_connection(bytes_sent: bytes) -> None:
    async def talk(connection: Connection) -> None:
        await connection.send(bytes_sent)
        connection.writer.close()

    async with tiny_server(talk) as server, trial(server.url) as api:
        with pytest.raises(UnreachableError):
            await ask(api)

        assert api.requests() == {"connection": 3}
        assert api.invalid() == 0


async def test_a_body_that_breaks_off_is_asked_for_again() -> None:
    whole = reply(b'{"data": {}}')

    async def talk(connection: Connection) -> None:
        first = len(server.requests) == 1
        await connection.send(reply(b'{"data": ', length=100) if first else whole)
        if first:
            connection.writer.close()

    async with tiny_server(talk) as server, trial(server.url) as api:
        assert await ask(api) == {"data": {}}

        assert api.requests() == {"connection": 1, "200": 1}


@pytest.mark.usefixtures("short_phases")
async def test_a_server_that_accepts_and_never_answers_is_counted_as_timeout() -> None:
    async def talk(connection: Connection) -> None:
        await connection.gone()

    async with tiny_server(talk) as server, trial(server.url) as api:
        with pytest.raises(RequestTimeoutError):
            await ask(api)

        assert api.requests() == {"timeout": 3}


async def test_a_trickle_is_cut_off_however_steadily_it_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clients, "REQUEST_SECONDS", 0.2)
    dropped = asyncio.Event()

    async def talk(connection: Connection) -> None:
        await connection.send(reply(b"{", length=10_000))
        while not await connection.gone(within=0.01):
            await connection.send(b" ")
        dropped.set()

    async with tiny_server(talk) as server, trial(server.url) as api:
        with pytest.raises(RequestTimeoutError):
            await ask(api)

        assert api.requests() == {"timeout": 3}
        async with asyncio.timeout(TIME_OUT):
            await dropped.wait()


async def test_an_endless_body_costs_no_more_memory_than_the_bound() -> None:
    chunk = b"10000\r\n" + b"[" * 0x10000 + b"\r\n"

    async def talk(connection: Connection) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        await connection.send(head)
        while True:
            await connection.send(chunk)

    tracemalloc.start()
    try:
        async with tiny_server(talk) as server, trial(server.url) as api:
            with pytest.raises(UnreadableBodyError, match="larger"):
                await ask(api)
            _, peak = tracemalloc.get_traced_memory()

            assert api.invalid() == 3
            assert api.requests() == {"200": 3}
    finally:
        tracemalloc.stop()
    assert peak < 4 * bodies.LIST.size


async def test_a_compressed_body_is_never_unpacked() -> None:
    bomb = gzip.compress(b" " * 1_000_000)
    answer = reply(bomb, headers="Content-Encoding: gzip\r\n")
    async with tiny_server(answering(answer, reply())) as server, trial(server.url) as api:
        assert await ask(api) == {"data": {}}

        assert api.invalid() == 1
    assert "accept-encoding: identity" in server.requests[0].lower()


ERROR_BODIES = {
    "compressed": (gzip.compress(b"<html>"), "Content-Encoding: gzip\r\n", -1),
    "too large": (b"x" * (bodies.ERROR.size + 1), "", -1),
    "broken off": (b"<html", "Connection: close\r\n", 4000),
    "html": (b"<html>busy</html>", "", -1),
    "none": (b"", "", -1),
}


@pytest.mark.parametrize(
    ("body", "headers", "length"), ERROR_BODIES.values(), ids=ERROR_BODIES.keys()
)
async def test_an_error_is_judged_by_its_status_whatever_its_body(
    body: bytes, headers: str, length: int
) -> None:
    headers += "Retry-After: 40\r\nx-isnotai-tier: pro\r\n"
    busy = reply(body, status="503 Busy", headers=headers, length=length)

    async def talk(connection: Connection) -> None:
        await connection.send(busy)
        if length >= 0:
            connection.writer.close()

    async with tiny_server(talk) as server, trial(server.url) as api:
        with pytest.raises(StatusError, match="503"):
            await ask(api)

        assert api.requests() == {"503": 3}
        assert api.invalid() == 0
        assert api.client.budget.tier == "pro"
        assert api.clock.mono - 1000.0 >= 80


async def test_a_refusal_whose_body_never_ends_is_one_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clients, "ERROR_BODY_SECONDS", 0.1)

    async def talk(connection: Connection) -> None:
        await connection.send(reply(b"{", status="401 No", length=1000))
        await connection.gone()

    async with tiny_server(talk) as server, trial(server.url) as api:
        with pytest.raises(KeyRefusedError):
            await ask(api)

        assert api.requests() == {"401": 1}
        assert api.client.gate.valid is False


async def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else() -> None:
    async with tiny_server(answering(reply())) as other:
        moved = reply(b"", status="302 Found", headers=f"Location: {other.url}/v1/stats\r\n")
        async with tiny_server(answering(moved)) as server, trial(server.url) as api:
            with pytest.raises(StatusError, match="302"):
                await ask(api)

            assert api.requests() == {"302": 1}
        assert other.requests == []


async def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    asked = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1))
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        async with trial(f"https://127.0.0.1:{port}") as api:
            with pytest.raises(
                UnreachableError,
                match=r"^certificate of 127\.0\.0\.1 not accepted: unknown issuer$",
            ):
                await ask(api)

            assert api.requests() == {"connection": 3}
    assert asked == []


async def test_a_poll_that_is_cancelled_lets_go_of_its_connection_and_its_room() -> None:
    came, gone = asyncio.Event(), asyncio.Event()

    async def talk(connection: Connection) -> None:
        came.set()
        if await connection.gone():
            gone.set()

    async with tiny_server(talk) as server, trial(server.url) as api:
        polling = asyncio.create_task(api.client.get("/v1/stats", resource="stats"))
        async with asyncio.timeout(TIME_OUT):
            await came.wait()
            polling.cancel()
            await asyncio.wait([polling])
            await gone.wait()

        assert polling.cancelled()
        assert sum(api.requests().values()) == 1
        api.clock.advance(61)
        assert api.client.budget.room() == 60


async def test_many_that_get_no_answer_hold_up_nobody_else() -> None:
    waiting = asyncio.Semaphore(0)

    async def talk(connection: Connection) -> None:
        if "/v1/usage" in server.requests[-1]:
            waiting.release()
            await connection.gone(2 * TIME_OUT)
        else:
            await connection.send(reply())

    async with tiny_server(talk) as server, trial(server.url) as api:
        # Those of many integrations: as many as the budget of one key grants.
        usage = [api.client.get("/v1/usage", resource="usage") for _ in range(50)]
        hanging = [asyncio.create_task(one) for one in usage]
        async with asyncio.timeout(TIME_OUT):
            for _ in hanging:
                await waiting.acquire()

        assert await ask(api) == {"data": {}}

        for task in hanging:
            task.cancel()
        await asyncio.wait(hanging)
