"""An API that fails for hours writes a handful of lines, however it fails."""

import io
import json
import logging
from itertools import cycle

import httpx
import pytest

from exporter.logsink import Sink, Thinning
from tests.hostile.stage import Handler, Stage, stage

POLLS = 120
"""One a minute: two hours."""

MOST_LINES = 20
MOST_INFO = 2 * 70
"""Of a warning five at once, of an info sixty, then after pauses that double."""


def thin_by(it: Stage) -> None:
    """Lines that repeat are thinned by the clock of the stage."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, Sink):
            handler.filters[:] = [Thinning(it.clock.monotonic)]


def refused(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused") from ConnectionRefusedError()


def late(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("late")


def error(request: httpx.Request) -> httpx.Response:
    return httpx.Response(500, content=b"{}")


def garbage(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=b"[")


@pytest.mark.parametrize("resource", ["health", "stats", "sessions"])
@pytest.mark.parametrize("failure", [refused, error])
async def test_a_poll_that_fails_for_hours_writes_a_few_lines(
    lines: io.StringIO, failure: Handler, resource: str
) -> None:
    async with stage(failure) as it:
        thin_by(it)
        for _ in range(POLLS):
            assert await it.poll(resource)
    written = [json.loads(line) for line in lines.getvalue().splitlines()]
    told = [line for line in written if line["level"] != "info"]
    assert 1 <= len(told) <= MOST_LINES
    assert len(written) <= len(told) + MOST_INFO
    # Nothing is lost but the number of lines: each says how many like it were left out.
    failures = [line for line in written if line["event"] == "poll_failed"]
    last = sum(1 + line.get("left_out", 0) for line in failures)
    assert last > POLLS / 2


async def test_a_poll_that_fails_in_turns_writes_a_few_lines_for_each(lines: io.StringIO) -> None:
    ways = (refused, late, error, garbage)
    turn = cycle(ways)
    async with stage(lambda request: next(turn)(request)) as it:
        thin_by(it)
        for _ in range(POLLS):
            assert await it.poll("stats")
    assert 1 <= len(lines.getvalue().splitlines()) <= MOST_LINES * len(ways)
