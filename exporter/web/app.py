"""The HTTP application: which path gives what. It hands out ready values and computes none.

A scrape is answered with series that were rendered before it came; it joins them, makes no API
call and waits for no poll. Nothing here knows the Not AI API or how snapshots are made.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from exporter.publish.exposition import CONTENT_TYPES
from exporter.redaction import redact
from exporter.settings.values import OWN_PATHS
from exporter.web import discovery, negotiation, status_json, status_page
from exporter.web.backend import Backend, Health, ReloadError

HEALTHY_PATH = "/-/healthy"
READY_PATH = "/-/ready"
RELOAD_PATH = "/-/reload"
STATUS_PATH = "/api/status"
DISCOVERY_PATH = "/sd"

# A body of so many series is made where it is asked for; a larger one on a thread.
_MOST_AT_ONCE = 2000

# How long a reload may take before its caller is told that it failed.
RELOAD_TIMEOUT = 30.0

_NOSNIFF = {"X-Content-Type-Options": "nosniff"}
_FRESH = {**_NOSNIFF, "Cache-Control": "no-store"}

_PREFIX = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,99}){1,8}/?")

_NO_SNAPSHOT = "There is no snapshot yet; ask again in a second.\n"

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(
    backend: Backend,
    telemetry_path: str = "/metrics",
    enable_lifecycle: bool = False,
    reload_timeout: float = RELOAD_TIMEOUT,
) -> ASGIApp:
    """The application over `backend`.

    telemetry_path: where the metrics are; `/` takes the place of the status page.
    enable_lifecycle: whether `POST /-/reload` is obeyed.
    reload_timeout: in seconds.
    Raises ValueError where `telemetry_path` is not a path, or one that is taken.
    """
    taken = telemetry_path.startswith("/-/") or telemetry_path in OWN_PATHS
    if not telemetry_path.startswith("/") or taken:
        raise ValueError(f"the telemetry path {telemetry_path!r} is not a free path from /")
    routes = [
        Route(telemetry_path, _telemetry(backend), methods=["GET"]),
        Route(DISCOVERY_PATH, _discovery(backend, telemetry_path), methods=["GET"]),
        Route(HEALTHY_PATH, _verdict(backend.health, "healthy"), methods=["GET"]),
        Route(READY_PATH, _verdict(backend.ready, "ready"), methods=["GET"]),
        Route(RELOAD_PATH, _reload(backend, enable_lifecycle, reload_timeout), methods=["POST"]),
        Route(STATUS_PATH, _status(backend), methods=["GET"]),
        Route("/", _status_page(backend, telemetry_path), methods=["GET"]),
    ]
    app = Starlette(routes=routes)
    # A redirect would be to whatever host the request claims to be for.
    app.router.redirect_slashes = False
    return app


def _telemetry(backend: Backend) -> Endpoint:
    async def telemetry(request: Request) -> Response:
        exposition = backend.exposition
        if exposition is None:
            return _text(_NO_SNAPSHOT, 503)
        if wanted := request.query_params.getlist(discovery.PARAMETER):
            try:
                exposition = exposition.only(wanted)
            except KeyError as error:
                name = redact.text(repr(error.args[0][:100]))
                return _text(f"There is no integration {name} here; /sd lists them.\n", 404)
        form, gzipped = negotiation.choose(
            _header(request, "accept"), _header(request, "accept-encoding")
        )
        headers = {"Content-Type": CONTENT_TYPES[form], "Vary": "Accept, Accept-Encoding"}
        if gzipped:
            headers["Content-Encoding"] = "gzip"
        body = exposition.ready(form, gzipped)
        if body is None and exposition.series <= _MOST_AT_ONCE:
            body = exposition.body(form, gzipped)
        elif body is None:
            # Tens of megabytes take a moment, in which others are answered.
            body = await asyncio.to_thread(exposition.body, form, gzipped)
        return Response(body, headers={**headers, **_FRESH})

    return telemetry


def _discovery(backend: Backend, telemetry_path: str) -> Endpoint:
    async def discover(request: Request) -> Response:
        exposition = backend.exposition
        if exposition is None:
            return _text(_NO_SNAPSHOT, 503)
        host, scheme = request.headers.get("host"), request.url.scheme
        try:
            found = discovery.targets(host, scheme, telemetry_path, exposition.integrations)
        except discovery.UnusableHostError as error:
            return _text(f"No targets: {error}.\n", 400)
        return JSONResponse(found, headers=_FRESH)

    return discover


def _header(request: Request, name: str) -> str | None:
    """The header's value; of several lines one list, as RFC 9110, 5.3 says."""
    lines = request.headers.getlist(name)
    return ", ".join(lines) if lines else None


def _status_page(backend: Backend, telemetry_path: str) -> Endpoint:
    paths = {"Metrics": telemetry_path, "Health": HEALTHY_PATH, "Readiness": READY_PATH}
    paths["As JSON"] = STATUS_PATH

    async def page(request: Request) -> Response:
        prefix = _prefix(request)
        links = tuple((label, prefix + path.removeprefix("/")) for label, path in paths.items())
        body = status_page.render(backend.status(), links)
        headers = {**_FRESH, **status_page.SECURITY_HEADERS}
        return HTMLResponse(body, headers=headers)

    return page


def _status(backend: Backend) -> Endpoint:
    async def status(request: Request) -> Response:
        body = status_json.document(backend.status())
        return Response(body, headers=_FRESH, media_type="application/json")

    return status


def _prefix(request: Request) -> str:
    """What the page's links begin with: nothing, so that they are relative to the page.

    A proxy may serve the page as `/prefix`, without a slash at the end; relative links would leave
    that, so those are made of the prefix where it is told, as Traefik does.
    """
    told = _header(request, "x-forwarded-prefix") or ""
    return f"{told.rstrip('/')}/" if _PREFIX.fullmatch(told) else ""


def _verdict(ask: Callable[[], Health], word: str) -> Endpoint:
    async def verdict(request: Request) -> Response:
        health = ask()
        if health.ok:
            return _text(f"{word}\n")
        return _text("".join(f"{line}\n" for line in (f"not {word}", *health.problems)), 503)

    return verdict


def _reload(backend: Backend, enabled: bool, timeout: float) -> Endpoint:
    async def reload(request: Request) -> Response:
        if not enabled:
            return _text("Reloading over HTTP is off; --web.enable-lifecycle turns it on.\n", 403)
        try:
            async with asyncio.timeout(timeout):
                await backend.reload()
        except ReloadError as error:
            return _text(f"The settings were not reloaded: {error}\n", 500)
        except TimeoutError:
            return _text(f"The settings were not reloaded within {timeout:g} s.\n", 500)
        return _text("The settings were reloaded.\n")

    return reload


def _text(body: str, status: int = 200) -> Response:
    return PlainTextResponse(body, status, headers=_FRESH)
