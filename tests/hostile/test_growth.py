"""Strings that others wrote, of growing length: what they cost grows with them at most.

The cost is the processor time of this thread. Between a line and a square lie orders of magnitude
here, so the bound is far from both, and says nothing of how fast the machine is.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date

import pytest

from exporter.api.contract.compare import changes
from exporter.api.contract.document import Document
from exporter.api.errors import ApiError
from exporter.api.retry import retry_after
from exporter.api.schema.analytics import read_analytics
from exporter.api.schema.courses import read_course
from exporter.api.schema.flags import is_label
from exporter.api.schema.health import read_health
from exporter.api.schema.integration import check_integration
from exporter.api.schema.session import Session, decode_session
from exporter.api.schema.stats import read_stats
from exporter.api.schema.usage import read_usage
from exporter.api.schema.users import read_user
from exporter.api.serverclock import parse_http_date
from exporter.api.times import parse_time
from exporter.collect.analytics import browser_label
from exporter.collect.origins import origin_label
from tests.hostile.odd import GOOD, places, put

SHORT, LONG = 500, 64_000
LINE = LONG / SHORT
MOST = LINE * 10
"""A square would be LINE times LINE."""

LITTLE = 0.02
"""Seconds; what costs no more at full length is bounded, whatever it is in proportion."""

KINDS: dict[str, Callable[[int], str]] = {
    "letters": lambda size: "a" * size,
    "digits": lambda size: "1" * size,
    "words": lambda size: "aB" * (size // 2),
    "spaces": lambda size: " " * size,
    "dots": lambda size: "a." * (size // 2),
    "slashes": lambda size: "/" * size,
    "dashes": lambda size: "-" * size,
    "colons": lambda size: "::1" * (size // 3),
    "marks": lambda size: "https://a" + "\u0315" * (size // 2) + "\u0300" * (size // 2),
    "labels": lambda size: "https://" + "\u00e4." * (size // 2),
    "address": lambda size: "https://[" + "0:" * (size // 2) + "]",
    "time": lambda size: "2026-06-10T12:00:00." + "0" * size + "Z",
    "date": lambda size: "Wed, 10 Jun 2026 " + "(" * size,
    "comments": lambda size: "Wed, 10 Jun 2026 12:00:00 " + "(x) " * (size // 4),
    "surrogates": lambda size: "\ud800" * size,
}


def analytics(body: object) -> None:
    window = read_analytics(body)
    for origin in window.origins:
        origin_label(origin.origin)
    for browser in window.browsers:
        browser_label(browser)


def session(body: object) -> None:
    assert isinstance(body, dict)
    for item in body["data"]:
        decoded = decode_session(item)
        if isinstance(decoded, Session):
            for flag in decoded.flags:
                is_label(flag)


def each(body: object, read: Callable[[object], object]) -> None:
    items = body.get("data", body) if isinstance(body, dict) else body
    for item in items if isinstance(items, list) else ():
        read(item)


DECODERS: dict[str, Callable[[object], object]] = {
    "/health": lambda body: read_health(body).version_label,
    "/v1/integration": check_integration,
    "/v1/stats": read_stats,
    "/v1/analytics": analytics,
    "/v1/usage": lambda body: read_usage(body, date(2026, 6, 10), date(2026, 6, 10)),
    "/v1/sessions": session,
    "/v1/users": lambda body: each(body, read_user),
    "/v1/courses": lambda body: each(body, read_course),
    "/openapi/v3.json": lambda body: changes(Document(body)),
}

TEXTS = [
    (path, place)
    for path, body in GOOD.items()
    for place in places(body)
    if place and (path != "/v1/sessions" or place[:2] == ("data", 0))
]


def cost(work: Callable[[object], object], value: object) -> float:
    began = time.thread_time()
    with suppress(ApiError, ValueError):
        work(value)
    return time.thread_time() - began


def assert_no_more_than_a_line(
    make: Callable[[int], tuple[Callable[[object], object], object]],
) -> None:
    work, long = make(LONG)
    full = cost(work, long)
    if full > LITTLE:
        work, short = make(SHORT)
        least = max(min(cost(work, short) for _ in range(20)), 1e-6)
        assert full / least <= MOST


@pytest.mark.parametrize("kind", KINDS)
def test_every_string_of_every_answer_costs_no_more_than_a_line(kind: str) -> None:
    for path, place in TEXTS:
        # As a value, and as a key beside it.
        for key in (False, True):

            def make(
                size: int, path: str = path, place: tuple[str | int, ...] = place, key: bool = key
            ) -> tuple[Callable[[object], object], object]:
                text = KINDS[kind](size)
                odd = {text: 1, "a": text} if key else text
                return DECODERS[path], put(GOOD[path], place, odd)

            assert_no_more_than_a_line(make)


READERS: dict[str, Callable[[str], object]] = {
    "time": parse_time,
    "date": parse_http_date,
    "retry-after": lambda text: retry_after({"retry-after": text, "date": text}),
    "origin": origin_label,
    "browser": browser_label,
    "flag": is_label,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_of_text_costs_no_more_than_a_line(reader: str, kind: str) -> None:
    def make(size: int) -> tuple[Callable[[object], object], object]:
        return READERS[reader], KINDS[kind](size)  # type: ignore[return-value]  # each reader takes its own kind

    assert_no_more_than_a_line(make)
