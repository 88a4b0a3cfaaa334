"""What an API that means harm costs the daemon: how long /-/healthy waits, and memory at its peak.

Each attack has a daemon of its own, which polls every second, and ends after some seconds; the API
and what asks for /-/healthy run in this process. Give other checkouts to compare with.

    python benchmarks/hostile.py [--seconds 15] [--attack NAME ...] [checkout ...]
"""

import argparse
import asyncio
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from itertools import count, repeat
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[1]
MIB = 1024 * 1024
RESOURCES = ("SESSIONS", "STATS", "ANALYTICS", "USAGE", "INTEGRATION", "HEALTH")
_number = count()


def good(path: str) -> Any:
    now = datetime.now(UTC).isoformat()
    match path:
        case "/health":
            return {"status": "healthy", "version": "1.0.17.0"}
        case "/v1/usage":
            return {"data": [{"period": now[:10], "metricType": "Events", "value": 5}]}
        case "/v1/sessions":
            item = {"id": f"s{next(_number)}", "createdAt": now, "updatedAt": now}
            pagination = {"hasMore": False, "limit": 100}
            return {"data": [item], "pagination": pagination}
    return {"data": {"totalSessions": 1, "topOrigins": []}}


def whole(body: bytes, status: str = "200 OK") -> Iterator[bytes]:
    yield f"HTTP/1.1 {status}\r\nDate: {formatdate(usegmt=True)}\r\n".encode()
    yield f"x-isnotai-tier: enterprise\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    yield body


def written(value: Any) -> Iterator[bytes]:
    return whole(json.dumps(value).encode())


def origin(path: str, number: int) -> Iterator[bytes]:
    """One origin of 80 kB that IDNA normalises for seconds."""
    if path != "/v1/analytics":
        return written(good(path))
    text = "https://a" + "\u0315" * 20_000 + "\u0300" * 20_000
    return written({"data": {"topOrigins": [{"origin": text, "sessionCount": 1}]}})


def limit(path: str, number: int) -> Iterator[bytes]:
    """One page whose limit no float holds, and good ones after it."""
    body = good(path)
    if path == "/v1/sessions" and number < 4:
        body["pagination"]["limit"] = 10**305
    return written(body)


_LISTS = b"[" + b",".join(repeat(b"[]", 8 * MIB // 3 - 100)) + b"]"
_OBJECTS = b"[" + b",".join(repeat(b'{"":0}', 8 * MIB // 7 - 100)) + b"]"


def bodies(path: str, number: int) -> Iterator[bytes]:
    """8 MiB of lists and of objects, where items belong, unread, and in errors."""
    unit = (_LISTS, _OBJECTS)[number % 2]
    pagination = b',"pagination":{"hasMore":false}}'
    if number % 3 == 0:
        return whole(b'{"data":' + unit + pagination)
    if number % 3 == 1:
        return whole(b'{"unread":' + unit + b',"data":[]' + pagination)
    return whole(b'{"error":' + unit + b"}", "500 Error")


def flags(path: str, number: int) -> Iterator[bytes]:
    """One session that has 100,000 new flags at each reading."""
    body = good(path)
    if path == "/v1/sessions":
        new = [f"flag {next(_number)}" for _ in range(100_000)]
        body["data"][0] |= {"id": "one", "status": "active", "detectionFlags": new}
    return written(body)


def chunks(path: str, number: int) -> Iterator[bytes]:
    """A body without end in chunks of one byte."""
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield from repeat(b"1\r\n[\r\n" * 10_000)


def informational(path: str, number: int) -> Iterator[bytes]:
    """Answers without end that there will be an answer."""
    yield from repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 2_500)


ATTACKS: dict[str, Callable[[str, int], Iterator[bytes]]] = {
    "good": lambda path, number: written(good(path)),
    "origin": origin,
    "limit": limit,
    "bodies": bodies,
    "flags": flags,
    "chunks": chunks,
    "1xx": informational,
}


class Api(threading.Thread):
    """The API: an attack on loopback, on a thread of its own."""

    def __init__(self, attack: Callable[[str, int], Iterator[bytes]]) -> None:
        super().__init__(daemon=True)
        self._attack = attack
        self._asked: dict[str, int] = {}
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.port = 0
        self.ready = threading.Event()

    def run(self) -> None:
        asyncio.run(self._listen())

    def stop(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self.join(10)

    async def _listen(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await self._stopping.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split()[1].decode().partition("?")[0]
                number = self._asked[path] = self._asked.get(path, -1) + 1
                for part in self._attack(path, number):
                    writer.write(part)
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # Cancelled only when all is over; asyncio's streams would print that.
            return
        finally:
            writer.close()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def ask(port: int, path: str) -> bytes | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    except OSError:
        return None
    finally:
        connection.close()


def measure(name: str, checkout: Path, seconds: float) -> str:
    api = Api(ATTACKS[name])
    api.start()
    api.ready.wait(10)
    port = free_port()
    variables = {
        **os.environ,
        "ISNOTAI_API_KEY": "aik_v1_" + "x" * 40,
        "ISNOTAI_BASE_URL": f"http://127.0.0.1:{api.port}",
        "ISNOTAI_WEB_LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "ISNOTAI_BUDGET_SHARE": "1",
        **{f"ISNOTAI_POLL_{resource}_INTERVAL": "1s" for resource in RESOURCES},
    }
    command = [sys.executable, "-m", "exporter"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=checkout, env=variables, stdout=quiet, stderr=quiet) as it:
        try:
            while ask(port, "/-/healthy") is None:
                time.sleep(0.05)
            longest, until = 0.0, time.monotonic() + seconds
            while time.monotonic() < until:
                began = time.monotonic()
                ask(port, "/-/healthy")
                longest = max(longest, time.monotonic() - began)
                time.sleep(0.01)
            status = Path(f"/proc/{it.pid}/status").read_text("ascii")
            metrics = (ask(port, "/metrics") or b"").decode()
        finally:
            it.kill()
            api.stop()
    peak = int(re.findall(r"VmHWM:\s+([0-9]+)", status)[0]) / 1024
    up = re.findall(r'resource_up\{.*resource="sessions".*\} ([0-9.]+)', metrics)
    return f"{name:8} {longest:8.2f} s {peak:8.1f} MiB   sessions up: {', '.join(up) or '-'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="for each attack")
    parser.add_argument("--attack", action="append", choices=tuple(ATTACKS), help="only these")
    parser.add_argument("checkouts", nargs="*", type=Path)
    options = parser.parse_args()
    print("attack   /-/healthy waited at most, memory at the peak")
    for name in options.attack or ATTACKS:
        for checkout in (HERE, *options.checkouts):
            print(f"{checkout.name:12}", measure(name, checkout, options.seconds), flush=True)


if __name__ == "__main__":
    main()
