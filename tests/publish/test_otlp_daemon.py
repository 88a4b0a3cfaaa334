"""The daemon with the push on, as a process: its last numbers arrive, and nothing holds it up."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from tests.publish.test_otlp_client import Receiver, grpc_receiver, http_receiver

STOP_SECONDS = 5.0
WAIT_SECONDS = 30.0
COMMAND = (sys.executable, "-m", "exporter")
VARIABLES = {
    "ISNOTAI_API_KEY": "aik_v1_" + "x" * 40,
    "ISNOTAI_BASE_URL": "http://127.0.0.1:1",
    "ISNOTAI_WEB_LISTEN_ADDRESS": "127.0.0.1:0",
    "ISNOTAI_LOG_FORMAT": "json",
}


class Daemon:
    """A daemon whose API is down, and what it logged."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.log = ""
        self.url = self.line(r'"url": "([^"]+)"').replace("localhost", "127.0.0.1")

    def line(self, pattern: str) -> str:
        """The first group of the first line of the log, from now on, that has the pattern."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log += line
            found = re.search(pattern, line)
            if found:
                return found[1] if found.groups() else line
        raise AssertionError(f"never logged: {pattern}; but:\n{self.log}")

    def metric(self, series: str) -> float:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=WAIT_SECONDS) as response:  # noqa: S310 - loopback
            text = response.read().decode()
        found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
        assert found is not None, text
        return float(found[1])

    def stop(self) -> float:
        """Seconds from SIGTERM to exit code 0."""
        before = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(WAIT_SECONDS)
        after = time.monotonic()
        assert self._process.stderr is not None
        self.log += self._process.stderr.read()
        assert code == 0, self.log
        return after - before


@contextmanager
def running(**variables: str) -> Iterator[Daemon]:
    process = subprocess.Popen(
        COMMAND,
        env={**os.environ, **VARIABLES, **variables},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    # Sample its log ends with it, at the latest then.
    watchdog = threading.Timer(2 * WAIT_SECONDS, process.kill)
    watchdog.start()
    with process:
        try:
            yield Daemon(process)
        finally:
            watchdog.cancel()
            process.kill()


@contextmanager
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_the_last_numbers_are_flushed_on_sigterm(protocol: str) -> None:
    receiver = Receiver()
    serve = grpc_receiver if protocol == "grpc" else http_receiver
    with (
        serve(receiver) as url,
        running(OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_PROTOCOL=protocol) as daemon,
    ):
        daemon.line("otlp_push_on")
        assert daemon.stop() < STOP_SECONDS
    (request,) = receiver.requests
    metrics = request.resource_metrics[0].scope_metrics[0].metrics
    (resource_up,) = (metric for metric in metrics if metric.name == "isnotai.resource.up")
    assert {point.as_double for point in resource_up.gauge.data_points} == {0.0}


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_an_endpoint_that_hangs_slows_neither_scrape_nor_stop(protocol: str) -> None:
    with (
        silent() as url,
        running(
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_METRIC_EXPORT_INTERVAL="50",
            OTEL_METRIC_EXPORT_TIMEOUT="1000",
        ) as daemon,
    ):
        daemon.line("otlp_export_failed")
        assert daemon.metric("isnotai_exporter_config_last_reload_successful") == 1
        assert daemon.metric('isnotai_exporter_otlp_exports_total{outcome="success"}') == 0
        assert daemon.stop() < STOP_SECONDS
    assert "otlp_flush_failed" in daemon.log


@contextmanager
def dripping() -> Iterator[str]:
    """The URL of a server whose answers never end: each byte restarts the time-out for a read."""
    over = threading.Event()

    def drip(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
        while not over.wait(0.05):
            client.sendall(b"x")

    def answer(client: socket.socket) -> None:
        with client, suppress(OSError):
            drip(client)

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as threads:

        def accept() -> None:
            while not over.is_set():
                client, _ = server.accept()
                threads.submit(answer, client)

        accepting = threads.submit(accept)
        host, port = server.getsockname()
        try:
            yield f"http://{host}:{port}"
        finally:
            over.set()
            socket.create_connection((host, port)).close()
            accepting.result(WAIT_SECONDS)


def test_an_answer_that_never_ends_does_not_hold_up_the_stop() -> None:
    with (
        dripping() as url,
        running(
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
            OTEL_METRIC_EXPORT_INTERVAL="50",
            OTEL_METRIC_EXPORT_TIMEOUT="200",
        ) as daemon,
    ):
        daemon.line("the export before it still runs")
        assert daemon.stop() < STOP_SECONDS


def test_without_an_endpoint_no_exports_are_exposed() -> None:
    with (
        running() as daemon,
        urllib.request.urlopen(  # noqa: S310 - loopback
            f"{daemon.url}/metrics", timeout=WAIT_SECONDS
        ) as response,
    ):
        assert b"otlp" not in response.read()


def test_bad_variables_are_warned_about_and_credentials_stay_secret() -> None:
    receiver = Receiver(statuses=[401])
    with (
        http_receiver(receiver) as url,
        running(
            OTEL_EXPORTER_OTLP_ENDPOINT=url.replace("://", "://someone:passwordofmine@"),
            OTEL_EXPORTER_OTLP_HEADERS="x-token=headerofmine,brokenofmine",
            OTEL_METRIC_EXPORT_INTERVAL="50",
            OTEL_METRIC_EXPORT_TIMEOUT="soon",
            OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta",
        ) as daemon,
    ):
        daemon.line("otlp_export_failed")
        daemon.stop()
    for variable in (
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_METRIC_EXPORT_TIMEOUT",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    ):
        assert f'"setting": "{variable}"' in daemon.log
    assert receiver.headers[0]["x-token"] == "headerofmine"
    assert "ofmine" not in daemon.log
    assert f"{url}/v1/metrics" in daemon.log


def test_grpc_without_its_packages_ends_with_one_clear_line() -> None:
    code = (
        "import sys; sys.modules['grpc'] = None; from exporter.cli import main; sys.exit(main([]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            **VARIABLES,
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        },
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    assert answer.returncode == 2
    (line,) = answer.stderr.splitlines()
    assert "OTEL_EXPORTER_OTLP_PROTOCOL" in line
    assert "isnotai-exporter[grpc]" in line
