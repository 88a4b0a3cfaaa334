"""The bytes of answers on their way to httpx: handed over in small parts, and bounded in pieces.

The HTTP parser turns whatever has arrived into events without a pause. 64 KiB of single bytes in
chunks, or of `100 Continue`, block the event loop for a good part of a second, and it reads on for
as long as more is sent. So what arrives in many lines is handed over in small parts, between which
other tasks run. No answer may have more than MOST_PIECES.
"""

# ruff: noqa: ASYNC109 - the timeouts are parameters of httpcore's interface

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from exporter.net.http import httpx

LINES_AT_ONCE = 64
"""Lines that are handed over before others run: each is at most one event of the parser."""

MOST_PIECES = 100_000
"""Lines and reads of one answer. JSON of the most values that are read, a line each, has fewer."""


def bound_pieces(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client itself, whose connections are bounded from now on, those of proxies included."""
    # httpx takes no network backend, and httpcore, which does, makes none of httpx's transports.
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.AsyncHTTPTransport):
            pool = transport._pool
            pool._network_backend = _Backend(pool._network_backend)
    return client


class _Backend(httpcore.AsyncNetworkBackend):
    """Another backend, whose streams are bounded."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        self._backend = backend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(
            await self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        )

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._backend.connect_unix_socket(path, timeout, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """Another stream, of which each read gives at most LINES_AT_ONCE lines."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._waiting = b""
        self._pieces = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._waiting:
            await asyncio.sleep(0)
            data = self._waiting
        else:
            data = await self._stream.read(max_bytes, timeout)
            self._pieces += 1 + data.count(b"\n")
            if self._pieces > MOST_PIECES:
                raise httpcore.RemoteProtocolError("an answer in too many pieces")
        end = _end_of_line(data, LINES_AT_ONCE)
        self._waiting = data[end:]
        return data[:end]

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._pieces = 0
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and self._waiting:
            # More than the answer was sent: the connection is of no more use.
            return True
        return self._stream.get_extra_info(info)


def _end_of_line(data: bytes, lines: int) -> int:
    """Where that many lines end; where there are fewer, the end of the data."""
    end = 0
    for _ in range(lines):
        found = data.find(b"\n", end)
        if found < 0:
            return len(data)
        end = found + 1
    return end
