"""Scrapes of this exporter and of others, side by side in one run: a table and its figures.

- **ours**: the daemon, polling a stand-in of the API that takes 50 ms for each answer.
- **prometheus-client**: its own server over live instruments, which renders at each scrape.
- **elasticsearch_exporter** (Debian's) and **prometheus-pve-exporter** (PyPI's), which ask their
  upstream while they are scraped; theirs are stand-ins that take 50 ms as well.

For each: the median and the 99th percentile of a scrape in milliseconds, processor time a scrape,
and requests to the upstream that a scrape causes, by one scraper and by ten; and the median with an
upstream that takes 2 s, or is down. `make bench` installs the peers and runs this. The numbers are
written to `--json`, which `benchmarks.draw` makes docs/performance.md's table and plot of.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fleet import Kept, at_99, static_api, write_settings
from benchmarks.processes import free_port, processor_seconds, told

TEXT = "Accept: text/plain;version=0.0.4\r\n"
FORMS = {"text": TEXT, "gzip": f"{TEXT}Accept-Encoding: gzip\r\n"}
"""What a scraper asks for. Prometheus always asks for gzip, and not every exporter gives it."""

SERIES_EACH = 419
SIZES = (300, 1_000, 10_000, 100_000)
PVE_EXPORTER = Path(".venv-peers/bin/pve_exporter")


@dataclass(frozen=True)
class Row:
    """One measurement. Milliseconds; requests to the upstream a scrape; scrapes that failed."""

    who: str
    series: int
    form: str
    upstream: str
    scrapers: int
    median: float
    at_99: float
    processor: float
    calls: float
    failed: int


@dataclass(frozen=True)
class Target:
    """What is scraped. calls: how many requests came to its upstream so far."""

    who: str
    pid: int
    port: int
    path: str
    calls: Callable[[], int] = lambda: 0


@contextmanager
def started(*command: str | Path, env: dict[str, str] | None = None) -> Iterator[int]:
    """A process that serves; its id."""
    with subprocess.Popen(
        [str(part) for part in command],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


@contextmanager
def ours(series: int, wait: float, down: bool = False) -> Iterator[Target]:
    """The daemon with as many integrations as give so many series."""
    integrations = max(1, round(series / SERIES_EACH))
    with ExitStack() as stack:
        url = stack.enter_context(static_api(wait=wait))
        if down:
            url = f"http://127.0.0.1:{free_port()}"
        folder = stack.enter_context(TemporaryDirectory())
        file, keys = write_settings(Path(folder), url, integrations)
        port = free_port()
        pid = stack.enter_context(
            started(
                sys.executable, "-m", "exporter", f"--config.file={file}",
                f"--web.listen-address=127.0.0.1:{port}", "--log.level=error", env=keys,
            )
        )  # fmt: skip
        target = Target("isnotai-exporter", pid, port, "/metrics")
        wait_for(target)
        # Until each integration was polled once.
        time.sleep(5 + 0.06 * integrations)
        yield target


@contextmanager
def live(series: int) -> Iterator[Target]:
    with told("benchmarks.live_server", series) as (pid, where):
        yield Target("prometheus-client, live", pid, where["port"], "/metrics")


@contextmanager
def elasticsearch(items: int, wait: float, down: bool = False) -> Iterator[Target]:
    upstream = told("benchmarks.peer_upstream", "elasticsearch", "--wait", wait, "--items", items)
    with upstream as (_, where):
        port, url = free_port(), f"http://127.0.0.1:{free_port() if down else where['port']}"
        calls = Kept(where["calls_port"])
        with started(
            "prometheus-elasticsearch-exporter", f"--es.uri={url}", "--es.all",
            f"--web.listen-address=127.0.0.1:{port}",
        ) as pid:  # fmt: skip
            target = Target(
                "elasticsearch_exporter", pid, port, "/metrics",
                calls=lambda: int(calls.get("/-/calls")[1]),
            )  # fmt: skip
            wait_for(target)
            yield target


@contextmanager
def proxmox(items: int, wait: float, down: bool = False) -> Iterator[Target]:
    upstream = told("benchmarks.peer_upstream", "proxmox", "--wait", wait, "--items", items)
    with upstream as (_, where), TemporaryDirectory() as folder:
        port, there = free_port(), free_port() if down else where["port"]
        config = Path(folder) / "pve.yml"
        config.write_text(
            "default: {user: a@pve, token_name: t, token_value: v, verify_ssl: false}\n"
        )
        calls = Kept(where["calls_port"])
        with started(
            PVE_EXPORTER, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"
        ) as pid:
            target = Target(
                "prometheus-pve-exporter", pid, port, f"/pve?target=127.0.0.1:{there}",
                calls=lambda: int(calls.get("/-/calls")[1]),
            )  # fmt: skip
            wait_for(Target("", pid, port, "/"))
            yield target


def wait_for(target: Target) -> None:
    """Until it answers at all."""
    kept, until = Kept(target.port), time.monotonic() + 60
    while kept.get(target.path)[0] != 200:
        if time.monotonic() > until:
            raise RuntimeError(f"{target.who} does not answer")
        time.sleep(0.05)


def tree_seconds(pid: int) -> float:
    """Processor seconds of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return processor_seconds(pid) + sum(tree_seconds(int(child)) for child in children)


