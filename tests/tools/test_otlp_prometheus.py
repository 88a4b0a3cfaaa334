"""Prometheus as the judge: what is pushed to its OTLP receiver equals what it scrapes."""

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from opentelemetry.sdk.metrics.export import MetricExportResult
from prometheus_client import CollectorRegistry

from exporter.metrics import catalogue
from exporter.metrics.snapshot import Snapshot
from exporter.publish.exposition import CONTENT_TYPES, Renderer
from exporter.publish.otlp_client import connect
from exporter.publish.otlp_data import metrics_data, resource
from exporter.publish.otlp_settings import read_otlp
from tests.ports import free_port
from tests.publish.test_otlp_data import whole_catalogue

pytestmark = pytest.mark.tools

WAIT_SECONDS = 40.0
OVERLAP_SECONDS = 120
"""The default of sessions.overlap: how far the frontier stays behind a walk's beginning."""
SCRAPED = "scraped"
PUSHED = "isnotai-exporter"
KEY = "aik_v1_" + "x" * 40

T = TypeVar("T")
Series = tuple[str, frozenset[tuple[str, str]]]
Tool = Callable[[str], Path]


def get(url: str, data: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, data=data, timeout=10) as response:  # noqa: S310 - loopback
        content: bytes = response.read()
        return content


@contextmanager
def program(command: list[str], log: Path, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block; its output goes to `log`."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **environ}
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def until(condition: Callable[[], T | None], process: subprocess.Popen[bytes], log: Path) -> T:
    """The first value that is not None; the process must live until then."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            value = condition()
        except (urllib.error.URLError, ConnectionError):
            value = None
        if value is not None:
            return value
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            assert time.monotonic() < deadline, log.read_text()[-3000:]
        else:
            raise AssertionError(log.read_text()[-3000:])


@dataclass
class Prometheus:
    """A Prometheus that scrapes one target and takes pushes."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def otlp(self) -> str:
        return f"{self.url}/api/v1/otlp"

    def query(self, expression: str) -> list[dict[str, Any]]:
        parameters = urllib.parse.urlencode({"query": expression})
        result: list[dict[str, Any]] = json.loads(get(f"{self.url}/api/v1/query?{parameters}"))[
            "data"
        ]["result"]
        return result

    def series(self, job: str) -> dict[Series, Any]:
        """Values, or histograms, by name and labels; without the labels that name the target.

        A bound of 1 is le="1.0" where Prometheus 3 scraped it and le="1" where it was pushed to
        its receiver, whoever pushes; here it is a number. Start times, which OpenMetrics writes
        as `_created` series and OTLP as a field of each point, are left out.
        """
        found = {}
        for item in self.query(f'{{__name__=~"isnotai_.*",job="{job}"}}'):
            labels = dict(item["metric"])
            name = labels.pop("__name__")
            del labels["job"], labels["instance"]
            if "le" in labels:
                labels["le"] = str(float(labels["le"]))
            if name.endswith("_created"):
                continue
            value = item["value"][1] if "value" in item else item["histogram"][1]
            found[name, frozenset(labels.items())] = value
        return found

    def until(self, condition: Callable[[], T | None]) -> T:
        return until(condition, self.process, self.log)

    def equal(self) -> dict[Series, Any]:
        """Wait until scrape and push give the same; shows the difference otherwise."""
        both: dict[str, dict[Series, Any]] = {}

        def same() -> bool | None:
            both.update({job: self.series(job) for job in (SCRAPED, PUSHED)})
            return True if both[SCRAPED] and both[SCRAPED] == both[PUSHED] else None

        try:
            self.until(same)
        except AssertionError:
            assert both[PUSHED] == both[SCRAPED]
            raise
        return both[PUSHED]


@contextmanager
def prometheus(
    tool: Tool, folder: Path, target: str, *, native: bool = False
) -> Iterator[Prometheus]:
    """Prometheus 3 with its OTLP receiver; `native`: classic histograms become native ones."""
    job: dict[str, Any] = {"job_name": SCRAPED, "static_configs": [{"targets": [target]}]}
    if native:
        job |= {"convert_classic_histograms_to_nhcb": True, "scrape_native_histograms": True}
    config: dict[str, Any] = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [job],
    }
    if native:
        config["otlp"] = {"convert_histograms_to_nhcb": True}
    path, log = folder / "prometheus.yml", folder / "prometheus.log"
    path.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = [
        str(tool("prometheus")),
        f"--config.file={path}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--web.enable-otlp-receiver",
    ]
    with program(command, log) as process:
        server = Prometheus(f"http://{address}", process, log)
        server.until(lambda: get(f"{server.url}/-/ready"))
        yield server


@contextmanager
def exposition(snapshot: Snapshot) -> Iterator[str]:
    """An address whose /metrics is the snapshot's exposition."""
    body = Renderer(CollectorRegistry()).render(snapshot).openmetrics

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPES["openmetrics"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)


def push(snapshot: Snapshot, endpoint: str, **variables: str) -> bool:
    """Send the snapshot as the daemon does."""
    settings, warnings = read_otlp({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **variables})
    assert settings is not None
    assert warnings == ()
    data = metrics_data(snapshot, resource(settings.resource, "here-1"), snapshot.taken - 60)
    client = connect(settings, 10.0)
    try:
        return client.export(data) is MetricExportResult.SUCCESS
    finally:
        client.shutdown()


def names(series: Mapping[Series, Any]) -> set[str]:
    return {name for name, _ in series}


