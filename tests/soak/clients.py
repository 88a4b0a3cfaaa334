"""Hostile clients of one exporter: each kind in a task of its own, until it is cancelled.

They come from an address of their own (127.0.0.2), as a hostile neighbour does. What they are told
does not matter here; only what others notice of them does.
"""

import asyncio
import base64
import contextlib
import random
import socket
import ssl
from collections import Counter, deque
from collections.abc import Awaitable, Callable

SOURCE = "127.0.0.2"
PAUSE_SECONDS = 0.05
IDLE = 150
"""Idle connections that are held at once: more than the exporter has room for."""
HALF_OPEN = 40
ACCEPTS = (
    "text/plain;n*;n*0",
    "text/plain;version*0*=utf-8'';version*",
    "application/openmetrics-text;q=٠".encode().decode("latin-1"),
    "a" * 60_000,
    ";;;,,,===",
    '"' * 500,
)
SMUGGLED = (
    b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n"
)

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def pause(seconds: float = PAUSE_SECONDS) -> None:
    """Let others go on for a while."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


class HostileClients:
    """All kinds at once. attacks: how many of each there were."""

    def __init__(self, port: int, seed: int) -> None:
        self.attacks: Counter[str] = Counter()
        self._port = port
        self._chance = random.Random(seed)  # noqa: S311 - reproducible
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE
        self._held: deque[Peer] = deque()
        self._half_opened: deque[socket.socket] = deque()

    async def attack(self) -> None:
        """Every kind, again and again, until cancelled."""
        kinds = (
            self._idle,
            self._half_open,
            self._slow,
            self._wrong_password,
            self._odd_accept,
            self._smuggle,
            self._garbage,
            self._unread,
        )
        try:
            async with asyncio.TaskGroup() as group:
                for kind in kinds:
                    group.create_task(self._repeat(kind))
        finally:
            for _, writer in self._held:
                writer.transport.abort()
            for half in self._half_opened:
                half.close()

    async def _repeat(self, kind: Callable[[], Awaitable[None]]) -> None:
        while True:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(20):
                    await kind()
            self.attacks[kind.__name__.strip("_")] += 1
            await pause()

    async def _connect(self) -> Peer:
        return await asyncio.open_connection(
            "127.0.0.1",
            self._port,
            local_addr=(SOURCE, 0),
            ssl=self._tls,
            limit=1 << 16,
        )

    async def _ask(self, request: bytes) -> None:
        """Send, and read whatever comes until the exporter closes."""
        reader, writer = await self._connect()
        try:
            writer.write(request)
            while await reader.read(65536):
                pass
        finally:
            writer.transport.abort()

    def _hold(self, peer: Peer) -> None:
        self._held.append(peer)
        while len(self._held) > IDLE:
            self._held.popleft()[1].transport.abort()

    async def _idle(self) -> None:
        peer = await self._connect()
        self._hold(peer)
        peer[1].write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        await peer[0].read(1)

    async def _half_open(self) -> None:
        loop, half = asyncio.get_running_loop(), socket.socket()
        self._half_opened.append(half)
        half.setblocking(False)
        half.bind((SOURCE, 0))
        await loop.sock_connect(half, ("127.0.0.1", self._port))
        await loop.sock_sendall(half, b"\x16\x03\x01\x02\x00\x01"[: self._chance.randint(0, 6)])
        while len(self._half_opened) > HALF_OPEN:
            self._half_opened.popleft().close()

    async def _slow(self) -> None:
        _, writer = await self._connect()
        try:
            for byte in b"GET /metrics HTTP/1.1\r\nX: yyyyyyyyyy":
                writer.write(bytes([byte]))
                await writer.drain()
                await pause()
        finally:
            writer.transport.abort()

    async def _wrong_password(self) -> None:
        user = self._chance.choice(["prometheus", "nobody"])
        password = f"{user}:{self._chance.random()}".encode()
        await self._ask(
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic "
            + base64.b64encode(password)
            + b"\r\n\r\n"
        )

    async def _odd_accept(self) -> None:
        accept = self._chance.choice(ACCEPTS).encode("latin-1")
        await self._ask(
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: "
            + accept
            + b"\r\nAuthorization: Basic cHJvbWV0aGV1czpyaWdodA==\r\n\r\n"
        )

    async def _smuggle(self) -> None:
        await self._ask(SMUGGLED)

    async def _garbage(self) -> None:
        await self._ask(self._chance.randbytes(200) + b"\r\n\r\n")

    async def _unread(self) -> None:
        """Ask for much, many times, and read nothing."""
        peer = await self._connect()
        self._hold(peer)
        peer[1].write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