def scrape(target: Target, upstream: str, scrapers: int, rounds: int, form: str = "gzip") -> Row:
    """`rounds` scrapes by each of so many scrapers, after one that is not counted."""
    times: list[float] = []
    failed: list[bool] = []
    series = sum(
        b" " in line and not line.startswith(b"#")
        for line in Kept(target.port).get(target.path)[1].splitlines()
    )

    def run() -> None:
        kept = Kept(target.port)
        for _ in range(rounds):
            began = time.perf_counter()
            status, _ = kept.get(target.path, FORMS[form])
            times.append(time.perf_counter() - began)
            failed.append(status != 200)

    spent, calls = tree_seconds(target.pid), target.calls()
    threads = [threading.Thread(target=run) for _ in range(scrapers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent, calls = tree_seconds(target.pid) - spent, target.calls() - calls
    return Row(
        target.who,
        series,
        form,
        upstream,
        scrapers,
        statistics.median(times) * 1e3,
        at_99(times) * 1e3,
        spent / len(times) * 1e3,
        calls / len(times),
        sum(failed),
    )


def show(row: Row) -> Row:
    print(
        f"{row.who:<26} {row.series:>8,} series  {row.form}  {row.upstream:<5} "
        f"{row.scrapers:>2} scrapers  "
        f"median {row.median:9.2f} ms  99 % {row.at_99:9.2f} ms  "
        f"processor {row.processor:8.2f} ms  upstream {row.calls:5.1f}  "
        f"failed {row.failed}",
        flush=True,
    )
    return row


def measure(sizes: Sequence[int], rounds: int, others: bool) -> Iterator[Row]:
    """All rows. others: also those of the peers that ask their upstream."""
    for size in sizes:
        fewer = max(10, min(rounds, rounds * 1_000 // size))
        for peer in (ours(size, 0.05), live(size)):
            with peer as target:
                for form in FORMS:
                    for scrapers in (1, 10):
                        each = max(3, fewer // scrapers)
                        yield scrape(target, "50 ms", scrapers, each, form)
    if not others:
        return
    for items in (2, 20):
        with elasticsearch(items, 0.05) as target:
            for scrapers in (1, 10):
                yield scrape(target, "50 ms", scrapers, max(3, rounds // 5 // scrapers))
        with proxmox(items, 0.05) as target:
            for scrapers in (1, 10):
                yield scrape(target, "50 ms", scrapers, max(2, rounds // 10 // scrapers))
    for name, wait, down in (("2 s", 2.0, False), ("down", 0.05, True)):
        with ours(SERIES_EACH, wait, down) as target:
            yield scrape(target, name, 1, rounds // 5)
        with elasticsearch(2, wait, down) as target:
            yield scrape(target, name, 1, 4)
        with proxmox(2, wait, down) as target:
            yield scrape(target, name, 1, 3)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--only-rendering", action="store_true", help="leave those others out")
    parser.add_argument("--json", type=Path, help="where to write the rows")
    options = parser.parse_args(arguments)
    others = not options.only_rendering
    installed = shutil.which("prometheus-elasticsearch-exporter") and PVE_EXPORTER.exists()
    if others and not installed:
        parser.error("the peers are not installed; `make bench` does that")
    rows = [asdict(show(row)) for row in measure(options.sizes, options.rounds, others)]
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