def test_every_metric_of_the_catalogue_is_equal_by_query(tool: Tool, tmp_path: Path) -> None:
    snapshot = whole_catalogue(taken=time.time(), created=time.time() - 3600)
    with exposition(snapshot) as target, prometheus(tool, tmp_path, target) as server:
        assert push(snapshot, server.otlp)
        series = server.equal()
        (info,) = server.query("target_info")
    assert len(series) == snapshot.series
    for metric in catalogue.METRICS:
        suffix = "_count" if metric.kind == "histogram" else ""
        assert f"{metric.exposed_name}{suffix}" in names(series)
    assert info["metric"]["job"] == PUSHED
    assert info["metric"]["instance"] == "here-1"


def test_histograms_become_native_ones_with_custom_buckets(tool: Tool, tmp_path: Path) -> None:
    snapshot = whole_catalogue(taken=time.time(), created=time.time() - 3600)
    with (
        exposition(snapshot) as target,
        prometheus(tool, tmp_path, target, native=True) as server,
    ):
        assert push(snapshot, server.otlp)
        series = server.equal()
        share = server.query(
            f'histogram_fraction(0.7, +Inf, isnotai_session_bot_score{{job="{PUSHED}"}})'
        )
    (score,) = (value for (name, _), value in series.items() if name == "isnotai_session_bot_score")
    assert (score["count"], len(score["buckets"])) == ("4", 3)
    assert "isnotai_session_bot_score_bucket" not in names(series)
    # Of 0.05, 0.7, 0.7 and one above all bounds, one lies above 0.7.
    assert [float(item["value"][1]) for item in share] == [0.25]


@contextmanager
def simulator(folder: Path) -> Iterator[str]:
    """The simulated API, as its URL."""
    log = folder / "simulator.log"
    command = [sys.executable, "-m", "exporter", "simulate", "--tier=enterprise", f"--key={KEY}"]
    with program([*command, "--rate=0.2", "--history=4h"], log) as process:

        def url() -> str | None:
            found = re.search(r'"url": "([^"]+)"', log.read_text())
            return found[1] if found else None

        yield until(url, process, log)


OF_ONE_PROCESS = [
    metric
    for metric in catalogue.METRICS
    if metric not in (catalogue.EXPORTER_POLLER, catalogue.EXPORTER_STATE_LOSSES)
]
"""What a daemon shows that shares its state with no other."""


@dataclass
class Exporter:
    """A daemon, as its clients see it."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def until(self, condition: Callable[[], T | None]) -> T:
        return until(condition, self.process, self.log)

    def text(self) -> str:
        return get(f"http://{self.address}/metrics").decode()


@contextmanager
def exporter(folder: Path, api: str, address: str, **variables: str) -> Iterator[Exporter]:
    """A daemon that polls the simulated API, its pushes going where the variables say."""
    log, file = folder / "exporter.log", folder / "places.yml"
    file.write_text("sessions: {places: [{name: course, pattern: '/courses/([0-9]+)'}]}")
    settings = {
        "ISNOTAI_API_KEY": KEY,
        "ISNOTAI_BASE_URL": api,
        # All that is off by default, so that every metric is there.
        "ISNOTAI_CONFIG_FILE": str(file),
        "ISNOTAI_SESSIONS_DETAILS": "true",
        "ISNOTAI_OTLP_FINDINGS": "true",
        "ISNOTAI_POLL_USERS_INTERVAL": "1m",
        "ISNOTAI_POLL_COURSES_INTERVAL": "1m",
        "ISNOTAI_WEB_LISTEN_ADDRESS": address,
        "ISNOTAI_SESSIONS_LOOKBACK": "3h",
        "ISNOTAI_POLL_SESSIONS_INTERVAL": "3s",
        "ISNOTAI_QUOTA_LIMITS": "api_calls=1000000,sessions=250000",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
    }
    with program([sys.executable, "-m", "exporter"], log, **{**settings, **variables}) as process:
        found = Exporter(address, process, log)
        found.until(lambda: get(f"http://{address}/-/ready"))
        yield found
    assert process.returncode == 0, log.read_text()


def test_a_running_exporter_gives_equal_values_once_the_api_is_quiet(
    tool: Tool, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{free_port()}"
    with ExitStack() as stack:
        server = stack.enter_context(prometheus(tool, tmp_path, address))
        started = int(time.time())
        api = stack.enter_context(simulator(tmp_path))
        stack.enter_context(
            exporter(tmp_path, api, address, OTEL_EXPORTER_OTLP_ENDPOINT=server.otlp)
        )
        get(f"{api}/_simulator/freeze", b"")
        # Pages are counted as they come; a frontier from after the start means one whole walk.
        frontier = f'isnotai_session_frontier_timestamp_seconds{{job="{PUSHED}"}}'
        server.until(lambda: server.query(f"{frontier} >= {started - OVERLAP_SECONDS}") or None)
        polls = f'isnotai_polls_total{{job="{PUSHED}",outcome="success"}}'
        server.until(lambda: server.query(f"min({polls}) > 0") or None)
        series = server.equal()
        starts = server.query(f'resets(isnotai_sessions_total{{job="{PUSHED}"}}[5m])')
    for metric in OF_ONE_PROCESS:
        suffix = "_count" if metric.kind == "histogram" else ""
        assert f"{metric.exposed_name}{suffix}" in names(series)
    assert [float(item["value"][1]) for item in starts] == [0]
