"""The simulated API as an ASGI application: every documented endpoint, from a world and a clock.

`create_app` puts the edge (keys, limits, faults) before the endpoints. It opens no socket; `server`
does.
"""

import json
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from exporter.simulator import aggregates, records, replies
from exporter.simulator.clock import SimClock, micros
from exporter.simulator.control import control_app
from exporter.simulator.edge import Edge
from exporter.simulator.faults import Faults
from exporter.simulator.lists import (
    BadParameterError,
    page_size,
    parse_query,
    read_page,
    window_size,
)
from exporter.simulator.openapi import document
from exporter.simulator.service import VERSION, ApiSettings, Service
from exporter.simulator.sessions import Session, is_hidden, timestamp
from exporter.simulator.world import World

__all__ = ["ApiSettings", "Edge", "SimClock", "create_app"]


def create_app(
    world: World,
    clock: SimClock,
    settings: ApiSettings | None = None,
    faults: Faults | None = None,
) -> Edge:
    """The ASGI application. `app.service` holds faults, settings and the request log.

    A skew of the clock among `faults` is there from the start: the world begins so far off.
    """
    service = Service(world, clock, settings or ApiSettings(), faults)
    return Edge(service, _endpoints(service), control_app(service))


def _endpoints(service: Service) -> Starlette:
    api = _Api(service)
    routes = {
        "/health": api.health,
        "/openapi/v3.json": api.openapi,
        "/swagger": api.swagger,
        "/v1/integration": api.integration,
        "/v1/stats": api.stats,
        "/v1/analytics": api.analytics,
        "/v1/usage": api.usage,
        "/v1/sessions": api.sessions,
        "/v1/sessions/{id}": api.session,
        "/v1/sessions/{id}/details": api.details,
        "/v1/sessions/{id}/events": api.events,
        "/v1/users": api.users,
        "/v1/users/{id}/sessions": api.user_sessions,
        "/v1/courses": api.courses,
    }
    return Starlette(
        routes=[Route(path, endpoint, methods=["GET"]) for path, endpoint in routes.items()],
        exception_handlers={HTTPException: _http_error, BadParameterError: _bad_parameter},
    )


async def _http_error(request: Request, exception: Exception) -> Response:
    assert isinstance(exception, HTTPException)  # noqa: S101 - as registered above
    codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    code = codes.get(exception.status_code, "ERROR")
    return replies.error(exception.status_code, code, exception.detail)


async def _bad_parameter(request: Request, exception: Exception) -> Response:
    assert isinstance(exception, BadParameterError)  # noqa: S101 - as registered above
    details = {exception.field: str(exception)}
    return replies.error(400, "INVALID_REQUEST", "A parameter is invalid.", details)


