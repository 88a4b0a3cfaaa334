"""Answers in a great many pieces: read in small parts, between which others run, and bounded."""

import asyncio
import json
from collections.abc import Callable

import h11
import httpcore
import httpx
import pytest

from exporter.api.errors import UnreachableError
from exporter.net import pieces
from exporter.net.network import Network
from exporter.net.peer_client import http_client
from tests.api.clients import ClientRig, trial
from tests.api.tiny_server import TIME_OUT, Connection, answering, reply, tiny_server

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunks(body: bytes) -> bytes:
    """The body in chunks of one byte each."""
    return CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"


@pytest.fixture
def longest_run(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many events the parser of HTTP gave at most before others could run."""
    run, longest = 0, 0
    original = h11.Connection.next_event

    def others_run() -> None:
        nonlocal run
        run = 0

    def next_event(self: h11.Connection) -> object:
        nonlocal run, longest
        if run == 0:
            asyncio.get_running_loop().call_soon(others_run)
        run += 1
        longest = max(longest, run)
        return original(self)

    monkeypatch.setattr(h11.Connection, "next_event", next_event)
    return lambda: longest


async def ask(api: ClientRig) -> object:
    async with asyncio.timeout(TIME_OUT):
        return (await api.client.get("/v1/stats", resource="stats")).body


BODY = b'{"data": {"a": "' + b"x" * 5000 + b'"}}'


@pytest.mark.parametrize(
    "answer",
    [reply(BODY), CONTINUE * 2000 + reply(BODY), chunks(BODY), reply(b"\n" * 5000 + BODY)],
    ids=["whole", "after many 1xx", "in single bytes", "in many lines"],
)
async def test_an_answer_in_many_pieces_is_read_while_others_run(
    answer: bytes, longest_run: Callable[[], int]
) -> None:
    async with tiny_server(answering(answer)) as server, trial(server.url) as api:
        read = await ask(api)

    assert read == json.loads(BODY)
    assert longest_run() <= 3 * pieces.LINES_AT_ONCE


@pytest.mark.parametrize(
    ("head", "part"),
    [(b"", CONTINUE * 100), (CHUNKED, b"1\r\n[\r\n" * 100), (CHUNKED, b"1;" + b"x" * 99 + b"\n ")],
    ids=["1xx", "single bytes", "extensions"],
)
async def test_an_answer_of_endless_pieces_ends_with_an_error(
    head: bytes, part: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "MOST_PIECES", 5000)

    async def talk(connection: Connection) -> None:
        await connection.send(head)
        while True:
            await connection.send(part)

    async with tiny_server(talk) as server, trial(server.url) as api:
        with pytest.raises(UnreachableError):
            await ask(api)

        assert api.requests() == {"connection": 3}


async def test_the_bound_is_on_one_answer_and_not_on_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pieces, "MOST_PIECES", 100)

    answer = answering(reply(b"\n" * 50 + b"{}"))
    async with tiny_server(answer) as server, trial(server.url) as api:
        for _ in range(5):
            assert await ask(api) == {}


async def test_what_is_sent_after_an_answer_is_not_part_of_the_next() -> None:
    extra = reply(b'{"data": "of nobody"}') * 40

    async def talk(connection: Connection) -> None:
        await connection.send(reply(b'{"data": {}}') + extra)

    async with tiny_server(talk) as server, trial(server.url) as api:
        for _ in range(3):
            assert await ask(api) == {"data": {}}


@pytest.mark.parametrize("variables", [{}, {"HTTPS_PROXY": "http://proxy.test:3128"}])
def test_every_way_to_the_api_is_bounded(variables: dict[str, str]) -> None:
    client = http_client("https://api.test", Network.read(variables))

    transports = [client._transport, *client._mounts.values()]
    pools = [one._pool for one in transports if isinstance(one, httpx.AsyncHTTPTransport)]
    assert pools
    assert all(isinstance(pool._network_backend, pieces._Backend) for pool in pools)


def test_the_stream_reads_as_its_source_does() -> None:
    """Whatever is cut: all of it comes, in its order, in parts of few lines."""

    class Source(httpcore.AsyncNetworkStream):
        def __init__(self, parts: list[bytes]) -> None:
            self.parts = parts

        async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's interface
            return self.parts.pop(0) if self.parts else b""

    async def read_all(parts: list[bytes]) -> list[bytes]:
        stream = pieces._Stream(Source(list(parts)))
        found = []
        while part := await stream.read(65536):
            found.append(part)
        return found

    parts = [b"a\n" * 1000, b"b" * 5000, b"\n" * 64, b"\r\n" * 65, b"end"]
    found = asyncio.run(read_all(parts))

    assert b"".join(found) == b"".join(parts)
    assert max(part.count(b"\n") for part in found) == pieces.LINES_AT_ONCE
