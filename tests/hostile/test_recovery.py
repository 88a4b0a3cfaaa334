"""No answer outlasts itself: after odd ones, the next good one is read as if nothing had been."""

import math

import httpx
import pytest

from exporter.metrics import catalogue
from exporter.metrics.model import Histogram, Metric, Sample
from tests.examples import some
from tests.hostile.odd import GOOD, ODD, RESOURCE_OF, Path, encoded, places, put, without
from tests.hostile.stage import Stage, stage

SHOWN: dict[str, frozenset[Metric]] = {
    "health": frozenset({catalogue.API_INFO}),
    "integration": frozenset(),
    "stats": frozenset({catalogue.STATS}),
    "analytics": frozenset(it for it in catalogue.METRICS if "_analytics_" in it.name),
    "usage": frozenset({catalogue.USAGE, catalogue.USAGE_STORAGE}),
    "sessions": frozenset(),
    "users": frozenset(it for it in catalogue.METRICS if it.name.startswith("isnotai_user")),
    "courses": frozenset({catalogue.COURSES, catalogue.COURSE_STATS}),
    "openapi": frozenset({catalogue.API_SCHEMA_KNOWN, catalogue.API_SCHEMA_CHANGES}),
}
"""What a good answer of a resource alone decides."""

AT_ONCE = 3
"""So many odd answers in a row, before a good one."""

PLACES = [
    pytest.param(path, place, turn, id=".".join(map(str, (RESOURCE_OF[path], *place))) or path)
    for path, body in GOOD.items()
    for turn, place in enumerate(places(body))
]


def shown(one: Stage, resource: str) -> dict[object, float]:
    found = (it for it in one.samples() if it.metric in SHOWN[resource])
    return {(it.metric.name, it.labels): number(it) for it in found}


def number(reading: Sample) -> float:
    value = reading.value
    return value.sum if isinstance(value, Histogram) else value


def sessions(one: Stage) -> float:
    value = one.value(catalogue.SESSIONS)
    assert isinstance(value, float)
    return value


@pytest.mark.parametrize(("path", "place", "turn"), PLACES)
async def test_after_an_odd_value_anywhere_good_answers_are_read(
    path: str, place: Path, turn: int
) -> None:
    resource = RESOURCE_OF[path]
    body = GOOD[path]
    bodies = [encoded(put(body, place, odd)) for odd in some(ODD, turn)]
    if place:
        bodies.append(encoded(without(body, place)))
    async with stage() as one:
        assert await one.poll(resource) is None
        before = shown(one, resource)
        for first in range(0, len(bodies), AT_ONCE):
            for body in bodies[first : first + AT_ONCE]:
                one.answer = lambda request, body=body: body  # type: ignore[misc]  # a double, for this test
                await one.attempt(resource)
                assert all(math.isfinite(number(reading)) for reading in one.samples())

            one.answer = lambda request: None
            counted = sessions(one) if resource == "sessions" else 0.0
            assert await one.poll(resource) is None
            assert shown(one, resource) == before
            if resource == "sessions":
                assert sessions(one) == counted + 1


HEADERS = {
    "date": ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "x" * 9000, "0", ""],
    "retry-after": ["9" * 9000, "-1", "1e400", "Fri, 31 Dec 9999 23:59:59 GMT", "x" * 9000],
    "x-isnotai-tier": ["x" * 9000, "\xff", "free, pro", "a b"],
}


@pytest.mark.parametrize("status", [200, 204, 401, 403, 500])
@pytest.mark.parametrize("name", HEADERS)
async def test_after_an_odd_header_good_answers_are_read(name: str, status: int) -> None:
    async with stage() as one:
        for value in HEADERS[name]:
            for path, resource in RESOURCE_OF.items():

                def odd(request: httpx.Request, value: str = value) -> httpx.Response:
                    headers = [(name.encode(), value.encode("latin-1"))]
                    return httpx.Response(status, headers=headers, content=encoded(GOOD[path]))  # noqa: B023 - called before the next turn

                one.answer = odd
                await one.attempt(resource)
                one.answer = lambda request: None
                one.clock.advance(3600.0)  # past any pause, and the time that a refused key waits
                assert await one.poll(resource) is None
