"""Connections: accepted here, bounded in number and in time, whatever their clients do.

uvicorn speaks HTTP on them. Its own way of accepting would count idle connections against
everybody, wait a minute for each TLS handshake, and log a traceback whenever descriptors run out.
"""

import asyncio
import errno
import resource
import select
import socket
import ssl
import sys
from asyncio import sslproto
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from uvicorn.protocols.http.h11_impl import H11Protocol

from exporter.log import get_logger
from exporter.web.peers import peer_of
from exporter.web.tls import RenewedContext

# How long one request may take from its first byte, or from the connection, to its answer.
EXCHANGE_TIMEOUT = 15.0

# How long a TLS handshake, and the goodbye of TLS, may take.
HANDSHAKE_TIMEOUT = 5.0

# How long to wait, in seconds, after a connection could not be accepted, where none can make room.
ACCEPT_PAUSE = 0.1

# Between two log lines that connections cannot be accepted, in seconds.
LOG_PAUSE = 60.0

# What is read at once of a TLS connection: a whole record, of which asyncio would keep 16 at hand.
TLS_READ_BYTES = 16 * 1024

_SILENT, _IDLE, _RECEIVING, _ANSWERING = range(4)

_log = get_logger(__name__)


def most_connections(most: int) -> int:
    """How many connections may be open at once: `most`, or half of the process's descriptors.

    The other half is for the API, the state, OTLP and the process itself.
    """
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if descriptors == resource.RLIM_INFINITY else max(1, min(most, descriptors // 2))


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 whose exchanges end in bounded time: uvicorn itself bounds only idle keep-alive.

    peer: whose connection it is. since: when it last began or ended an exchange, in loop time.
    is_current: whether who was let in at the handshake would still be let in.
    on_lost: told when the connection has ended.
    """

    exchange_timeout = EXCHANGE_TIMEOUT
    peer = ""
    since = 0.0
    is_current: Callable[[], bool] = staticmethod(lambda: True)
    on_lost: Callable[["BoundedProtocol"], object] = staticmethod(lambda protocol: None)
    opening: asyncio.Task[None] | None = None
    _heard = False
    _deadline: asyncio.TimerHandle | None = None

    @property
    def stage(self) -> int:
        """How much would be lost with the connection: the higher, the more."""
        if not self._heard:
            # It has sent nothing yet, or is still shaking hands.
            return _SILENT
        if self._deadline is None:
            return _IDLE
        if self.cycle is None or self.cycle.response_complete:
            return _RECEIVING
        return _ANSWERING

    def abort(self) -> None:
        """End it now, also in mid-handshake."""
        if self.transport is not None:
            self.transport.abort()
        elif self.opening is not None:
            self.opening.cancel()

    # As uvicorn has it, narrower than asyncio's protocol.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_exchange()

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if self._deadline is None:
            if not self.is_current():
                self.transport.close()
                return
            self._start_exchange()
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._end_exchange()
        super().on_response_complete()
        # Of requests sent without waiting for the answer, the next one has begun by now.
        if not (self.cycle.response_complete or self.transport.is_closing() or self._deadline):
            self._start_exchange()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_exchange()
        super().connection_lost(exc)
        # uvicorn lets it run after a reset, and all of the connection would live on with it.
        self._unset_keepalive_if_required()
        self.on_lost(self)

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        _forget_traceback(sys.exception())

    def timeout_keep_alive_handler(self) -> None:
        # Closing waits until all is sent, which a client that does not read could put off for ever.
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _start_exchange(self) -> None:
        self.since = self.loop.time()
        self._deadline = self.loop.call_later(self.exchange_timeout, self.transport.abort)

    def _end_exchange(self) -> None:
        self.since = self.loop.time()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Listener:
    """Accepts connections on `sockets`, at most `limit` at once.

    A new connection is never refused. At the limit, or where the system has no descriptor left,
    it replaces one of the client that holds the most: one that has sent nothing before an idle one,
    an idle one before one in use, the oldest first. So a client with many connections takes them
    from itself, and a health check is always answered.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        protocol: Callable[[], BoundedProtocol],
        tls: RenewedContext | None,
        limit: int,
    ) -> None:
        self._sockets = sockets
        self._protocol = protocol
        self._tls = tls
        self._limit = limit
        self._connections: set[BoundedProtocol] = set()
        self._accepting: list[asyncio.Task[None]] = []
        self._logged_at = float("-inf")
        sslproto.SSLProtocol.max_size = TLS_READ_BYTES

    def start(self, group: asyncio.TaskGroup) -> None:
        """Accept from now on, in tasks of this group."""
        self._accepting = [group.create_task(self._accept(one)) for one in self._sockets]

    def stop(self) -> None:
        """Accept no more, and drop whoever is still shaking hands."""
        for task in self._accepting:
            task.cancel()
        for bound in self._sockets:
            bound.close()
        for protocol in list(self._connections):
            if protocol.transport is None:
                protocol.abort()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listening)
            except OSError as error:
                if error.errno != errno.ECONNABORTED:
                    made_room = self._on_refused(error, listening, loop.time())
                    await asyncio.sleep(0 if made_room else ACCEPT_PAUSE)
                continue
            self._begin(accepted, address)
            # Where many wait, accepting does not: others run now, and what made room ends.
            await asyncio.sleep(0)

    def _begin(self, accepted: socket.socket, address: tuple[str, int]) -> None:
        """One more connection, in the place of another where there is no more room."""
        loop = asyncio.get_running_loop()
        if len(self._connections) >= self._limit:
            self._drop_one()
        protocol = self._protocol()
        protocol.peer, protocol.since = peer_of(address[0]), loop.time()
        protocol.on_lost = self._connections.discard
        self._connections.add(protocol)
        protocol.opening = loop.create_task(self._open(accepted, protocol))
        protocol.opening.add_done_callback(partial(self._on_opened, accepted, protocol))

    async def _open(self, accepted: socket.socket, protocol: BoundedProtocol) -> None:
        """Hand the connection over, after the handshake of TLS where there is one."""
        loop, tls = asyncio.get_running_loop(), self._tls
        try:
            if tls is None:
                await loop.connect_accepted_socket(lambda: protocol, accepted)
                return
            context = tls.current()
            if context.verify_mode != ssl.CERT_NONE:
                protocol.is_current = lambda: tls.current() is context
            await loop.connect_accepted_socket(
                lambda: protocol,
                accepted,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT,
                ssl_shutdown_timeout=HANDSHAKE_TIMEOUT,
            )
        except OSError as error:  # as are a handshake that fails, or comes to no end
            _forget_traceback(error)

    def _on_opened(
        self, accepted: socket.socket, protocol: BoundedProtocol, opening: asyncio.Task[None]
    ) -> None:
        if protocol.transport is None:
            # Not even begun, where it was dropped at once.
            self._connections.discard(protocol)
            accepted.close()

    def _drop_one(self) -> bool:
        """End the connection that is missed the least; whether there was one."""
        held = Counter(protocol.peer for protocol in self._connections)
        least = min(
            self._connections,
            key=lambda one: (-held[one.peer], one.stage, one.since),
            default=None,
        )
        if least is None:
            return False
        self._connections.discard(least)
        least.abort()
        return True

    def _on_refused(self, error: OSError, listening: socket.socket, now: float) -> bool:
        """The system gives no more connections: say so, and make room; whether that was done."""
        if now - self._logged_at >= LOG_PAUSE:
            self._logged_at = now
            _log.warning("connection_not_accepted", reason=error.strerror)
        # Linux says so also when nobody waits to be accepted: what is open stays then.
        return _is_waited_at(listening) and self._drop_one()


def _forget_traceback(error: BaseException | None) -> None:
    """Let go of the frames that an error came through.

    They refer to the error in turn, and to the connection, which would then stay until Python looks
    for such circles: late enough for hundreds of megabytes.
    """
    if error is not None:
        error.__traceback__ = None


def _is_waited_at(listening: socket.socket) -> bool:
    """Whether a client waits to be accepted."""
    poll = select.poll()
    poll.register(listening, select.POLLIN)
    return bool(poll.poll(0))
