"""What one poll costs, in numbers that do not depend on the machine; a test holds them.

For 1 and for 300 integrations, of which one polls health and sessions: calls of Python and C
functions until the poll can be scraped, the most memory that was allocated meanwhile, requests,
their bytes, and the bytes of the part that is scraped. Time and answers are fixed, and no socket
is opened. `make guard` writes the figures of this Python anew to guard.json.

Calls are counted, and not the processor's instructions. Callgrind slows the interpreter down
fiftyfold, and its figures hold for one build of CPython on one processor.
"""

import argparse
import asyncio
import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

import httpx
from pydantic import SecretStr

from benchmarks.static_api import Api, key_of, number_of
from exporter.api.retry import RetryPolicy
from exporter.ledger.store import Store
from exporter.metrics.telemetry import dropped_counter
from exporter.net.network import Network
from exporter.pipeline import Pipeline
from exporter.pipelines import Pipelines
from exporter.polling.frame import Poller
from exporter.polling.timetable import Timetable
from exporter.publish.publisher import Publisher, Source
from exporter.settings.model import IntegrationSettings, Settings
from exporter.shared import Shared

STORED = Path(__file__).with_name("guard.json")
SIZES = (1, 300)
NOON = 1_790_000_000.0 // 86_400 * 86_400 + 43_200
URL = "http://api.test"


class SteppedClock:
    """A clock that stands still until it is set forward."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> float:
        return NOON + self.passed

    def monotonic(self) -> float:
        return 1000.0 + self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds
        await asyncio.sleep(0)


@dataclass(frozen=True)
class Figures:
    """calls: of functions. allocated: bytes, at most. sent, scraped: bytes."""

    calls: int
    allocated: int
    requests: int
    sent: int
    scraped: int


class _Wire:
    """Answers in place of a network, and counts what is sent."""

    def __init__(self, clock: SteppedClock) -> None:
        self._clock = clock
        self._api = Api(now=clock.now)
        self.requests = self.sent = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode()
        head = [f"{name}: {value}" for name, value in request.headers.items()]
        self.requests += 1
        self.sent += len("\r\n".join([f"GET {target} HTTP/1.1", *head, "", ""]))
        body = self._api.answer(target, number_of(request.headers.get("authorization", "")))
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(self._clock.now()))
        headers = {"Date": date, "x-isnotai-tier": "enterprise"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body or b""))


def _settings(integrations: int) -> Settings:
    entries = tuple(
        IntegrationSettings(name=f"campus-{n:03d}", api_key=SecretStr(key_of(n)))
        for n in range(integrations)
    )
    return Settings(base_url=URL, integrations=entries)


def _poller(pipeline: Pipeline, resource: str) -> Poller:
    return next(it for it in pipeline.pollers if it.resource == resource)


class _Calls:
    """Counts the calls of this thread while it is entered."""

    def __init__(self) -> None:
        self.count = 0

    def _note(self, frame: FrameType, event: str, argument: object) -> None:
        self.count += event in ("call", "c_call")

    def __enter__(self) -> "_Calls":
        sys.setprofile(self._note)
        return self

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)


async def _measure(integrations: int) -> Figures:
    clock = SteppedClock()
    wire = _Wire(clock)
    store = Store(None, clock.now)
    publisher = Publisher(clock)
    shared = Shared(store, clock, publisher.changed, RetryPolicy(lambda: 0.5), Timetable(clock))
    dropped = dropped_counter(clock.now())
    pipelines = Pipelines(shared, (clock.now(), clock.monotonic()), dropped)
    plan = pipelines.plan(_settings(integrations), Network.read({}))
    for pool in plan.connections.values():
        pool._transport = httpx.MockTransport(wire.answer)
    pipelines.begin(plan)
    sources: dict[str | None, Source] = {None: Source(dropped.samples)}
    for pipeline in pipelines:
        sources[pipeline.name] = Source(pipeline.samples, pipeline.steady)
    publisher.follow(sources)
    one = list(pipelines)[integrations // 2]

    async def polled() -> None:
        for resource in ("health", "sessions"):
            await _poller(one, resource).poll()
        await publisher.renew_changed()
        await publisher.renew_own()

    try:
        for pipeline in pipelines:
            await _poller(pipeline, "health").poll()
        for poller in one.pollers:
            await poller.poll()
        await publisher.renew()
        for _ in range(2):
            clock.passed += 60
            await polled()
        clock.passed += 60
        requests, sent = wire.requests, wire.sent
        with _Calls() as calls:
            await polled()
        requests, sent = wire.requests - requests, wire.sent - sent
        allocated = [await _peak_of(polled, clock) for _ in range(5)]
        exposition = publisher.exposition
        assert exposition is not None
        scraped = len(exposition.only([one.name]).openmetrics)
        return Figures(calls.count, min(allocated), requests, sent, scraped)
    finally:
        await pipelines.close()
        await store.close()


async def _peak_of(polled: Callable[[], Awaitable[None]], clock: SteppedClock) -> int:
    """Bytes that one poll allocates, at most; what else waits to be collected is not among them."""
    clock.passed += 60
    gc.collect()
    tracemalloc.start()
    await polled()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def measure(sizes: Sequence[int] = SIZES) -> dict[str, Figures]:
    """The figures by the number of integrations."""
    return {str(size): asyncio.run(_measure(size)) for size in sizes}


def version() -> str:
    """The Python whose figures these are: another compiles and calls otherwise."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--write", action="store_true", help="renew guard.json")
    options = parser.parse_args(arguments)
    measured = {size: asdict(figures) for size, figures in measure(options.sizes).items()}
    print(json.dumps(measured, indent=2))
    if options.write:
        stored = json.loads(STORED.read_text()) if STORED.exists() else {}
        stored[version()] = measured
        STORED.write_text(json.dumps(dict(sorted(stored.items())), indent=2) + "\n")


if __name__ == "__main__":
    main()
