"""What the server promises: bounded exchanges, bounded stops, nobody waits for a silent peer."""

import asyncio
import errno
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import MappingProxyType

import bcrypt
import httpx
import pytest
import structlog
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web import connections
from exporter.web import server as server_module
from exporter.web.address import bind
from exporter.web.connections import BoundedProtocol
from exporter.web.server import Server, ServerStoppedError
from exporter.web.webconfig import WebConfig, WebConfigError
from tests.plain import TRUSTS_NOBODY
from tests.web.conftest import serving

HASH = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()


@asynccontextmanager
async def connection(
    server: Server,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    """What still comes, until the server closes or cuts the connection."""
    async with asyncio.timeout(5):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def waited_at(listening: socket.socket) -> None:
    """Return once a client waits to be accepted."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listening, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(listening)


async def scrape(server: Server) -> httpx.Response:
    async with httpx.AsyncClient(timeout=5, verify=TRUSTS_NOBODY) as client:
        return await client.get(f"http://127.0.0.1:{server.port}/metrics")


async def test_many_scrapes_share_one_connection(app: ASGIApp) -> None:
    async with serving(app) as server, connection(server) as (reader, writer):
        for _ in range(3):
            writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(5):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 ")
                assert await reader.readexactly(8) == b"healthy\n"


async def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_first_packet(
    app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: list[int] = []

    class Watched(BoundedProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            super().connection_made(transport)
            accepted = transport.get_extra_info("socket")
            options.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(server_module, "BoundedProtocol", Watched)
    async with serving(app) as server:
        assert (await scrape(server)).status_code == 200
    assert options == [1]


async def test_http_1_0_and_no_host_are_served(app: ASGIApp) -> None:
    async with serving(app) as server, connection(server) as (reader, writer):
        writer.write(b"GET /-/healthy HTTP/1.0\r\n\r\n")
        answer = await until_closed(reader)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"\r\n\r\nhealthy\n")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://127.0.0.1/-/healthy", 200),
        ("HTTP://other.example:8080/-/healthy?a=b", 200),
        ("http://other.example/%2D/healthy", 200),
        ("http://other.example", 200),
        ("http://other.example/elsewhere", 404),
        ("ftp://other.example/-/healthy", 404),
        ("//-/healthy", 404),
        ("*", 404),
    ],
)
async def test_a_target_in_absolute_form_is_answered_by_its_path(
    app: ASGIApp, target: str, status: int
) -> None:
    async with serving(app) as server, connection(server) as (reader, writer):
        writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert (await until_closed(reader)).startswith(f"HTTP/1.1 {status} ".encode())


async def test_a_target_in_absolute_form_does_not_get_round_the_password(app: ASGIApp) -> None:
    users = MappingProxyType({"a": bcrypt.hashpw(b"b", bcrypt.gensalt(4)).decode()})
    async with (
        serving(app, WebConfig(users=users)) as server,
        connection(server) as (reader, writer),
    ):
        writer.write(b"GET http://x/metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await until_closed(reader)).startswith(b"HTTP/1.1 401 ")


async def test_garbage_is_answered_400_and_dropped(app: ASGIApp) -> None:
    async with serving(app) as server:
        async with connection(server) as (reader, writer):
            writer.write(b"\x16\x03\x01 not http\r\n\r\n")
            assert (await until_closed(reader)).startswith(b"HTTP/1.1 400 ")
        assert (await scrape(server)).status_code == 200


@pytest.mark.parametrize("sent", [b"", b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow:"])
async def test_a_client_that_never_finishes_its_request_is_dropped_and_harms_nobody(
    app: ASGIApp, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    async with serving(app) as server, connection(server) as (reader, writer):
        writer.write(sent)
        await writer.drain()
        assert (await scrape(server)).status_code == 200
        assert not reader.at_eof()
    monkeypatch.setattr(BoundedProtocol, "exchange_timeout", 0.05)
    async with serving(app) as server, connection(server) as (reader, writer):
        writer.write(sent)
        assert await until_closed(reader) == b""


async def test_a_kept_connection_that_starts_another_request_is_bounded_too(
    app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedProtocol, "exchange_timeout", 0.05)
    async with serving(app) as server, connection(server) as (reader, writer):
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            await reader.readuntil(b"healthy\n")
        writer.write(b"GET /-/hea")
        assert await until_closed(reader) == b""


async def test_an_idle_kept_connection_outlives_the_time_of_an_exchange(
    app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedProtocol, "exchange_timeout", 0.05)
    async with serving(app) as server, connection(server) as (reader, writer):
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            await reader.readuntil(b"healthy\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.read(1)
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            await reader.readuntil(b"healthy\n")


class Endless:
    """An app whose answer never ends, and which knows whether it was given up."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun.set()
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
                if (await asyncio.wait_for(receive(), 0.001)) is not None:
                    return
        except TimeoutError:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


async def test_stopping_takes_bounded_time_whatever_is_under_way() -> None:
    app = Endless()
    loop = asyncio.get_running_loop()
    async with serving(app) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            await app.begun.wait()
        before = loop.time()
    assert loop.time() - before < 2.5
    async with asyncio.timeout(5):
        await app.ended.wait()
    writer.close()


async def test_stopping_drops_half_sent_requests_at_once(app: ASGIApp) -> None:
    loop = asyncio.get_running_loop()
    async with serving(app) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /metrics HT")
        assert (await scrape(server)).status_code == 200
        before = loop.time()
    assert loop.time() - before < 1
    assert await until_closed(reader) == b""
    writer.close()


async def test_stopping_cuts_off_whoever_does_not_read_its_answer() -> None:
    body = b"x" * 20_000_000

    async def big(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(body)(scope, receive, send)

    loop = asyncio.get_running_loop()
    async with serving(big) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            await reader.readuntil(b"\r\n\r\n")
        before = loop.time()
    assert loop.time() - before < 2.5
    assert len(await until_closed(reader)) < len(body)
    writer.close()


async def test_an_idle_connection_is_closed_when_its_time_is_over(
    app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "KEEP_ALIVE_TIMEOUT", 0)
    async with serving(app) as server, connection(server) as (reader, writer):
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await until_closed(reader)).endswith(b"healthy\n")


async def test_after_the_stop_the_port_is_free(app: ASGIApp) -> None:
    async with serving(app) as server:
        port = server.port
    for bound in bind("127.0.0.1", port):
        bound.close()


async def test_the_servers_signal_handlers_are_not_installed(app: ASGIApp) -> None:
    before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)]
    async with serving(app) as server:
        assert (await scrape(server)).status_code == 200
        assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)] == before


