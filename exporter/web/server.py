"""The HTTP server: uvicorn, kept within the exporter's own life.

It takes sockets that are already bound, installs no signal handler, writes no access log, and
stops within a bounded time whatever its clients do. A client that sends half a request, or does
not read its answer, is cut off; one that starts a TLS handshake and falls silent waits alone.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from exporter.web.basic_auth import BasicAuth
from exporter.web.headers import AddedHeaders
from exporter.web.tls import RenewedContext
from exporter.web.webconfig import WebConfig, WebConfigError

# How long one request may take from its first byte, or from the connection, to its answer.
EXCHANGE_TIMEOUT = 15.0

# Longer than the usual scrape interval, so that Prometheus can keep its connection.
KEEP_ALIVE_TIMEOUT = 75

# Connections beyond this are answered 503; a scraper and a few people need a dozen.
CONNECTIONS = 128

# How long answers under way may take when the server stops, in seconds.
SHUTDOWN_TIMEOUT = 1


class ServerStoppedError(Exception):
    """The server ended although nobody asked it to."""


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 whose exchanges end in bounded time: uvicorn itself bounds only idle keep-alive."""

    exchange_timeout = EXCHANGE_TIMEOUT
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_exchange()

    def data_received(self, data: bytes) -> None:
        if self._deadline is None:
            self._start_exchange()
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._end_exchange()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_exchange()
        super().connection_lost(exc)

    def timeout_keep_alive_handler(self) -> None:
        # Closing waits until all is sent, which a client that does not read could put off for ever.
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _start_exchange(self) -> None:
        self._deadline = self.loop.call_later(self.exchange_timeout, self.transport.abort)

    def _end_exchange(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers, which would raise SIGTERM again after the shutdown."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def abort_connections(self) -> None:
        """Cuts off what the graceful shutdown left behind."""
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()


class Server:
    """Serves `app` on `sockets`, guarded as `webconfig` says. It serves once."""

    def __init__(
        self, app: ASGIApp, sockets: Sequence[socket.socket], webconfig: WebConfig | None = None
    ) -> None:
        self._webconfig = webconfig or WebConfig()
        self._sockets = list(sockets)
        guarded = BasicAuth(app, lambda: self._webconfig.users)
        self._app = AddedHeaders(guarded, lambda: self._webconfig.headers)

    @property
    def port(self) -> int:
        """The port of the first socket."""
        return int(self._sockets[0].getsockname()[1])

    @property
    def scheme(self) -> str:
        return "https" if self._webconfig.tls is not None else "http"

    def check(self, webconfig: WebConfig) -> None:
        """Raises WebConfigError where the server must not go over to `webconfig` while it runs.

        TLS does not change without a restart (renewed certificates in the same files need none),
        and what was protected stays so: a file that is empty for a moment must open no door.
        """
        if webconfig.tls != self._webconfig.tls:
            raise WebConfigError("tls_server_config: a change takes effect at a restart only")
        if self._webconfig.users and not webconfig.users:
            raise WebConfigError(
                "basic_auth_users: a reload does not turn authentication off; restart to do so"
            )

    def replace(self, webconfig: WebConfig) -> None:
        """Guards as `webconfig` says from the next request on. Raises what `check` raises."""
        self.check(webconfig)
        self._webconfig = webconfig

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serves while the body runs, then stops; takes at most some two seconds for that.

        A body that outlives the server is cancelled, and ServerStoppedError raised. Errors come
        out in an ExceptionGroup, as from any task group.
        """
        server = self._uvicorn()
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(self._serve(server))
            try:
                yield
            finally:
                server.should_exit = True
                # Without this the group would cancel the server before it has said goodbye.
                await asyncio.wait({serving}, timeout=SHUTDOWN_TIMEOUT + 1)
                serving.cancel()

    async def _serve(self, server: _Uvicorn) -> None:
        try:
            await server.serve(self._sockets)
        finally:
            server.abort_connections()
            for bound in self._sockets:
                bound.close()
        if not server.should_exit:
            raise ServerStoppedError("the HTTP server ended by itself")

    def _uvicorn(self) -> _Uvicorn:
        config = uvicorn.Config(
            self._app,
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_TIMEOUT,
            timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
        )
        config.load()
        if self._webconfig.tls is not None:
            config.ssl = RenewedContext(self._webconfig.tls).context
        return _Uvicorn(config)
