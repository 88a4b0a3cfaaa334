"""How long a scrape takes over loopback, beside a constant answer from the same server.

Serves ready expositions of one integration's series (some 300) and of about 10,000, as text and
as gzipped OpenMetrics, and prints the median of sequential scrapes over one kept connection, in
milliseconds and as a multiple of the shortest ASGI answer there can be. The client is a bare
socket in a process of its own, so that what is measured is the server. Nothing is polled.
"""

import argparse
import asyncio
import multiprocessing
import socket
import statistics
import time
from collections.abc import Sequence
from random import Random

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.collect import registry
from exporter.metrics import catalogue
from exporter.metrics.model import Histogram, Metric, Sample
from exporter.metrics.snapshot import Group, Snapshot, build
from exporter.publish.exposition import Exposition, Renderer, runtime_registry
from exporter.web.address import bind
from exporter.web.app import create_app
from exporter.web.backend import Health, Status
from exporter.web.server import Server

STARTED = 1_790_000_000.0
TEXT = "Accept: text/plain;version=0.0.4\r\n"
PROMETHEUS = (
    "Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    "\r\nAccept-Encoding: gzip\r\n"
)

OPEN_LABELS = {"flag": 30, "origin": 10, "stat": 15, "browser": 8, "family": 6}
LABELS = {"window": ("24h", "7d"), "resource": registry.NAMES, "code": ("200", "429")}


def _label_sets(metric: Metric) -> list[tuple[str, ...]]:
    """Label values for `metric`, as many as an ordinary integration has."""
    sets: list[tuple[str, ...]] = [()]
    for label in metric.labels:
        values = metric.known.get(label) or LABELS.get(label)
        if values is None:
            values = tuple(f"{label}-{number}" for number in range(OPEN_LABELS.get(label, 1)))
        sets = [(*chosen, value) for chosen in sets for value in values]
    return sets


def _samples(random: Random, *, shared: bool) -> list[Sample]:
    samples = []
    for metric in catalogue.METRICS:
        if metric.per_integration is not shared or metric is catalogue.EXPORTER_SERIES:
            continue
        for labels in _label_sets(metric):
            created = None if metric.kind == "gauge" else STARTED + random.random()
            value: float | Histogram = float(random.randrange(100_000))
            if metric.kind == "histogram":
                value = Histogram.empty(metric.buckets)
                for _ in range(50):
                    value = value.observe(random.random())
            samples.append(Sample(metric, value, labels, created))
    return samples


def _snapshot(integrations: int) -> Snapshot:
    random = Random(2)  # noqa: S311 (figures, not secrets)
    groups = [
        Group(f"campus-{number}", _samples(random, shared=True)) for number in range(integrations)
    ]
    return build([*groups, Group(None, _samples(random, shared=False))], STARTED)


class ReadySite:
    """A site with nothing but an exposition."""

    def __init__(self, exposition: Exposition) -> None:
        self.exposition: Exposition | None = exposition

    def health(self) -> Health:
        return Health(True)

    ready = health

    def status(self) -> Status:
        return Status("0", "", STARTED, STARTED, ())

    async def reload(self) -> None:
        return None


async def constant(scope: Scope, receive: Receive, send: Send) -> None:
    """The shortest answer that an ASGI application can give."""
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


def _scrape_times(
    port: int, headers: str, rounds: int, answer: "multiprocessing.Queue[list[float]]"
) -> None:
    """Seconds that each of `rounds` scrapes took, first byte sent to last byte read."""
    request = f"GET /metrics HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()
    times = []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(rounds):
            begun = time.perf_counter()
            connection.sendall(request)
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65536)
            head, _, body = received.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            missing = length - len(body)
            while missing:
                missing -= len(connection.recv(min(missing, 1 << 20)))
            times.append(time.perf_counter() - begun)
    answer.put(times)


async def _median(app: ASGIApp, headers: str, rounds: int) -> float:
    """The median scrape of `app` in milliseconds, after a tenth of the rounds to warm up."""
    server = Server(app, bind("127.0.0.1", 0))
    processes = multiprocessing.get_context("spawn")
    answer: multiprocessing.Queue[list[float]] = processes.Queue()
    async with server.running():
        client = processes.Process(
            target=_scrape_times, args=(server.port, headers, rounds, answer), daemon=True
        )
        client.start()
        times = await asyncio.to_thread(answer.get, True, 120)
        await asyncio.to_thread(client.join, 10)
    return statistics.median(times[rounds // 10 :]) * 1000


async def _measure(rounds: int, sizes: Sequence[int]) -> None:
    base = await _median(constant, "", rounds)
    print(f"{'constant answer':<40} {base:8.3f} ms")
    for integrations in sizes:
        snapshot = _snapshot(integrations)
        renderer = Renderer(runtime_registry())
        begun = time.perf_counter()
        exposition = renderer.render(snapshot)
        rendered = (time.perf_counter() - begun) * 1000
        app = create_app(ReadySite(exposition))
        print(f"{snapshot.series} series, rendered once a snapshot in {rendered:.0f} ms")
        for name, headers, body in (
            ("text", TEXT, exposition.text),
            ("OpenMetrics, gzipped", PROMETHEUS, exposition.body("openmetrics", gzipped=True)),
        ):
            median = await _median(app, headers, rounds)
            label = f"  scrape as {name}, {len(body):,} bytes"
            print(f"{label:<40} {median:8.3f} ms  {median / base:5.2f} x")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=500)
    arguments.add_argument("--integrations", type=int, nargs="*", default=[1, 24])
    chosen = arguments.parse_args()
    asyncio.run(_measure(chosen.rounds, chosen.integrations))


if __name__ == "__main__":
    main()