async def test_a_cancelled_daemon_still_stops_the_server_in_order(app: ASGIApp) -> None:
    sockets = bind("127.0.0.1", 0)
    server = Server(app, sockets)
    up = asyncio.Event()

    async def daemon() -> None:
        async with server.running():
            up.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(daemon())
    async with asyncio.timeout(5):
        await up.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert all(bound.fileno() == -1 for bound in sockets)


async def test_an_error_of_the_body_stops_the_server_and_comes_out(app: ASGIApp) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(LookupError, match="the body's own")):
        async with serving(app):
            raise LookupError("the body's own")


async def test_a_server_that_ends_by_itself_ends_the_body(
    app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(self: object, sockets: object = None) -> None:
        return None

    monkeypatch.setattr(server_module._Uvicorn, "serve", gone)
    with pytest.RaisesGroup(ServerStoppedError):
        async with asyncio.timeout(5), serving(app):
            await asyncio.Event().wait()


class Clients:
    """Connections of many clients, closed with the block."""

    def __init__(self, server: Server) -> None:
        self._port = server.port
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> "Clients":
        return self

    async def __aexit__(self, *_: object) -> None:
        for writer in self._writers:
            writer.close()

    async def send(self, request: bytes, source: str = "127.0.0.1") -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, local_addr=(source, 0)
        )
        self._writers.append(writer)
        writer.write(request)
        return reader

    async def idle(self, source: str = "127.0.0.1") -> asyncio.StreamReader:
        """One that is idle after an exchange, which a scraper would keep."""
        reader = await self.send(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n", source)
        async with asyncio.timeout(5):
            await reader.readuntil(b"healthy\n")
        return reader


async def test_any_number_of_idle_connections_leaves_room_for_a_health_check(
    app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "CONNECTIONS", 8)
    async with serving(app) as server, Clients(server) as clients:
        idle = [await clients.idle() for _ in range(30)]
        assert (await scrape(server)).status_code == 200
        # The oldest made room, one for each that came beyond the bound.
        assert [await until_closed(reader) for reader in idle[:23]] == [b""] * 23
        assert not any(reader.at_eof() for reader in idle[23:])


async def test_requests_that_never_end_leave_room_for_a_health_check(
    app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "CONNECTIONS", 8)
    async with serving(app) as server, Clients(server) as clients:
        for _ in range(30):
            await clients.send(b"GET /metrics HTTP/1.1\r\nX-Slow:")
        assert (await scrape(server)).status_code == 200


async def test_who_holds_the_most_connections_loses_them_first(
    app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "CONNECTIONS", 8)
    async with serving(app) as server, Clients(server) as clients:
        scraper = await clients.idle("127.0.0.2")
        greedy = [await clients.idle() for _ in range(20)]
        assert [await until_closed(reader) for reader in greedy[:13]] == [b""] * 13
        assert not scraper.at_eof()
        assert not any(reader.at_eof() for reader in greedy[13:])


async def test_who_has_sent_nothing_makes_room_before_who_is_idle(
    app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "CONNECTIONS", 8)
    async with serving(app) as server, Clients(server) as clients:
        scraper = await clients.idle()
        silent = [await clients.send(b"") for _ in range(20)]
        assert [await until_closed(reader) for reader in silent[:13]] == [b""] * 13
        assert not scraper.at_eof()
        assert (await scrape(server)).status_code == 200


@pytest.mark.parametrize(
    ("descriptors", "most"),
    [(resource.RLIM_INFINITY, 128), (1_048_576, 128), (256, 128), (64, 32), (1, 1)],
)
def test_connections_leave_half_of_the_descriptors_to_others(
    monkeypatch: pytest.MonkeyPatch, descriptors: int, most: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (descriptors, descriptors))
    assert connections.most_connections(128) == most


async def test_a_connection_that_cannot_be_accepted_makes_room_and_one_log_line(
    app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    accept, failures = loop.sock_accept, [errno.EMFILE, errno.EMFILE, errno.ECONNABORTED]

    async def failing(listening: socket.socket) -> object:
        if failures and idle:
            await waited_at(listening)
            raise OSError(failures[0], os.strerror(failures.pop(0)))
        return await accept(listening)

    idle: list[asyncio.StreamReader] = []
    monkeypatch.setattr(loop, "sock_accept", failing)
    with structlog.testing.capture_logs() as lines:
        async with serving(app) as server, Clients(server) as clients:
            idle.append(await clients.idle())
            assert (await scrape(server)).status_code == 200
            assert (await scrape(server)).status_code == 200
            assert await until_closed(idle[0]) == b""
    assert [line["event"] for line in lines] == ["connection_not_accepted"]
    assert lines[0]["reason"] == os.strerror(errno.EMFILE)


async def test_without_descriptors_and_without_anybody_waiting_what_is_open_stays(
    app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ACCEPT_PAUSE", 0)
    loop = asyncio.get_running_loop()
    accept, failures = loop.sock_accept, [errno.EMFILE] * 5

    async def failing(listening: socket.socket) -> object:
        if failures and kept:
            raise OSError(failures[0], os.strerror(failures.pop(0)))
        if not failures:
            failed.set()
        return await accept(listening)

    failed = asyncio.Event()
    kept: list[asyncio.StreamReader] = []
    async with serving(app) as server, Clients(server) as clients:
        monkeypatch.setattr(loop, "sock_accept", failing)
        kept.append(await clients.idle())
        # What waits in accept now was there before: this one is let in, and then it fails.
        other = await clients.idle()
        async with asyncio.timeout(5):
            await failed.wait()
        assert not any(reader.at_eof() for reader in (*kept, other))


async def test_a_pipelined_answer_that_nobody_reads_is_bounded_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(BoundedProtocol, "exchange_timeout", 0.2)
    body = b"x" * 20_000_000
    ended = asyncio.Event()

    async def big(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/big":
            try:
                await PlainTextResponse(body)(scope, receive, send)
                await receive()
            finally:
                ended.set()
        else:
            await PlainTextResponse(b"small\n")(scope, receive, send)

    async with serving(big) as server, connection(server) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            await reader.readuntil(b"small\n")
            await ended.wait()


async def test_a_request_that_gives_its_length_twice_is_the_last_of_its_connection(
    app: ASGIApp,
) -> None:
    request = (
        "GET /-/healthy HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    async with serving(app) as server, connection(server) as (reader, writer):
        writer.write(request.encode())
        answer = await until_closed(reader)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer.lower()


async def test_a_reader_that_stops_reading_is_cut_off_when_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = b"x" * 20_000_000

    async def big(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(body)(scope, receive, send)

    monkeypatch.setattr(server_module, "KEEP_ALIVE_TIMEOUT", 0)
    async with serving(big) as server, connection(server) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            await reader.readuntil(b"\r\n\r\n")
        # The rest cannot be sent before the time is over; what is read then is what was on its way.
        rest = await until_closed(reader)
        assert len(rest) < len(body)


async def test_basic_auth_guards_the_server_and_can_be_replaced(app: ASGIApp) -> None:
    async with serving(app, WebConfig(users=MappingProxyType({"prometheus": HASH}))) as server:
        url = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient(base_url=url, timeout=5, verify=TRUSTS_NOBODY) as client:
            assert (await client.get("/metrics")).status_code == 401
            assert (await client.get("/-/healthy")).status_code == 200
            right = ("prometheus", "open sesame")
            assert (await client.get("/metrics", auth=right)).status_code == 200
            other = bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode()
            server.replace(WebConfig(users={"prometheus": other}))
            assert (await client.get("/metrics", auth=right)).status_code == 401
            assert (await client.get("/metrics", auth=("prometheus", "other"))).status_code == 200


async def test_authentication_is_not_turned_off_while_the_server_runs(app: ASGIApp) -> None:
    async with serving(app, WebConfig(users={"prometheus": HASH})) as server:
        with pytest.raises(WebConfigError, match="does not turn authentication off"):
            server.replace(WebConfig())
        assert (await scrape(server)).status_code == 401


async def test_added_headers_come_with_each_answer_in_place_of_our_own(app: ASGIApp) -> None:
    headers = {"Content-Security-Policy": "default-src 'self'", "X-Frame-Options": "deny"}
    config = WebConfig(users={"prometheus": HASH}, headers=headers)
    async with serving(app, config) as server:
        url = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient(base_url=url, timeout=5, verify=TRUSTS_NOBODY) as client:
            for auth in (None, ("prometheus", "open sesame")):
                response = await client.get("/", auth=auth)
                assert response.headers.get_list("content-security-policy") == [
                    "default-src 'self'"
                ]
                assert response.headers["x-frame-options"] == "deny"


async def test_ipv6_is_served_too_where_the_machine_has_it(app: ASGIApp) -> None:
    server = Server(app, bind(None, 0))
    hosts = ["127.0.0.1", "[::1]"] if socket.has_dualstack_ipv6() else ["127.0.0.1"]
    async with server.running(), httpx.AsyncClient(timeout=5, verify=TRUSTS_NOBODY) as client:
        for host in hosts:
            response = await client.get(f"http://{host}:{server.port}/-/healthy")
            assert response.status_code == 200
