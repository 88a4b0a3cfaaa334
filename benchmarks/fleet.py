"""What one process costs that polls 1, 30, 100, 300 and 1,000 integrations, at default intervals.

The API is a stand-in on loopback in a process of its own, three sessions a minute and integration.
For each size a daemon is started from one YAML file. Measured from outside: the time to the first
200 of /-/healthy and to the first /metrics, how long /-/healthy takes while all is polled (an upper
bound of the event loop's lag), processor time and memory in steady state, the spread of polls as
the API sees it, and what a scrape takes. `--silent N` leaves N integrations without any answer.
Needs Linux's /proc.

    python -m benchmarks.fleet 1 100 --seconds 40
"""

import argparse
import json
import math
import re
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.processes import MIB, free_port, memory, processor_seconds, told
from benchmarks.static_api import key_of

SIZES = (1, 30, 100, 300, 1000)
ASKED_EVERY = 0.05
SCRAPED_EVERY = 15.0
INTERVALS = {"health": 60.0, "sessions": 60.0, "stats": 300.0, "integration": 900.0}


@dataclass
class Figures:
    """Seconds, bytes and parts of one core, of one daemon."""

    integrations: int
    healthy: float = 0.0
    first_metrics: float = 0.0
    memory: float = 0.0
    processor: float = 0.0
    asked: list[float] = field(default_factory=list)
    scraped: list[float] = field(default_factory=list)
    scraped_bytes: int = 0
    series: int = 0
    requests: float = 0.0
    busiest: float = 0.0
    latest: float = 0.0

    def row(self) -> str:
        asked = self.asked or [0.0]
        scrape = statistics.median(self.scraped) if self.scraped else 0.0
        return (
            f"| {self.integrations:,} | {self.series:,} | {self.healthy:.2f} | "
            f"{self.first_metrics:.2f} | {self.memory / MIB:.0f} | {self.processor:.1%} | "
            f"{at_99(asked) * 1e3:.1f} | {max(asked) * 1e3:.1f} | {self.requests:.1f} | "
            f"{self.busiest:.2f} | {self.latest:.1%} | {scrape * 1e3:.1f} | "
            f"{self.scraped_bytes / 1e3:,.0f} |"
        )


HEADER = (
    "| integrations | series | healthy after (s) | metrics after (s) | memory (MiB) | "
    "of a core | /-/healthy at 99 % (ms) | at most (ms) | requests/s | busiest second / mean | "
    "latest poll / interval | scrape (ms) | gzipped (kB) |\n" + "|---:" * 13 + "|"
)


def at_99(times: Sequence[float]) -> float:
    """The 99th percentile, by nearest rank; of few times it is the longest."""
    return sorted(times)[math.ceil(len(times) * 0.99) - 1]


