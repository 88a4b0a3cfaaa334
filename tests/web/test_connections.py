"""What a connection costs in memory, and that nothing of it stays when it has ended."""

import asyncio
import contextlib
import gc
import socket
import ssl
import struct
import tracemalloc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from starlette.types import ASGIApp

from exporter.web import connections
from exporter.web.connections import BoundedProtocol
from exporter.web.server import Server
from exporter.web.tls import TLSConfig
from exporter.web.webconfig import WebConfig
from tests.web.conftest import serving

REQUEST = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER by which closing sends a reset."""

MOST_KIB = 64
"""What a TLS connection may hold of Python's memory; asyncio alone would take 256 KiB."""

CONNECTIONS = 12


@pytest.fixture
def config(tmp_path: Path) -> WebConfig:
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "tls.key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "tls.crt")
    return WebConfig(TLSConfig(tmp_path / "tls.crt", tmp_path / "tls.key"))


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Python does not look for circles of objects that refer to each other."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


Opened = asyncio.Queue["weakref.ref[BoundedProtocol]"]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """The connections that the server has had."""
    made = Opened()
    create = BoundedProtocol.__init__

    def noting(self: BoundedProtocol, *args: Any, **options: Any) -> None:
        create(self, *args, **options)
        made.put_nowait(weakref.ref(self))

    monkeypatch.setattr(BoundedProtocol, "__init__", noting)
    return made


@asynccontextmanager
async def client(
    server: Server, tls: bool
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=context if tls else None
    )
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def end(server: Server, tls: bool, how: str) -> None:
    """One connection that ends so."""
    handshake = tls and not how.endswith("for a handshake")
    async with client(server, handshake) as (reader, writer), asyncio.timeout(5):
        match how:
            case "reset while idle":
                writer.write(REQUEST)
                await reader.readuntil(b"healthy\n")
                own: socket.socket = writer.get_extra_info("socket")
                own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            case "closed by us":
                writer.write(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                await reader.read()
            case "garbage" | "garbage for a handshake":
                writer.write(b"garbage\r\n\r\n")
                with contextlib.suppress(ConnectionError):
                    await reader.read()
            case "silent" | "silence for a handshake":
                with contextlib.suppress(ConnectionError):
                    await reader.read()


@pytest.mark.parametrize(
    ("how", "tls"),
    [
        (how, tls)
        for tls in (False, True)
        for how in ("reset while idle", "closed by us", "garbage", "silent", "closed at once")
    ]
    + [("garbage for a handshake", True), ("silence for a handshake", True)],
)
@pytest.mark.usefixtures("uncollected")
async def test_nothing_of_a_connection_outlives_it(
    app: ASGIApp,
    config: WebConfig,
    opened: Opened,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    tls: bool,
) -> None:
    monkeypatch.setattr(BoundedProtocol, "exchange_timeout", 0.1 if how == "silent" else 5)
    monkeypatch.setattr(connections, "HANDSHAKE_TIMEOUT", 0.1 if "silence" in how else 5)
    async with serving(app, config if tls else None) as server, asyncio.timeout(10):
        await end(server, tls, how)
        gone = asyncio.Event()
        protocol = (await opened.get())()
        if protocol is not None:
            weakref.finalize(protocol, gone.set)
            del protocol
            await gone.wait()


async def test_a_tls_connection_takes_little_memory(app: ASGIApp, config: WebConfig) -> None:
    async with serving(app, config) as server, contextlib.AsyncExitStack() as stack:
        own = sizes = 0
        for number in range(CONNECTIONS + 1):
            reader, writer = await stack.enter_async_context(client(server, True))
            writer.write(REQUEST)
            await reader.readuntil(b"healthy\n")
            if number == 0:  # what the first one alone brings is not part of it
                gc.collect()
                tracemalloc.start()
                own, _ = tracemalloc.get_traced_memory()
        try:
            gc.collect()
            sizes, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # Both ends are in this process.
    assert (sizes - own) / CONNECTIONS / 1024 < 2 * MOST_KIB
