"""The client: one request to the Not AI API, with its budget, key, retries, bounds and counting.

Knows HTTP and nothing of what the answers mean. It never follows a redirect, never reads more than
the bound of a body, and never lets a key, a URL or a body into an error's text.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exporter.api import body as bodies
from exporter.api.answer import Answer
from exporter.api.budget import Budget
from exporter.api.deadlines import Deadlines
from exporter.api.errors import (
    KeyRefusedError,
    RequestTimeoutError,
    StatusError,
    ThrottledError,
    UnreachableError,
    UnreadableBodyError,
)
from exporter.api.key import KeyGate
from exporter.api.pauses import KEY, KEYLESS
from exporter.api.retry import RetryPolicy, retry_after
from exporter.api.serverclock import ServerClock
from exporter.clock import Clock
from exporter.metrics.telemetry import Telemetry
from exporter.net.failures import Peer, describe, timed_out
from exporter.net.http import httpx
from exporter.net.peer_client import PeerClient

REQUEST_SECONDS = 30.0
"""The bound on one whole request, however slowly its bytes come."""

ERROR_BODY_SECONDS = 5.0
"""The bound on reading the body of an error, of which only a code is of use."""

_TIER = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: httpx.Headers
    body: bytes
    server_time: int | None


class Client:
    """The API as one key sees it.

    http: made by `http_client`, or one with another transport.
    auth_header: `authorization` (Bearer) or `x-api-key`.
    keyless: the resources that are asked for without the key.
    bounds: what the answers of a resource are bounded by; those of others as pages of a list.
    """

    def __init__(
        self,
        http: PeerClient,
        *,
        gate: KeyGate,
        budget: Budget,
        server_clock: ServerClock,
        retry: RetryPolicy,
        clock: Clock,
        telemetry: Telemetry,
        deadlines: Deadlines,
        auth_header: str = "authorization",
        keyless: frozenset[str] = frozenset({"health"}),
        bounds: Mapping[str, bodies.Bounds] = MappingProxyType({}),
    ) -> None:
        http.hold()
        self._http = http
        self._replaced: list[PeerClient] = []
        self._keyless = keyless
        self._bounds = bounds
        self._retry = retry
        self._clock = clock
        self._telemetry = telemetry
        self.gate = gate
        self.budget = budget
        self.server_clock = server_clock
        self.deadlines = deadlines
        self.auth_header = auth_header

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, resource: str
    ) -> Answer:
        """The decoded answer of `GET path`, after as many tries as the policy grants.

        Raises StatusError, RequestTimeoutError, UnreachableError, UnreadableBodyError,
        KeyMissingError, KeyRefusedError or ThrottledError.
        """
        retry = 0
        while True:
            try:
                return await self._try(path, params or {}, resource)
            except (
                StatusError,
                RequestTimeoutError,
                UnreachableError,
                UnreadableBodyError,
            ) as error:
                if isinstance(error, StatusError) and not self._retry.retryable(error.status):
                    raise
                if retry + 1 >= self._retry.attempts:
                    raise
                pause = self.budget.pauses.left((resource, self._shared(resource)))
                if pause > self._retry.patience:
                    raise ThrottledError(_held(pause)) from error
                await self._clock.sleep(self._retry.backoff(retry))
                retry += 1

    def reconnect(self, http: PeerClient) -> None:
        """Send through another HTTP client from now on; requests under way end on the old one."""
        if http is self._http:
            return
        http.hold()
        self._http.let_go()
        self._replaced = [old for old in (*self._replaced, self._http) if not old.is_closed]
        self._http = http

    async def close(self) -> None:
        """Let go of the connections, and wait until those that nobody else holds are closed."""
        self._http.let_go()
        await asyncio.gather(*(http.closed() for http in (*self._replaced, self._http)))

    async def _try(self, path: str, params: Mapping[str, str], resource: str) -> Answer:
        scopes = (resource, self._shared(resource))
        pause = self.budget.pauses.left(scopes)
        if pause > self._retry.patience:
            raise ThrottledError(_held(pause))
        authenticated = resource not in self._keyless
        if authenticated:
            self.gate.check()
        now = self._clock.monotonic()
        self.deadlines.expect(resource, now + self.budget.longest_wait(resource) + REQUEST_SECONDS)
        async with self.budget.request(*scopes):
            sent = self._clock.monotonic()
            # Read after the wait, in which it may have been replaced or refused.
            key = self.gate.key() if authenticated else None
            reply = await self._send(path, params, resource, key)
        self._learn(reply, key, scopes, sent)
        if reply.status == 401 and key is not None:
            if self.gate.refused(key):
                return await self._try(path, params, resource)
            raise KeyRefusedError("the API refused the key")
        if key is not None and (200 <= reply.status <= 299 or _tier(reply.headers)):
            self.gate.accepted()
        if not 200 <= reply.status <= 299:
            raise StatusError(reply.status, _error_code(reply.body))
        if reply.status == 204:
            return Answer(None, reply.server_time)
        try:
            body = bodies.decode(reply.body, self._most(resource))
        except UnreadableBodyError:
            self._telemetry.invalid_responses.inc(resource)
            raise
        return Answer(body, reply.server_time)

    def _shared(self, resource: str) -> str:
        """The scope of pauses that the resource shares with others."""
        return KEYLESS if resource in self._keyless else KEY

    def _most(self, resource: str) -> bodies.Bounds:
        """What of an answer of the resource is read."""
        return self._bounds.get(resource, bodies.LIST)

    def _learn(self, reply: _Reply, key: str | None, scopes: tuple[str, str], sent: float) -> None:
        tier = _tier(reply.headers)
        if tier and key is not None and reply.status != 401:
            self.budget.tier = tier
        resource, shared = scopes
        if reply.status != 429 and reply.status < 500:
            self.budget.pauses.end(scopes, sent)
        elif (pause := retry_after(reply.headers)) is not None:
            self.budget.pauses.hold(shared if reply.status == 429 else resource, pause)

    async def _send(
        self, path: str, params: Mapping[str, str], resource: str, key: str | None
    ) -> _Reply:
        headers = {}
        if key is not None:
            bearer = self.auth_header == "authorization"
            headers[self.auth_header] = f"Bearer {key}" if bearer else key
        sent = self._clock.monotonic()
        code, during = "connection", "waiting"
        http = self._http
        try:
            with http.held():
                request = http.get_stream(path, params, headers)
                async with asyncio.timeout(REQUEST_SECONDS), request as response:
                    code, during = str(response.status_code), "reading"
                    received = self._clock.monotonic()
                    date = response.headers.get("date")
                    # Now, since other answers may set the clock while the body is read.
                    server_time = self.server_clock.observe(date, sent, received)
                    if 200 <= response.status_code <= 299:
                        body = await _read(response, self._most(resource))
                    else:
                        body = await _read_error(response)
            return _Reply(response.status_code, response.headers, body, server_time)
        except (httpx.TimeoutException, TimeoutError) as error:
            code = "timeout"
            raise RequestTimeoutError(_timed_out(error, http.timeout, during)) from None
        except (httpx.TransportError, httpx.InvalidURL) as error:
            code = "connection"
            raise UnreachableError(describe(error, _peer(http))) from None
        except UnreadableBodyError:
            self._telemetry.invalid_responses.inc(resource)
            raise
        finally:
            self._telemetry.requests.inc(resource, code)
            self._telemetry.request_duration.observe(self._clock.monotonic() - sent, resource)


def _peer(http: PeerClient) -> Peer:
    return http.peer or Peer.of(str(http.base_url))


def _held(seconds: float) -> str:
    return f"the API asked for a pause: it is asked again in {seconds:.0f} s"


def _timed_out(error: Exception, phases: httpx.Timeout, during: str) -> str:
    """Which bound was overrun, and while doing what."""
    match error:
        case httpx.ConnectTimeout():
            return timed_out(phases.connect or 0.0, "connecting")
        case httpx.WriteTimeout():
            return timed_out(phases.write or 0.0, "sending")
        case httpx.PoolTimeout():
            return timed_out(phases.pool or 0.0, "waiting for a free connection")
        case httpx.ReadTimeout():
            return timed_out(phases.read or 0.0, during)
    return timed_out(REQUEST_SECONDS, during)


async def _read(response: httpx.Response, most: bodies.Bounds) -> bytes:
    """The body, as much of it as the bounds grant. Raises UnreadableBodyError past that."""
    if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise UnreadableBodyError("the body is compressed though that was not asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > most.size:
            raise UnreadableBodyError(f"the body is larger than {most.size} bytes")
    return bytes(body)


async def _read_error(response: httpx.Response) -> bytes:
    """The body of an answer whose status says enough: nothing where it cannot be read in time."""
    try:
        async with asyncio.timeout(ERROR_BODY_SECONDS):
            return await _read(response, bodies.ERROR)
    except (httpx.TransportError, TimeoutError, UnreadableBodyError):
        return b""


def _tier(headers: httpx.Headers) -> str | None:
    """The tier that an answer names, or None where there is none that could be a label value."""
    tier = headers.get("x-isnotai-tier", "").strip().lower()
    return tier if _TIER.fullmatch(tier) else None


def _error_code(body: bytes) -> str | None:
    """The code of a documented error envelope, if it is one and harmless to show."""
    try:
        envelope = bodies.decode(body, bodies.ERROR)
    except UnreadableBodyError:
        return None
    error = envelope.get("error") if isinstance(envelope, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    plain = isinstance(code, str) and code.isascii() and code.replace("_", "").isalpha()
    return code if plain and isinstance(code, str) and len(code) <= 40 else None
