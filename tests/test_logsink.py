"""Where log lines go: bounded, thinned, and never in the way of whoever logs."""

import asyncio
import fcntl
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from exporter.logsink import BURST, INFO_BURST, MOST_LINES, BackgroundWriter, Thinning
from tests.e2e.simulation import simulated
from tests.plain import TRUSTS_NOBODY

TIME_OUT = 20.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe of one page, which nobody reads unless the test does."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield reading, writing
    for descriptor in (reading, writing):
        os.close(descriptor)


def drained(reading: int, writer: BackgroundWriter) -> bytes:
    """All that comes out of the pipe until the writer has nothing left."""
    os.set_blocking(reading, False)
    found = b""
    while not writer.flush(0.01):
        with suppress(BlockingIOError):
            found += os.read(reading, 1 << 20)
    with suppress(BlockingIOError):
        found += os.read(reading, 1 << 20)
    return found


def test_lines_are_written_in_order_and_whole(pipe: tuple[int, int]) -> None:
    writer = BackgroundWriter(pipe[1])
    lines = [b"%d %s\n" % (number, b"x" * 300) for number in range(200)]
    for line in lines:
        writer.write(line)

    assert drained(pipe[0], writer) == b"".join(lines)
    assert writer.dropped == 0


def test_what_nobody_reads_is_dropped_and_counted_and_nobody_waits(pipe: tuple[int, int]) -> None:
    writer = BackgroundWriter(pipe[1])
    for number in range(3 * MOST_LINES):
        writer.write(b"%06d %s\n" % (number, b"x" * 100))

    assert not writer.flush(0.0)
    assert writer.dropped >= MOST_LINES
    written = drained(pipe[0], writer).count(b"\n")
    assert written + writer.dropped == 3 * MOST_LINES


def test_a_stream_that_another_process_made_non_blocking_loses_nothing(
    pipe: tuple[int, int],
) -> None:
    os.set_blocking(pipe[1], False)
    writer = BackgroundWriter(pipe[1])
    for _ in range(100):
        writer.write(b"x" * 999 + b"\n")

    assert drained(pipe[0], writer) == (b"x" * 999 + b"\n") * 100


def test_a_full_disk_drops_lines_and_goes_on() -> None:
    with Path("/dev/full").open("wb") as full:
        writer = BackgroundWriter(full.fileno())
        for _ in range(3):
            writer.write(b"line\n")

        assert writer.flush(TIME_OUT)
        assert writer.dropped == 3


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def record_of(event: object, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord("x", level, "", 0, event, (), None)


def passed(thinning: Thinning, clock: Clock, seconds: int, every: int, level: int) -> list[int]:
    """When a line that comes every so often, for so long, was let through."""
    times = []
    for now in range(0, seconds, every):
        clock.now = now
        if thinning.filter(record_of({"event": "failed", "failures": now}, level)):
            times.append(now)
    return times


def test_a_warning_that_repeats_for_a_day_is_written_ever_more_rarely() -> None:
    clock = Clock()
    thinning = Thinning(clock)

    times = passed(thinning, clock, 86_400, 60, logging.WARNING)

    assert times[:BURST] == [0, 60, 120, 180, 240]
    assert len(times) < 40
    assert max(later - before for before, later in pairwise(times)) <= 3660


def test_the_first_line_after_a_pause_says_how_many_were_left_out() -> None:
    clock = Clock()
    thinning = Thinning(clock)
    passed(thinning, clock, 20, 1, logging.ERROR)

    clock.now = 70.0
    record = record_of({"event": "failed", "failures": 9})

    assert thinning.filter(record)
    assert record.__dict__["left_out"] == 20 - BURST


def test_a_line_that_informs_has_a_longer_burst_and_is_thinned_too() -> None:
    clock = Clock()
    thinning = Thinning(clock)

    times = passed(thinning, clock, 86_400, 15, logging.INFO)

    assert len([time for time in times if time < 15 * INFO_BURST]) == INFO_BURST
    assert len(times) < INFO_BURST + 40


def test_other_lines_and_those_of_level_debug_are_not_thinned() -> None:
    clock = Clock()
    thinning = Thinning(clock)

    assert len(passed(thinning, clock, 100, 1, logging.DEBUG)) == 100
    for letter in "abcdefgh":
        assert thinning.filter(record_of({"event": letter}))


def test_what_was_quiet_for_long_begins_anew() -> None:
    clock = Clock()
    thinning = Thinning(clock)
    passed(thinning, clock, 3600, 60, logging.ERROR)
    clock.now = 3600 + 3700.0

    record = record_of({"event": "failed", "failures": 1})
    assert [thinning.filter(record) for _ in range(BURST)] == [True] * BURST


def test_an_odd_record_is_no_reason_to_raise() -> None:
    record = logging.LogRecord("x", logging.ERROR, "", 0, "%d of them", ("seven",), None)

    assert Thinning().filter(record)


async def test_a_log_that_nobody_reads_stops_neither_scrapes_nor_the_stop(
    pipe: tuple[int, int],
) -> None:
    reading, writing = pipe
    async with simulated(rate=1.0) as api:
        daemon = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "exporter"),
            env={**api.variables, "ISNOTAI_WEB_ENABLE_LIFECYCLE": "true"},
            stderr=writing,
        )
        try:
            url = await asyncio.wait_for(asyncio.to_thread(served_at, reading), 60)
            async with httpx.AsyncClient(
                base_url=url, timeout=TIME_OUT, verify=TRUSTS_NOBODY
            ) as client:
                # Each is a line, and a dozen lines fill the pipe.
                for _ in range(30):
                    assert (await client.post("/-/reload")).status_code == 200
                assert (
                    "isnotai_exporter_log_lines_dropped_total 0.0"
                    in (await client.get("/metrics")).text
                )
            daemon.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(daemon.wait(), TIME_OUT) == 0
        finally:
            if daemon.returncode is None:
                daemon.kill()
                await daemon.wait()


def served_at(reading: int) -> str:
    """The URL that the log told, at which nobody reads on."""
    text = b""
    while b'"serving"' not in text or not text.endswith(b"\n"):
        text += os.read(reading, 4096)
    lines = [json.loads(line) for line in text.splitlines()]
    (url,) = [line["url"] for line in lines if line["event"] == "serving"]
    return str(url).replace("localhost", "127.0.0.1")
