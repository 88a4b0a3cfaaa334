"""The front of the simulated API: keys, rate limits, headers, the request log, and the faults.

An ASGI layer round the endpoints, as the vendor's edge stands before the service. It knows no
endpoint's content. The control endpoints pass it untouched.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response

from exporter.simulator import odd, replies
from exporter.simulator.clock import micros
from exporter.simulator.service import Service

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CONTROL: Final = "/_simulator/"
_HANG_SECONDS: Final = 3600.0
_DAY: Final = 86_400_000_000
_LISTS: Final = ("/v1/sessions", "/v1/users", "/v1/courses", "/v1/usage")
_COLLECTIONS: Final = ("sessions", "users")


def path_template(path: str) -> str:
    """The path with ids blotted out, so that counts per path stay few."""
    parts = path.split("/")
    if len(parts) > 3 and parts[1] == "v1" and parts[2] in _COLLECTIONS:
        return "/".join([*parts[:3], "{id}", *(p for p in parts[4:5] if p.isalpha())])
    if parts[1] in ("health", "openapi", "swagger") or (parts[1] == "v1" and len(parts) == 3):
        return path if len(path) < 40 else "other"
    return "other"


class Edge:
    """ASGI application: the whole simulated API, with its control endpoints."""

    def __init__(self, service: Service, endpoints: App, control: App) -> None:
        """Stand before the endpoints."""
        self.service = service
        self._endpoints = endpoints
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["path"].startswith(CONTROL):
            await self._control(scope, receive, send)
            return
        await _Exchange(self.service, self._endpoints, scope, receive, send).run()


class _Exchange:
    """One request and its answer."""

    def __init__(
        self, service: Service, endpoints: App, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self.service = service
        self.endpoints = endpoints
        self.scope = scope
        self.receive = receive
        self._send = send
        self.path: str = scope["path"]
        self.template = path_template(self.path)
        self.now: datetime = service.now()
        self.headers = Headers(scope=scope)
        self.tier: str | None = None
        self.answered = False

    async def run(self) -> None:
        service, monotonic = self.service, self.service.clock.real_monotonic
        day = micros(self.now) // _DAY
        service.requests.arrived(self.template, monotonic(), day)
        try:
            await self._answer()
        finally:
            if not self.answered:
                service.requests.answered(self.template, 0)

    async def _answer(self) -> None:
        faults = self.service.faults
        suffers = faults.hits(self.path)
        if suffers and faults.down == "closed":
            return await self._drop()
        if suffers and faults.down == "503":
            return await self._reply(replies.unavailable(self.service, self.now, 503))
        if suffers:
            if self.service.chance(faults.hang):
                return await self._hang()
            if self.service.chance(faults.drop_connection):
                return await self._drop()
            if self.service.chance(faults.slow):
                await self.service.pause(faults.slow_seconds)
                self.now = self.service.now()
        refusal = self._gate() if self.path.startswith("/v1/") else None
        if refusal is None and suffers:
            refusal = self._fault()
        if refusal is not None:
            return await self._reply(refusal)
        if suffers and self.service.chance(faults.cut_body):
            return await self._cut()
        if suffers and self.service.chance(faults.odd_value):
            return await self._spoil()
        if suffers and self.service.chance(faults.trickle):
            return await self.endpoints(self.scope, self.receive, self._trickled)
        return await self.endpoints(self.scope, self.receive, self._stamped)

    def _gate(self) -> Response | None:
        """401, 429, or None and the tier is known."""
        settings = self.service.settings
        key, bucket = self._key()
        if key not in settings.keys:
            return replies.error(401, "INVALID_API_KEY", "The API key is invalid.")
        self.tier = settings.tier_name or settings.tier
        if settings.rate_limits:
            wait = self.service.limits.wait(bucket, self.service.tier.requests_per_minute)
            if wait > 0:
                return replies.too_many(self.service, self.now, wait)
        return None

    def _key(self) -> tuple[str | None, str]:
        """The key that counts, and the rate limiter's bucket. Authorization wins."""
        authorization = self.headers.get("authorization")
        if authorization is not None:
            scheme, _, key = authorization.partition(" ")
            return (key if scheme.lower() == "bearer" else None), f"key {key}"
        return self.headers.get("x-api-key"), f"shared {self.service.settings.tier}"

    def _fault(self) -> Response | None:
        """The answer that a fault gives instead of the endpoint's."""
        service, faults = self.service, self.service.faults
        if service.chance(faults.status_429):
            return replies.too_many(service, self.now, faults.retry_after_seconds)
        if service.chance(faults.status_5xx):
            status = service.random.choice(faults.status_5xx_codes)
            return replies.unavailable(service, self.now, status)
        # Of a list, 204 would say that it is empty.
        if not self.path.startswith(_LISTS) and service.chance(faults.no_content):
            return Response(status_code=204)
        if service.chance(faults.garbage):
            return replies.garbage(service.random.choice(faults.garbage_kinds))
        if service.chance(faults.oversized):
            return replies.oversized(faults.oversized_bytes)
        return None

    async def _reply(self, reply: Response) -> None:
        await reply(self.scope, self.receive, self._stamped)

    async def _stamped(self, message: Message) -> None:
        """Send, with the headers that the server sets."""
        if message["type"] == "http.response.start":
            status = message["status"]
            self.answered = True
            self.service.requests.answered(self.template, status)
            headers = MutableHeaders(raw=list(message["headers"]))
            faults = self.service.faults
            off = faults.wrong_date if faults.hits(self.path) else 0.0
            headers["date"] = replies.http_date(self.now + timedelta(seconds=off))
            at_edge = (faults.edge_429 and status == 429) or (faults.edge_5xx and status >= 500)
            if self.tier and not at_edge and not self.service.chance(faults.no_tier_header):
                headers["x-isnotai-tier"] = self.tier
            message = {**message, "headers": headers.raw}
        await self._send(message)

    async def _trickled(self, message: Message) -> None:
        """Send the body byte by byte, for as long as anybody listens."""
        body = message.get("body", b"")
        if message["type"] != "http.response.body" or self.service.stopping.is_set():
            return await self._stamped(message)
        for at in range(len(body)):
            if self.service.stopping.is_set():
                break
            await self._send({**message, "body": body[at : at + 1], "more_body": True})
            await self.service.pause(self.service.faults.trickle_seconds)
        return await self._send({**message, "body": b"", "more_body": False})

    async def _spoil(self) -> None:
        """Answer with something odd in one place."""
        status, body = 200, b""

        async def keep(message: Message) -> None:
            nonlocal status, body
            status = message.get("status", status)
            body += message.get("body", b"")

        await self.endpoints(self.scope, self.receive, keep)
        spoiled = odd.spoiled(body, self.service.random)
        await self._reply(Response(spoiled, status, media_type="application/json"))

    async def _cut(self) -> None:
        """Answer, but close the connection in the middle of the body."""

        async def half(message: Message) -> None:
            body = message.get("body", b"")
            if body:
                message = {**message, "body": body[: len(body) // 2], "more_body": True}
            await self._stamped(message)

        await self.endpoints(self.scope, self.receive, half)
        await self._drop(flush=True)

    async def _hang(self) -> None:
        """Never answer: until the client goes away or the service stops."""
        gone = asyncio.ensure_future(self._disconnected())
        stopped = asyncio.ensure_future(self.service.stopping.wait())
        try:
            await asyncio.wait(
                {gone, stopped}, timeout=_HANG_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            gone.cancel()
            stopped.cancel()
        await self._drop()

    async def _disconnected(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def _drop(self, flush: bool = False) -> None:
        """Close the connection; after what was sent, if `flush`."""
        client = self.scope.get("client")
        transports = self.service.transports
        if transports is None:  # not on a socket of ours
            raise ConnectionAbortedError("the simulated server closed the connection")
        transport = transports.get(tuple(client) if client else None)
        if transport is None:
            return  # the client was faster
        if flush:
            transport.close()
        else:
            transport.abort()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._disconnected(), 5.0)
