"""A server on loopback that answers each request with raw bytes, also with bad ones."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.ports import free_port

TIME_OUT = 10.0

Talk = Callable[["Connection"], Awaitable[None]]


def reply(
    body: bytes = b'{"data": {}}', *, status: str = "200 OK", headers: str = "", length: int = -1
) -> bytes:
    """An answer; `length`: what Content-Length claims, where not the truth."""
    size = len(body) if length < 0 else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{headers}\r\n".encode() + body


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self, within: float = TIME_OUT) -> bool:
        """Whether the client hangs up in that many seconds."""
        try:
            async with asyncio.timeout(within):
                return await self.reader.read(1) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    def reset(self) -> None:
        """Break off without a goodbye."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclass
class TinyServer:
    """requests: the head of each that came. url: without a path."""

    talk: Talk
    requests: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head.decode())
                await self.talk(Connection(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


def answering(*answers: bytes) -> Talk:
    """Gives the answers in turn, the last for ever."""
    left = list(answers)

    async def talk(connection: Connection) -> None:
        await connection.send(left.pop(0) if len(left) > 1 else left[0])

    return talk


@asynccontextmanager
async def tiny_server(talk: Talk) -> AsyncIterator[TinyServer]:
    server = TinyServer(talk)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await server.serve(reader, writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=TIME_OUT)
        await listening.wait_closed()


def closed_port() -> int:
    """A port on which nobody listens."""
    return free_port()
