"""A simulator with faults, a daemon that reads it, a Prometheus that scrapes it: real processes.

They listen on loopback and end with the block. Nothing is polled faster than a few times a second,
and every wait has an end.
"""

import json
import os
import selectors
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from prometheus_client.parser import text_string_to_metric_families

from tests.ports import free_port

WAIT_SECONDS = 90.0
STOP_SECONDS = 10.0
PAUSE_SECONDS = 0.25
INTEGRATION = "demo"
JOB = "isnotai"

SIMULATOR = (
    *("--tier", "enterprise", "--rate", "4", "--port", "0", "--exit-with-parent"),
    *("--late-share", "0.2", "--late-max", "25s", "--invalid-share", "0.05"),
    *("--lifetime-min", "2s", "--lifetime-max", "8s", "--history", "6h", "--flat"),
)
"""At any hour as many sessions; some come late (beyond the overlap below) or do not decode, and all
settle soon."""

FAULTS = {
    "status_5xx": 0.3,
    "status_429": 0.15,
    "garbage": 0.15,
    "retry_after_seconds": 0.1,
}

SETTINGS = {
    "ISNOTAI_INTEGRATION": INTEGRATION,
    "ISNOTAI_LOG_LEVEL": "error",
    "ISNOTAI_POLL_SESSIONS_INTERVAL": "1s",
    "ISNOTAI_POLL_STATS_INTERVAL": "2s",
    "ISNOTAI_POLL_ANALYTICS_INTERVAL": "4s",
    "ISNOTAI_POLL_USAGE_INTERVAL": "4s",
    "ISNOTAI_POLL_INTEGRATION_INTERVAL": "4s",
    "ISNOTAI_POLL_HEALTH_INTERVAL": "2s",
    "ISNOTAI_POLL_USERS_INTERVAL": "1m",
    "ISNOTAI_POLL_COURSES_INTERVAL": "1m",
    "ISNOTAI_POLL_OPENAPI_INTERVAL": "1m",
    # Gauges of a resource whose polls fail for long would go away, as they should.
    "ISNOTAI_POLL_STALE_AFTER": "10m",
    "ISNOTAI_SESSIONS_LOOKBACK": "2h",
    "ISNOTAI_SESSIONS_OVERLAP": "5s",
    "ISNOTAI_SESSIONS_SETTLE_AFTER": "15s",
    "ISNOTAI_SESSIONS_MAX_FLAGS": "3",
    "ISNOTAI_SESSIONS_DETAILS": "true",
    "ISNOTAI_OTLP_FINDINGS": "true",
    "ISNOTAI_BUDGET_SHARE": "1",
    "ISNOTAI_QUOTA_LIMITS": (
        "api_calls=100000,sessions=500000,events=90000000,storage_bytes=100000000000"
    ),
}

PLACES = """\
sessions: {places: [{name: course, pattern: '/courses/(\\d+)'}]}
"""
"""What only a file can say."""

Sample = tuple[str, Mapping[str, str]]
Scrape = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class StageError(Exception):
    """A process did not start, or what was waited for did not come; the text says which."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """What runs: the addresses of the simulator and of the daemon."""

    simulator: str
    daemon: str

    @property
    def instance(self) -> str:
        """The daemon's value of the `instance` label."""
        return self.daemon.removeprefix("http://")

    def scrape(self) -> Scrape:
        """All samples that the daemon exposes now, by name and labels."""
        return samples(fetch(f"{self.daemon}/metrics"))

    def set_faults(self, faults: Mapping[str, object]) -> None:
        """Let the simulated API fail in these ways from now on."""
        fetch(f"{self.simulator}/_simulator/faults", json.dumps(faults).encode())


def samples(text: str) -> Scrape:
    """The samples of a text exposition, by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def fetch(url: str, body: bytes | None = None) -> str:
    """The body of an answer. Raises OSError."""
    with urllib.request.urlopen(url, body, timeout=10) as answer:  # noqa: S310 - loopback
        text: str = answer.read().decode()
        return text


def wait_until(what: str, holds: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Return once `holds` does; what cannot be reached yet does not hold. Raises StageError."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except OSError:
            pass  # not yet listening
        if time.monotonic() >= deadline:
            raise StageError(f"waited {seconds:.0f} s in vain for {what}")
        pause.wait(PAUSE_SECONDS)


@contextmanager
def running(
    command: list[str], environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the block."""
    full = {**os.environ, **(environ or {})}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=full) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def exporter(
    port: int,
    otlp: str,
    settings: Mapping[str, str] = SETTINGS,
    simulator_options: tuple[str, ...] = SIMULATOR,
) -> Iterator[Addresses]:
    """A daemon on this port and its simulator, once it has caught up with the lookback.

    otlp: the URL that it pushes to. Raises StageError.
    """
    simulate = [sys.executable, "-m", "exporter", "simulate", *simulator_options]
    with TemporaryDirectory() as folder, running(simulate) as simulator:
        told = json.loads(_first_line(simulator))
        file = Path(folder, "places.yaml")
        file.write_text(PLACES)
        environ = {
            **settings,
            "ISNOTAI_CONFIG_FILE": str(file),
            "OTEL_EXPORTER_OTLP_ENDPOINT": otlp,
            "OTEL_METRIC_EXPORT_INTERVAL": "2000",
            "ISNOTAI_BASE_URL": told["url"],
            "ISNOTAI_API_KEY": told["key"],
            "ISNOTAI_WEB_LISTEN_ADDRESS": f"127.0.0.1:{port}",
        }
        with running([sys.executable, "-m", "exporter"], environ):
            stage = Addresses(told["url"], f"http://127.0.0.1:{port}")
            wait_until("the daemon to catch up", lambda: _caught_up(stage.scrape()))
            yield stage


def _first_line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise StageError("the simulator has no output")
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(WAIT_SECONDS):
            raise StageError("the simulator did not start")
    return process.stdout.readline()


def _caught_up(now: Scrape) -> bool:
    values = {name: value for (name, _), value in now.items()}
    behind = time.time() - values.get("isnotai_session_frontier_timestamp_seconds", 0)
    return behind < 60 and "isnotai_session_coverage_ratio" in values


@contextmanager
def prometheus(
    program: Path, folder: Path, target: str, rules: tuple[Path, ...] = ()
) -> Iterator[str]:
    """A Prometheus over the blocks in `folder`, which scrapes `target` each second; its URL.

    target: host:port, or empty for none.
    """
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {"job_name": JOB, "static_configs": [{"targets": [target] if target else []}]}
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.parent / "prometheus.yml"
    path.write_text(json.dumps(config))  # JSON is YAML
    address = f"127.0.0.1:{free_port()}"
    command = [
        str(program),
        f"--config.file={path}",
        f"--storage.tsdb.path={folder}",
        # Blocks may be of any time.
        "--storage.tsdb.retention.time=10y",
        f"--web.listen-address={address}",
        "--log.level=error",
    ]
    with running(command):
        wait_until("Prometheus", lambda: bool(fetch(f"http://{address}/-/ready")))
        yield f"http://{address}"
