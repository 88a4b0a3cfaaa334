"""The simulated API on a real socket: inside a test's event loop, or as a process of its own.

It binds to loopback unless told otherwise, installs no signal handler in somebody else's loop, and
stops with its block, its duration or (if asked) its parent.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from exporter import longlived
from exporter.simulator.app import create_app
from exporter.simulator.clock import SimClock, micros
from exporter.simulator.edge import Edge
from exporter.simulator.options import Options, read_options
from exporter.simulator.service import Service
from exporter.simulator.world import World
from exporter.terminal import note, say

_START_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 10.0
_GRACE_SECONDS: Final = 1.0
_TICK_SECONDS: Final = 0.25


def _tracked(transports: dict[Any, asyncio.Transport]) -> type[asyncio.Protocol]:
    """uvicorn's protocol, which also notes each connection, so that a fault can close it."""

    class TrackedProtocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
            super().connection_made(transport)
            # asyncio does this only for sockets that were made with proto=IPPROTO_TCP; without it,
            # a body that follows its headers waits 40 ms for the client's delayed ACK.
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transports[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            transports.pop(self.client, None)
            super().connection_lost(exc)

    return TrackedProtocol


class _Server(uvicorn.Server):
    """uvicorn without signal handlers, started and stopped by events rather than by polling."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.stop = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self.stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is under way for a second at most, then close; uvicorn's polls for it."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            _, late = await asyncio.wait(set(self.server_state.tasks), timeout=_GRACE_SECONDS)
            for task in late:
                task.cancel()
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)  # the loop then tells each connection that it is lost


@contextlib.asynccontextmanager
async def serve(app: Edge, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve the application within the block; gives the base URL. OSError: the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=256)
    if app.service.transports is None:
        app.service.transports = {}
    transports = app.service.transports
    config = uvicorn.Config(
        app,
        http=_tracked(transports),
        proxy_headers=False,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
    )
    server = _Server(config)
    app.service.stopping.clear()
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        ready = asyncio.create_task(server.ready.wait())
        await asyncio.wait(
            {task, ready}, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        ready.cancel()
        if not server.ready.is_set():
            task.cancel()
            raise TimeoutError(f"the simulator did not start within {_START_SECONDS:g} s")
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{listener.getsockname()[1]}"
    finally:
        app.service.stopping.set()
        server.stop.set()
        await asyncio.wait({task}, timeout=_STOP_SECONDS)
        listener.close()
    if task.done() and not task.cancelled() and task.exception():
        await task


def run(chosen: Mapping[str, Any]) -> int:
    """The command `simulate`: print one line of JSON (url, key), serve until a signal; exit code.

    2: an option is bad; 1: the port is taken.
    """
    try:
        options = read_options(chosen)
    except ValueError as error:
        note(f"simulate: {error}")
        return 2
    try:
        asyncio.run(_run(options, time.monotonic))
    except OSError as error:
        where = f"{options.host}:{options.port}"
        note(f"simulate: cannot listen on {where}: {error.strerror}")
        return 1
    return 0


async def _run(options: Options, monotonic: Callable[[], float]) -> None:
    start = options.start or datetime.now(UTC)
    skewed = start + timedelta(seconds=options.faults.clock_skew)
    world = World(options.seed, options.world, skewed)
    longlived.set_apart()
    clock = SimClock(monotonic, start, options.speed)
    app = create_app(world, clock, options.api, options.faults)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    parent = os.getppid() if options.exit_with_parent else None
    until = None if options.duration is None else monotonic() + options.duration.total_seconds()
    async with serve(app, options.host, options.port) as url:
        # What the caller waits for.
        say(json.dumps({"url": url, "key": options.api.keys[0]}), at_once=True)
        while not stop.is_set():
            if until is not None and monotonic() >= until:
                break
            if parent is not None and os.getppid() != parent:
                break
            _keep_up(app.service, options.remember)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _TICK_SECONDS)


def _keep_up(service: Service, remember: timedelta) -> None:
    """Let the world follow the clock, also while nobody asks, and drop what is too old."""
    now = service.now()
    horizon = now - remember
    oldest = service.world.index("oldest").rows[:1]
    if oldest and oldest[0].created < micros(horizon - remember / 10):
        service.world.forget_before(horizon)
