"""The simulator as a process, and its socket."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest

from exporter.cli import main
from exporter.simulator.app import create_app
from exporter.simulator.clock import SimClock
from exporter.simulator.options import duration
from exporter.simulator.server import serve
from tests.plain import TRUSTS_NOBODY
from tests.simulator.worlds import START, Hand, world

COMMAND = [sys.executable, "-m", "exporter", "simulate", "--history", "1m"]


@contextmanager
def simulator(*options: str) -> Iterator[tuple["subprocess.Popen[str]", dict[str, str]]]:
    """A simulator process and its first line."""
    with subprocess.Popen(
        [*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_a_process_tells_where_it_is_and_stops_when_told() -> None:
    with simulator("--tier", "free", "--fault", "no_tier_header=0", "--speed", "2") as (
        process,
        told,
    ):
        headers = {"authorization": f"Bearer {told['key']}"}
        response = httpx.get(
            f"{told['url']}/v1/sessions", headers=headers, timeout=10, verify=TRUSTS_NOBODY
        )
        assert response.headers["x-isnotai-tier"] == "free"
        assert len(response.headers.get_list("date")) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_process_ends_after_its_duration() -> None:
    with simulator("--duration", "100ms") as (process, _):
        assert process.wait(timeout=10) == 0


def test_a_process_ends_with_its_parent() -> None:
    start = f"import subprocess; subprocess.Popen({[*COMMAND, '--exit-with-parent']!r}).wait()"
    with subprocess.Popen(
        [sys.executable, "-c", start], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        told = json.loads(parent.stdout.readline())
        assert (
            httpx.get(f"{told['url']}/health", timeout=10, verify=TRUSTS_NOBODY).status_code == 200
        )
        parent.kill()
        # The pipe closes when the grandchild, its last holder, is gone.
        assert parent.stdout.read() == ""


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--fault", "gremlins=1"], "gremlins"),
        (["--rate", "-1"], "rate"),
        (["--duration", "soon"], "soon"),
        (["--speed", "0"], "speed"),
        (["--port", "70000"], "port"),
        (["--start", "today"], "today"),
    ],
)
def test_a_bad_option_is_one_line_and_exit_code_2(
    options: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *options], {}) == 2

    written = capsys.readouterr()
    assert written.out == ""
    assert named in written.err
    assert len(written.err.splitlines()) == 1


def test_a_port_that_is_taken_is_one_line_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--port", str(port)], capture_output=True, text=True, timeout=30, check=False
        )
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def called(*options: str) -> int:
    """The command, in this process."""
    return main(["simulate", "--history", "1h", *options], {})


def test_a_run_says_one_line_forgets_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--duration", "300ms", "--exit-with-parent", "--remember", "1m", "--speed", "9"]
    assert called(*options) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert set(told) == {"url", "key"}
    assert told["url"].startswith("http://127.0.0.1:")
    assert err == ""


def test_a_run_refuses_what_makes_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("--fault", "hang=often") == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert called("--port", str(taken.getsockname()[1])) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 2


def test_the_same_seed_and_start_give_the_same_sessions() -> None:
    def first_page() -> list[dict[str, str]]:
        with simulator("--start", "2026-06-10T12:00:00", "--speed", "0.001") as (_, told):
            headers = {"authorization": f"Bearer {told['key']}"}
            answer = httpx.get(
                f"{told['url']}/v1/sessions", headers=headers, timeout=10, verify=TRUSTS_NOBODY
            )
            data: list[dict[str, str]] = answer.json()["data"]
            return data

    assert first_page() == first_page() != []


async def test_a_taken_port_raises_and_leaves_nothing_behind() -> None:
    app = create_app(world(), SimClock(Hand(), START))
    async with serve(app) as url:
        port = int(url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"):
            await serve(app, port=port).__aenter__()


async def test_a_server_can_come_back_on_its_port() -> None:
    app = create_app(world(), SimClock(Hand(), START))
    async with serve(app) as url:
        port = int(url.rsplit(":", 1)[1])
        async with httpx.AsyncClient(verify=TRUSTS_NOBODY) as client:
            assert (await client.get(f"{url}/health")).status_code == 200
    async with httpx.AsyncClient(verify=TRUSTS_NOBODY) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{url}/health")
    async with serve(app, port=port) as again, httpx.AsyncClient(verify=TRUSTS_NOBODY) as client:
        assert again == url
        assert (await client.get(f"{url}/health")).status_code == 200


async def test_the_signal_handlers_of_the_process_stay_as_they_were() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with serve(create_app(world(), SimClock(Hand(), START))):
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


async def test_no_answer_waits_for_a_delayed_acknowledgement() -> None:
    app = create_app(world(rate=1.0), SimClock(Hand(), START))
    loop = asyncio.get_running_loop()
    async with serve(app) as url, httpx.AsyncClient(verify=TRUSTS_NOBODY) as client:
        took = []
        for _ in range(20):
            began = loop.time()
            await client.get(f"{url}/health")
            took.append(loop.time() - began)
    # Such a wait is 40 ms, and befalls each of them; a busy machine only some.
    assert sorted(took)[2] < 0.03


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1h30m", 5400), ("250ms", 0.25), ("2d", 172_800), ("0", 0)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "5 m", "m", "1x", "-5s"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration(text)
