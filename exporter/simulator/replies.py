"""The envelopes of the API, and the bodies that are none: errors, lists and garbage."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from starlette.responses import Response, StreamingResponse

from exporter.simulator.service import Service

_CHUNK = 64 * 1024


def json_reply(content: Any, status: int = 200) -> Response:
    """Compact JSON."""
    body = json.dumps(content, separators=(",", ":")).encode()
    return Response(body, status, media_type="application/json")


def error(status: int, code: str, message: str, details: dict[str, str] | None = None) -> Response:
    """`{"error": {"code", "message", "details"?}}`."""
    content: dict[str, Any] = {"code": code, "message": message}
    if details:
        content["details"] = details
    return json_reply({"error": content}, status)


def page(items: Sequence[bytes], limit: int, next_cursor: str | None, last_cursor: str) -> Response:
    """`{"data": [...], "pagination": {...}}` of items that are JSON already.

    `last_cursor` says what nextCursor is on the last page: absent, null or empty.
    """
    pagination: dict[str, Any] = {"hasMore": next_cursor is not None, "limit": limit}
    if next_cursor is not None:
        pagination["nextCursor"] = next_cursor
    elif last_cursor != "absent":
        pagination["nextCursor"] = None if last_cursor == "null" else ""
    tail = json.dumps(pagination, separators=(",", ":")).encode()
    body = b"".join((b'{"data":[', b",".join(items), b'],"pagination":', tail, b"}"))
    return Response(body, media_type="application/json")


def empty(form: str, limit: int, last_cursor: str) -> Response:
    """A list without items, in one of the forms of `ListSettings.empty`."""
    if form == "no_content":
        return Response(status_code=204)
    if form == "bare":
        return json_reply({"data": []})
    if form == "null":
        return json_reply({"data": None})
    return page([], limit, None, last_cursor)


def http_date(moment: datetime) -> str:
    """As in the Date header, cut to the second."""
    return format_datetime(moment, usegmt=True)


def too_many(service: Service, now: datetime, seconds: float) -> Response:
    """429 in the form that the faults ask for; `seconds` until a request may succeed."""
    faults = service.faults
    if faults.edge_429:
        reply = Response(b"Too Many Requests", 429, media_type="text/plain")
    else:
        reply = error(429, "RATE_LIMITED", "Too many requests.")
    _retry_after(reply, service, now, seconds)
    return reply


def unavailable(service: Service, now: datetime, status: int) -> Response:
    """A 5xx in the form that the faults ask for."""
    faults = service.faults
    if faults.edge_5xx:
        body = f"<html><head><title>{status}</title></head><body>Bad day.</body></html>"
        reply = Response(body, status, media_type="text/html")
    else:
        reply = error(status, "SERVICE_ERROR", "The service has a bad day.")
    if status == 503:
        _retry_after(reply, service, now, faults.retry_after_seconds)
    return reply


def _retry_after(reply: Response, service: Service, now: datetime, seconds: float) -> None:
    whole = int(seconds) + (seconds > int(seconds))
    if service.faults.retry_after == "seconds":
        reply.headers["retry-after"] = str(whole)
    elif service.faults.retry_after == "date":
        # The Date header is cut to the second; so the date is that many seconds after it.
        reply.headers["retry-after"] = http_date(now + timedelta(seconds=whole))


def garbage(kind: str) -> Response:
    """A 200 that is not what was asked for: html, truncated, utf8 or list."""
    if kind == "html":
        return Response("<!doctype html><title>Sign in</title><p>Welcome!", media_type="text/html")
    bodies = {
        "truncated": b'{"data":[{"id":"5d0f","createdAt":"2026-06-10T12:00',
        "utf8": b'{"data":{"name":"\xff\xfe\xc3"}}',
        "list": b'[{"id":"5d0f"},17,null]',
    }
    return Response(bodies[kind], media_type="application/json")


def oversized(size: int) -> Response:
    """A 200 with valid JSON of `size` bytes, without Content-Length."""
    return StreamingResponse(_padding(size), media_type="application/json")


async def _padding(size: int) -> AsyncIterator[bytes]:
    head, tail = b'{"data":{"padding":"', b'"}}'
    rest = max(0, size - len(head) - len(tail))
    yield head
    while rest > 0:
        yield b"x" * min(_CHUNK, rest)
        rest -= _CHUNK
    yield tail
