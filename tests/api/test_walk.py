"""The cursor walk: to the last page whatever the order, and never quietly less."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.answer import Answer
from exporter.api.errors import (
    ApiError,
    CursorRefusedError,
    InvalidResponseError,
    RequestTimeoutError,
    StatusError,
)
from exporter.api.walk import walk
from exporter.metrics.telemetry import Telemetry, dropped_counter
from exporter.net.peer_client import PeerClient
from tests.api.clients import RESOURCES, make_client, unread
from tests.clocks import FakeClock

PATH = "/v1/sessions"


def page(items: list[object], cursor: object = None, **more: object) -> dict[str, object]:
    pagination: dict[str, object] = {"hasMore": cursor is not None, "limit": 50}
    if cursor is not None:
        pagination["nextCursor"] = cursor
    return {"data": items, "pagination": pagination | more}


class Pages:
    """Gives these answers in turn; keeps the parameters it was asked with."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, str]] = []

    async def get(self, path: str, params: Any = None, *, resource: str) -> Answer:
        assert (path, resource) == (PATH, "sessions")
        self.asked.append(dict(params))
        answer = self._answers.pop(0)
        if isinstance(answer, ApiError):
            raise answer
        return Answer(answer, 7)

    async def walked(self) -> list[object]:
        """All items, page by page."""
        pages = walk(self, PATH, {"startDate": "2026-06-10T12:00:00Z"}, resource="sessions")
        return [item async for one in pages for item in one.items]


async def test_a_walk_ends_where_there_is_no_more_and_repeats_its_filters() -> None:
    api = Pages(page([1], "a"), page([], "b"), page([2, 3]))

    assert await api.walked() == [1, 2, 3]
    assert [params.get("cursor") for params in api.asked] == [None, "a", "b"]
    assert {params["startDate"] for params in api.asked} == {"2026-06-10T12:00:00Z"}
    assert {params["pageSize"] for params in api.asked} == {"100"}


async def test_a_cursor_on_the_last_page_is_not_followed() -> None:
    api = Pages({"data": [1], "pagination": {"hasMore": False, "nextCursor": "a", "limit": 5}})

    assert await api.walked() == [1]


@pytest.mark.parametrize("last", ["", None])
async def test_the_last_page_may_have_an_empty_cursor(last: str | None) -> None:
    api = Pages({"data": [], "pagination": {"hasMore": False, "nextCursor": last}})

    assert await api.walked() == []


async def test_a_page_tells_its_time_and_the_size_the_api_used() -> None:
    pages = walk(
        Pages(page([1], "a"), page([2], limit="50"), page([])), PATH, {}, resource="sessions"
    )

    told = [(one.server_time, one.size, one.last) async for one in pages]

    assert told == [(7, 50, False), (7, None, True)]


@pytest.mark.parametrize("status", [400, 404, 409, 410, 422])
async def test_a_refused_cursor_is_an_error_not_the_end(status: int) -> None:
    api = Pages(page([1], "a"), StatusError(status))

    with pytest.raises(CursorRefusedError, match=str(status)):
        await api.walked()


@pytest.mark.parametrize("status", [400, 404])
async def test_the_same_status_without_a_cursor_is_the_requests_own_failure(status: int) -> None:
    with pytest.raises(StatusError):
        await Pages(StatusError(status)).walked()


@pytest.mark.parametrize("error", [StatusError(503), StatusError(403), RequestTimeoutError()])
async def test_another_failure_in_mid_walk_passes_as_it_is(error: ApiError) -> None:
    with pytest.raises(type(error)):
        await Pages(page([1], "a"), error).walked()


@pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "b"]])
async def test_cursors_that_lead_in_a_circle_end_the_walk_with_an_error(cursors: list[str]) -> None:
    api = Pages(*(page([number], cursor) for number, cursor in enumerate(cursors)))

    with pytest.raises(CursorRefusedError, match="round"):
        await api.walked()


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        {},
        {"error": {}},
        {"data": [1]},
        {"data": {}},
        {"data": 0},
        {"data": {}, "pagination": {"hasMore": False}},
        {"data": [], "pagination": []},
        {"data": [], "pagination": {}},
        {"data": [], "pagination": {"hasMore": "false"}},
        {"data": [], "pagination": {"hasMore": 0}},
        {"data": [], "pagination": {"hasMore": True}},
        {"data": [], "pagination": {"hasMore": True, "nextCursor": ""}},
        {"data": [], "pagination": {"hasMore": True, "nextCursor": None}},
        {"data": [], "pagination": {"hasMore": True, "nextCursor": 5}},
        {"data": [], "pagination": {"hasMore": True, "nextCursor": "\ud800"}},
        {"data": [], "pagination": {"hasMore": True, "nextCursor": "x" * 20_000}},
    ],
)
async def test_what_is_not_a_page_is_an_invalid_response(body: object) -> None:
    with pytest.raises(InvalidResponseError):
        await Pages(body).walked()


EMPTY: list[object] = [None, {"data": None}, {"data": []}, {"data": None, "pagination": None}]


@pytest.mark.parametrize("body", EMPTY)
async def test_an_empty_list_may_be_written_as_one_likes(body: object) -> None:
    assert await Pages(body).walked() == []


@pytest.mark.parametrize("body", EMPTY)
async def test_what_a_cursor_leads_to_has_to_say_that_nothing_follows(body: object) -> None:
    with pytest.raises(InvalidResponseError):
        await Pages(page([1], "a"), body).walked()


async def test_null_is_an_empty_page_of_a_walk_that_goes_on() -> None:
    api = Pages(page([1], "a"), page([], "b") | {"data": None}, page([2]) | {"data": [2]})

    assert await api.walked() == [1, 2]


@pytest.mark.parametrize("limit", [0, -1, 10**305, 10**400, 1e308, 50.0, True, "50", None])
async def test_a_limit_that_is_not_a_page_size_is_none(limit: object) -> None:
    pages = walk(Pages(page([1], limit=limit)), PATH, {}, resource="sessions")

    assert [one.size async for one in pages] == [None]


async def test_a_page_that_is_too_long_is_read_to_its_limit_and_is_not_a_whole_page() -> None:
    read: list[object] = []
    pages = walk(Pages(page(list(range(5000)), "a")), PATH, {}, resource="sessions")

    async def read_all() -> None:
        async for one in pages:
            read.extend(one.items)

    with pytest.raises(InvalidResponseError, match="more than 1000 items"):
        await read_all()

    assert read == list(range(1000))


@given(st.text(min_size=1, max_size=200))
async def test_an_opaque_cursor_reaches_the_api_as_it_came(cursor: str) -> None:
    """Whatever is in it: the way through a URL changes nothing."""
    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("cursor"))
        return unread(httpx.Response(200, json=page([], cursor if len(asked) == 1 else None)))

    clock = FakeClock()
    telemetry = Telemetry(clock.now(), RESOURCES, dropped_counter(clock.now()))
    transport = httpx.MockTransport(answer)
    async with PeerClient(base_url="https://api.test", transport=transport) as http:
        client = make_client(http, clock, telemetry)
        assert len([one async for one in walk(client, PATH, {}, resource="sessions")]) == 2

    assert asked == [None, cursor]