class Kept:
    """One connection, kept where the server keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def get(self, path: str, headers: str = "") -> tuple[int, bytes]:
        """Status and body, chunked or not; (0, b"") while nobody listens."""
        for _ in range(2):
            kept = self._socket is not None
            try:
                return self._ask(path, headers)
            except OSError:
                self._close()
                if not kept:
                    break
        return 0, b""

    def _ask(self, path: str, headers: str) -> tuple[int, bytes]:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=90)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host = f"Host: localhost:{self._port}"
        self._socket.sendall(f"GET {path} HTTP/1.1\r\n{host}\r\n{headers}\r\n".encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, body = received.partition(b"\r\n\r\n")
        parts = [body]
        if found := re.search(rb"content-length: (\d+)", head, re.I):
            missing = int(found[1]) - len(body)
            while missing > 0:
                parts.append(self._more())
                missing -= len(parts[-1])
        else:
            while not parts[-1].endswith(b"0\r\n\r\n"):
                parts.append(self._more())
        if head.startswith(b"HTTP/1.0") or b"connection: close" in head.lower():
            self._close()
        return int(head.split(b" ")[1]), b"".join(parts)

    def _more(self) -> bytes:
        assert self._socket is not None
        more = self._socket.recv(1 << 20)
        if not more:
            raise ConnectionResetError
        return more

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None


@contextmanager
def static_api(silent: int = 0, wait: float = 0.0) -> Iterator[str]:
    """The stand-in; its address."""
    with told("benchmarks.static_api", "--silent", silent, "--wait", wait) as (_, where):
        yield where["url"]


def write_settings(folder: Path, url: str, integrations: int) -> tuple[Path, dict[str, str]]:
    """A settings file with so many integrations, and the variables that hold their keys."""
    keys = {f"KEY_{n}": key_of(n) for n in range(integrations)}
    entries = [f"  - {{name: campus-{n:04d}, api_key_env: KEY_{n}}}\n" for n in range(integrations)]
    file = folder / "settings.yml"
    file.write_text(f"base_url: {url}\nintegrations:\n{''.join(entries)}")
    return file, keys


def measure(integrations: int, seconds: float, settle: float, silent: int) -> Figures:
    """Run one daemon: so long to settle, then so long measured."""
    figures = Figures(integrations)
    with static_api(silent) as url, TemporaryDirectory() as folder:
        file, keys = write_settings(Path(folder), url, integrations)
        port = free_port()
        command = [sys.executable, "-m", "exporter", f"--config.file={file}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        api = Kept(int(url.rpartition(":")[2]))
        began = time.perf_counter()
        with subprocess.Popen(command, env=keys) as process:
            try:
                _follow(figures, process, Kept(port), api, began, seconds, settle, silent)
            finally:
                process.terminate()
    return figures


def _follow(
    figures: Figures,
    process: "subprocess.Popen[bytes]",
    daemon: Kept,
    api: Kept,
    began: float,
    seconds: float,
    settle: float,
    silent: int,
) -> None:
    def passed() -> float:
        return time.perf_counter() - began

    while daemon.get("/-/healthy")[0] != 200:
        if process.poll() is not None or passed() > 120:
            raise RuntimeError("the daemon did not start")
        time.sleep(0.005)
    figures.healthy = passed()
    while daemon.get("/metrics")[0] != 200:
        time.sleep(0.02)
    figures.first_metrics = passed()
    while passed() < settle:
        daemon.get("/-/healthy")
        time.sleep(0.2)
    api.get("/-/forget")
    start, spent = passed(), processor_seconds(process.pid)
    scrape_due = start + 2
    while passed() < start + seconds:
        asked = time.perf_counter()
        if daemon.get("/-/healthy")[0] != 200:
            raise RuntimeError("the daemon is not healthy")
        figures.asked.append(time.perf_counter() - asked)
        if passed() > scrape_due:
            scrape_due += SCRAPED_EVERY
            headers = "Accept: application/openmetrics-text;version=1.0.0\r\n"
            asked = time.perf_counter()
            _, body = daemon.get("/metrics", headers + "Accept-Encoding: gzip\r\n")
            figures.scraped.append(time.perf_counter() - asked)
            figures.scraped_bytes = len(body)
        time.sleep(ASKED_EVERY)
    took = passed() - start
    figures.processor = (processor_seconds(process.pid) - spent) / took
    figures.memory = memory(process.pid)
    _read_arrivals(figures, json.loads(api.get("/-/arrivals")[1]), took, silent)
    found = re.search(rb"^isnotai_exporter_series (\S+)$", daemon.get("/metrics")[1], re.M)
    figures.series = int(float(found[1])) if found else 0


def _read_arrivals(
    figures: Figures, rows: list[tuple[float, int, str]], took: float, silent: int
) -> None:
    """How even the requests came, and how late the latest poll was; of health and sessions."""
    figures.requests = len(rows) / took
    by_second: dict[int, int] = defaultdict(int)
    last: dict[tuple[int, str], float] = {}
    latest = 0.0
    for at, key, resource in rows:
        by_second[int(at)] += 1
        interval = INTERVALS.get(resource)
        # Keyless requests name no integration.
        if interval is None or key < silent:
            continue
        before = last.get((key, resource))
        if before is not None and at - before > interval / 2:
            latest = max(latest, (at - before) / interval - 1)
        last[key, resource] = at if before is None or at - before > interval / 2 else before
    counts = [by_second[second] for second in sorted(by_second)[1:-1]] or [0]
    mean = sum(counts) / len(counts) or 1.0
    figures.busiest = max(counts) / mean
    figures.latest = latest


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--seconds", type=float, default=65.0, help="how long to measure")
    parser.add_argument("--settle", type=float, default=66.0, help="how long to wait before")
    parser.add_argument("--silent", type=int, default=0, help="so many are never answered")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args(arguments)
    print(HEADER, flush=True)
    rows = []
    for size in options.sizes:
        rows.append(measure(size, options.seconds, options.settle, options.silent))
        print(rows[-1].row(), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows]) + "\n")


if __name__ == "__main__":
    main()