class _Api:
    """The endpoints."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def health(self, request: Request) -> Response:
        now = self._service.now()
        return replies.json_reply(
            {"status": "healthy", "version": VERSION, "timestamp": timestamp(micros(now))}
        )

    async def openapi(self, request: Request) -> Response:
        settings = self._service.settings
        written = document(settings.openapi_style, settings.openapi_changes, VERSION)
        return replies.json_reply(written)

    async def swagger(self, request: Request) -> Response:
        return HTMLResponse("<!doctype html><title>Simulated API</title>")

    async def integration(self, request: Request) -> Response:
        content = aggregates.integration(self._service)
        wrap = self._service.settings.wrap_integration
        return replies.json_reply({"data": content} if wrap else content)

    async def stats(self, request: Request) -> Response:
        content = aggregates.stats(self._service, self._service.now())
        wrap = self._service.settings.wrap_stats
        return replies.json_reply({"data": content} if wrap else content)

    async def analytics(self, request: Request) -> Response:
        now = self._service.now()
        content = aggregates.analytics(self._service, request.query_params, now)
        return replies.json_reply({"data": content})

    async def usage(self, request: Request) -> Response:
        now = self._service.now()
        return replies.json_reply(aggregates.usage(self._service, request.query_params, now))

    async def sessions(self, request: Request) -> Response:
        service, now = self._service, self._service.now()
        settings, faults = service.settings.lists, service.faults
        suffers = faults.hits(request.url.path)
        query = parse_query(request.query_params, service.tier, settings)
        if query.cursor and suffers and service.chance(faults.refuse_cursor):
            raise BadParameterError("cursor", "is not valid any more")
        most = faults.most_sessions if suffers and not query.cursor else 0
        if most and window_size(service.world, query, service.tier, now) > most:
            return replies.unavailable(service, now, 503)
        keep = None
        if suffers and service.chance(faults.short_pages):
            keep = int(query.limit * service.random.random())
        page = read_page(
            service.world,
            settings,
            query,
            service.tier,
            now,
            hidden_share=faults.hide_sessions,
            repeat_last=suffers and service.chance(faults.repeat_items),
            keep=keep,
            endless=faults.endless if suffers else "",
        )
        items = [self._service.encoded(session) for session in page.sessions]
        if not items and page.next_cursor is None and query.cursor is None:
            return replies.empty(settings.empty, query.limit, settings.last_cursor)
        return replies.page(items, query.limit, page.next_cursor, settings.last_cursor)

    async def session(self, request: Request) -> Response:
        body = b'{"data":' + self._find(request).json() + b"}"
        return Response(body, media_type="application/json")

    async def details(self, request: Request) -> Response:
        session, faults = self._find(request), self._service.faults
        if is_hidden(session.salt, faults.hide_details):
            raise HTTPException(404, "No details of this session.")
        content = records.details(session)
        if self._service.chance(faults.no_duration):
            content["durationSeconds"] = None
            content["eventCounts"] = {"mouse": content["eventCounts"]["mouse"]}
        return replies.json_reply({"data": content})

    async def events(self, request: Request) -> Response:
        items = records.events(self._find(request))
        return self._slice(items, request, default=100)

    async def users(self, request: Request) -> Response:
        wanted = request.query_params.get("search", "").lower()
        settings = self._service.settings
        listed = sorted(records.by_user(self._seen()).items())
        if settings.users_order == "last_seen":
            listed.sort(key=lambda row: row[1][-1].updated, reverse=True)
        found = (
            records.user(identifier, sessions, settings.risk_levels, settings.user_nulls)
            for identifier, sessions in listed
        )
        items = [
            json.dumps(user).encode()
            for user in found
            if wanted in user["userId"].lower() or wanted in user["userName"].lower()
        ]
        return self._slice(items, request)

    async def user_sessions(self, request: Request) -> Response:
        sessions = records.by_user(self._seen()).get(request.path_params["id"])
        if sessions is None:
            raise HTTPException(404, "No such user.")
        items = [self._service.encoded(session) for session in reversed(sessions)]
        return self._slice(items, request)

    async def courses(self, request: Request) -> Response:
        form = self._service.settings.courses_form
        found = records.courses(self._seen(), form)
        if form == "unpaged":
            return replies.json_reply({"data": found})
        return self._slice([json.dumps(course).encode() for course in found], request)

    def _seen(self) -> Sequence[Session]:
        """The sessions within the tier's history that are not hidden, oldest first."""
        now, hidden = self._service.now(), self._service.faults.hide_sessions
        index = self._service.world.index("oldest")
        rows = index.rows[index.position((micros(now - self._service.tier.history), 0)) :]
        return [s for s in rows if not is_hidden(s.salt, hidden)] if hidden else rows

    def _find(self, request: Request) -> Session:
        """The session that the path names, or 404."""
        now = self._service.now()
        session = self._service.world.session(request.path_params["id"])
        if (
            session is None
            or session.created < micros(now - self._service.tier.history)
            or is_hidden(session.salt, self._service.faults.hide_sessions)
        ):
            raise HTTPException(404, "No such session.")
        return session

    def _slice(self, items: Sequence[bytes], request: Request, default: int = 50) -> Response:
        """A page of a short list; the cursor is a place in it."""
        service, parameters = self._service, request.query_params
        suffers, faults = service.faults.hits(request.url.path), service.faults
        limit = page_size(parameters, service.tier.max_page_size, default)
        cursor = parameters.get("cursor") or "0"
        if not cursor.isascii() or not cursor.isdigit():
            raise BadParameterError("cursor", "is not one of ours")
        if suffers and cursor != "0" and service.chance(faults.refuse_cursor):
            raise BadParameterError("cursor", "is not valid any more")
        start = int(cursor)
        end = start + limit
        if suffers and service.chance(faults.short_pages):
            end = start + int(limit * service.random.random())
        shown, last = items[start:end], service.settings.lists.last_cursor
        if end >= len(items):
            return replies.page(shown, limit, None, last)
        if suffers and len(shown) > 1 and service.chance(faults.repeat_items):
            end -= 1
        return replies.page(shown, limit, str(end), last)
