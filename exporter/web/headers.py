"""Headers that are set on each answer; they take the place of the app's own."""

from collections.abc import Callable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TWO_LENGTHS = {b"content-length", b"transfer-encoding"}


class AddedHeaders:
    """ASGI middleware that sets `headers`, as they are now, on every response.

    A request that gives its length in two ways may end at another byte for a proxy in front of us.
    So its connection is closed after the answer (RFC 9112, 6.1): what follows is never read as
    another request.
    """

    def __init__(self, app: ASGIApp, headers: Callable[[], Mapping[str, str]]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        last = {name for name, _ in scope["headers"]} >= _TWO_LENGTHS

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers())
                if last:
                    headers["Connection"] = "close"
            await send(message)

        await self._app(scope, receive, send_with_headers)
