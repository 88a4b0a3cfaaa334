"""The HTTP server: uvicorn, kept within the exporter's own life.

It takes sockets that are already bound, installs no signal handler, writes no access log, and
stops within a bounded time whatever its clients do. A client that sends half a request, or does
not read its answer, is cut off; one that starts a TLS handshake and falls silent waits alone.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from exporter.web.basic_auth import BasicAuth
from exporter.web.connections import BoundedProtocol, Listener, most_connections
from exporter.web.headers import AddedHeaders
from exporter.web.target import AnyTarget
from exporter.web.tls import RenewedContext, TLSFileError
from exporter.web.webconfig import WebConfig, WebConfigError

# Longer than the usual scrape interval, so that Prometheus can keep its connection.
KEEP_ALIVE_TIMEOUT = 75

# More at once are never open, and fewer where descriptors are few; a scraper and a few people need
# a dozen.
CONNECTIONS = 128

# How long answers under way may take when the server stops, in seconds.
SHUTDOWN_TIMEOUT = 1


class ServerStoppedError(Exception):
    """The server ended although nobody asked it to."""


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers, which would raise SIGTERM again after the shutdown."""

    on_shutdown: Callable[[], None]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.on_shutdown()
        await super().shutdown(sockets)

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
        self._app = AnyTarget(AddedHeaders(guarded, lambda: self._webconfig.headers))

    @property
    def port(self) -> int:
        """The port of the first socket."""
        return int(self._sockets[0].getsockname()[1])

    @property
    def scheme(self) -> str:
        return "https" if self._webconfig.tls is not None else "http"

    def check(self, webconfig: WebConfig) -> None:
        """Raises WebConfigError if the running server must not change to `webconfig`.

        TLS does not change without a restart; renewed certificates in the same files need none.
        What was protected stays so, even if the file is empty for a moment.
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
        out in an ExceptionGroup, as from any task group. Raises WebConfigError where certificate
        files cannot be used any more.
        """
        server, tls = self._uvicorn(), self._webconfig.tls
        try:
            context = RenewedContext(tls) if tls is not None else None
        except TLSFileError as error:
            raise WebConfigError(f"tls_server_config: {error}") from None
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(self._serve(server, context))
            try:
                yield
            finally:
                server.should_exit = True
                # Without this the group would cancel the server before it has said goodbye.
                await asyncio.wait({serving}, timeout=SHUTDOWN_TIMEOUT + 1)
                serving.cancel()

    async def _serve(self, server: _Uvicorn, tls: RenewedContext | None) -> None:
        def protocol() -> BoundedProtocol:
            return BoundedProtocol(server.config, server.server_state, {})

        listener = Listener(self._sockets, protocol, tls, most_connections(CONNECTIONS))
        server.on_shutdown = listener.stop
        try:
            async with asyncio.TaskGroup() as group:
                listener.start(group)
                try:
                    # Without sockets: it serves the connections that the listener accepts.
                    await server.serve([])
                finally:
                    listener.stop()
        finally:
            server.abort_connections()
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
            # Its warnings tell of odd requests only, and anybody could fill the log with them.
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_TIMEOUT,
            timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
        )
        config.load()
        return _Uvicorn(config)
