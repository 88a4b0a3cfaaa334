"""Request targets in absolute form, `GET http://host/metrics`, which every server must accept.

Source: RFC 9112, 3.2.2. Whatever host it names, the path is what counts, as with the Host header.
"""

from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send


class AnyTarget:
    """Middleware that gives the application the path, whichever form it came in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/"):
            scope = {**scope, **_in_origin_form(scope["raw_path"])}
        await self._app(scope, receive, send)


def _in_origin_form(target: bytes) -> dict[str, object]:
    """Path as text and as bytes; what is not an http URL stays as it is, and is not found."""
    try:
        parts = urlsplit(target.decode("ascii"))
    except ValueError:
        return {}
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        return {}
    path = parts.path or "/"
    return {"path": unquote(path), "raw_path": path.encode()}
