"""Attacks on what reads the API: bodies of every endpoint, headers, cursors.

The promise: whatever one answer holds, a poll ends well or with an ApiError, what is shown can be
rendered and is finite, and good answers afterwards are read as if nothing had been.
"""

import asyncio
import math
from collections.abc import Callable
from functools import cache

import httpx
from hypothesis import strategies as st
from prometheus_client.registry import CollectorRegistry

from exporter.metrics.model import Histogram
from exporter.publish.exposition import Renderer
from tests.fuzz.target import Target
from tests.hostile.odd import GOOD, ODD, RESOURCE_OF, encoded, places, put, without
from tests.hostile.stage import Stage, stage

PAUSE_SECONDS = 3700.0
GOOD_POLLS = 2
"""So many after an odd one, and everything is as before."""

texts = st.one_of(
    st.text(max_size=20),
    st.text(st.characters(codec="utf-8"), max_size=300),
    st.sampled_from([one for one in ODD if isinstance(one, str)]),
    st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.+-]{0,24}Z?", fullmatch=True),
)
numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from([one for one in ODD if isinstance(one, int)])
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts, st.sampled_from(ODD)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def bodies(draw: st.DrawFn, path: str) -> bytes:
    """A good answer with a few odd places; now and then with odd bytes too."""
    body = GOOD[path]
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(list(places(body))))
        if place and draw(st.integers(0, 4)) == 0:
            body = without(body, place)
        else:
            body = put(body, place, draw(values))
    data = encoded(body)
    if draw(st.integers(0, 9)) == 0:
        cut = draw(st.integers(0, len(data)))
        data = data[:cut] + draw(st.binary(max_size=8)) + data[cut + draw(st.integers(0, 8)) :]
    return data


class _Arena:
    """A stage that lives through all attacks, so that what one leaves behind shows in the next."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self._context = stage()
        self.stage: Stage = self.runner.run(self._context.__aenter__())
        self.renderer = Renderer(CollectorRegistry())

    def meet(
        self,
        resource: str,
        odd: Callable[[httpx.Request], httpx.Response | bytes],
        pausing: bool,
    ) -> None:
        self.runner.run(self._meet(resource, odd, pausing))

    async def _meet(
        self,
        resource: str,
        odd: Callable[[httpx.Request], httpx.Response | bytes],
        pausing: bool,
    ) -> None:
        it = self.stage
        for answer, polls in ((odd, 1), (lambda request: None, GOOD_POLLS)):
            it.answer = answer
            # Past any pause that the last answer asked for, and that a refused key waits.
            it.clock.advance(PAUSE_SECONDS if pausing else 0.0)
            it.list_one()
            for _ in range(polls):
                failure = await it.attempt(resource)
            self._look()
        if failure is not None:
            raise AssertionError("good answers are not read any more") from failure
        it.asked.clear()

    def _look(self) -> None:
        snapshot = self.stage.snapshot()
        for family in snapshot.families:
            for point in family.points:
                value = point.value.sum if isinstance(point.value, Histogram) else point.value
                if not math.isfinite(value):
                    raise AssertionError(f"{family.metric.name} is {value}")
        self.renderer.render(snapshot)
        if snapshot.series > 5000:
            raise AssertionError(f"{snapshot.series} series")


@cache
def _arena() -> _Arena:
    return _Arena()


def _meet(
    resource: str,
    odd: Callable[[httpx.Request], httpx.Response | bytes],
    pausing: bool = False,
) -> None:
    """pausing: whether the answer may ask for a pause."""
    try:
        _arena().meet(resource, odd, pausing)
    except BaseException:
        # The next one begins anew, so that a finding is of its own bytes.
        _arena.cache_clear()
        raise


def _body(path: str) -> Target:
    resource = RESOURCE_OF[path]

    def check(data: bytes) -> None:
        _meet(resource, lambda request: data)

    return Target(f"body-{resource}", check, bodies(path))


def _first_page_only(data: bytes) -> Callable[[httpx.Request], httpx.Response | bytes]:
    """A list whose first page leads on with an odd cursor, and whose second is the last."""
    cursor = data.decode("utf-8", "surrogatepass") if b"\xff" not in data else data.hex()

    def answer(request: httpx.Request) -> bytes:
        more = "cursor" not in request.url.params
        page = {"nextCursor": cursor, "hasMore": more, "limit": 50}
        return encoded({"data": [], "pagination": page})

    return answer


def _check_cursor(data: bytes) -> None:
    try:
        answer = _first_page_only(data)
    except UnicodeDecodeError:
        return
    _meet("sessions", answer)


HEADERS = (b"date", b"retry-after", b"x-isnotai-tier", b"content-type", b"content-encoding")
STATUSES = (200, 204, 302, 400, 401, 403, 404, 429, 500, 503)


def _check_headers(data: bytes) -> None:
    """The first byte chooses header and status, the rest is the header's value."""
    if not data:
        return
    name, status = HEADERS[data[0] % 5], STATUSES[data[0] // 5 % 10]
    value = bytes(byte for byte in data[1:] if byte >= 0x20 and byte != 0x7F).strip()

    def answer(request: httpx.Request) -> httpx.Response:
        good = encoded(GOOD[request.url.path])
        return httpx.Response(status, headers=[(name, value)], content=good)

    _meet("stats", answer, pausing=True)


dates = st.one_of(
    st.datetimes().map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT").encode()),
    st.sampled_from([b"Fri, 31 Dec 9999 23:59:59 GMT", b"Mon, 01 Jan 0001 00:00:00 GMT", b"0"]),
    st.integers().map(lambda number: str(number).encode()),
    st.binary(max_size=80),
)

TARGETS = (
    *(_body(path) for path in GOOD),
    Target("cursor", _check_cursor, texts.map(lambda text: text.encode("utf-8", "surrogatepass"))),
    Target(
        "headers",
        _check_headers,
        st.builds(lambda first, value: bytes([first]) + value, st.integers(0, 255), dates),
    ),
)
