"""How many sessions a second go from HTTP page to committed counters, on one core over loopback.

The simulator serves on the same core, as cores share more than one sees: a busy one beside it took
a fifth of its speed. The largest tier's limit is 6,000 requests a minute of 100 sessions, so 10,000
a second is what the exporter must be able to count. Prints the rate by wall time, the simulator's
included, and by the exporter's own processor time, the ratio to the same pages only fetched, and to
what json and msgspec take to decode the bytes of one, just before and after: machines differ, and
so does one from second to second. Of many short runs the one that was disturbed least counts.

    python -m benchmarks.throughput 40000 --runs 12
"""

import argparse
import asyncio
import json
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.processes import told
from exporter.api.budget import Budget
from exporter.api.client import Client
from exporter.api.deadlines import Deadlines
from exporter.api.key import FixedKey, KeyGate
from exporter.api.retry import RetryPolicy
from exporter.api.serverclock import ServerClock
from exporter.api.times import MICROSECONDS
from exporter.api.walk import walk
from exporter.clock import SystemClock
from exporter.collect.sessions.collector import Sessions
from exporter.ledger.ledger import Ledger
from exporter.ledger.rules import Rules
from exporter.ledger.store import Store
from exporter.metrics.telemetry import Telemetry, dropped_counter
from exporter.net.network import Network
from exporter.net.peer_client import PeerClient, http_client

HISTORY_HOURS = 6
PAGE = 100
DECODERS: Mapping[str, Callable[[bytes], object]] = {
    "json": json.loads,
    "msgspec": msgspec.json.decode,
}
DECODED = 300
"""How often one page is decoded, for the rate of decoding alone."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Sessions a second: counted, by wall time and by the processor's; only fetched; only decoded.

    decoded: by the decoder's name, by the processor's time.
    """

    wall: float
    processor: float
    fetched: float
    decoded: Mapping[str, float]

    def table(self) -> str:
        """A row for what is done with a page, and how many times as long all of it takes."""
        times = self.fetched / self.wall
        rows = [
            "| what is done with a page | sessions/s | all of it takes |",
            "|---|---:|---:|",
            f"| all, until it is committed, by wall time | {self.wall:,.0f} | |",
            f"| only fetched, by wall time | {self.fetched:,.0f} | {times:.1f} × |",
            f"| all, by processor time | {self.processor:,.0f} | |",
        ]
        for name, rate in self.decoded.items():
            times = rate / self.processor
            rows.append(
                f"| only decoded by {name}, by processor time | {rate:,.0f} | {times:.0f} × |"
            )
        return "\n".join(rows) + "\n"


class Unbounded(Budget):
    """A budget without a limit: what is measured is the machine."""

    @property
    def tier_limit(self) -> int:
        return 1_000_000_000


async def measure(url: str, key: str, expected: int, folder: Path) -> Figures:
    clock = SystemClock()
    budget = Unbounded(1.0, 1, clock)
    server_clock = ServerClock()
    telemetry = Telemetry(clock.now(), ("sessions",), dropped_counter(clock.now()))
    async with http_client(url, Network.read(os.environ)) as http:
        client = Client(
            http,
            gate=KeyGate(FixedKey(key), clock, random.random),
            budget=budget,
            server_clock=server_clock,
            retry=RetryPolicy(random.random),
            clock=clock,
            telemetry=telemetry,
            deadlines=Deadlines(),
        )
        fetched = await fetch_only(client)
        store = Store(folder / "state.db", clock.now)
        ledger = Ledger(
            store,
            "benchmark",
            Rules(120 * MICROSECONDS, 900 * MICROSECONDS, 0.7),
            clock=clock,
            started=(clock.now(), clock.monotonic()),
            lookback=HISTORY_HOURS * 3600.0 + 600.0,
            max_flags=100,
            exemplars=False,
            telemetry=telemetry,
        )
        sessions = Sessions(
            api=client,
            ledger=ledger,
            budget=budget,
            server_clock=server_clock,
            clock=clock,
            interval=3600.0,
        )
        page = await page_bytes(http, key)
        decoded = {name: [decode_only(decode, page)] for name, decode in DECODERS.items()}
        wall, processor = time.perf_counter(), time.process_time()
        await sessions.update(lambda part, samples: None)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        for name, decode in DECODERS.items():
            decoded[name].append(decode_only(decode, page))
        counted = int(ledger.state.value(("sessions", ""))) if ledger.state else 0
        await store.close()
    if counted != expected:
        raise RuntimeError(f"{counted} sessions were counted, not {expected}")
    rates = {name: 1 / mean(seconds) for name, seconds in decoded.items()}
    return Figures(counted / wall, counted / processor, fetched, rates)


async def fetch_only(client: Client) -> float:
    """Sessions a second when pages are fetched and nothing is done with them."""
    began, items = time.perf_counter(), 0
    async for page in walk(client, "/v1/sessions", {}, resource="sessions"):
        items += len(page.items)
        if items >= 50_000:
            break
    return items / (time.perf_counter() - began)


async def page_bytes(http: PeerClient, key: str) -> bytes:
    """The body of one page of a hundred sessions."""
    headers = {"authorization": f"Bearer {key}"}
    async with http.get_stream("/v1/sessions", {"limit": str(PAGE)}, headers) as answer:
        return await answer.aread()


def decode_only(decode: Callable[[bytes], object], page: bytes) -> float:
    """Seconds of the processor a session when a page is decoded and nothing is done with it."""
    began = time.process_time()
    for _ in range(DECODED):
        decode(page)
    return (time.process_time() - began) / DECODED / PAGE


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sessions", type=int, nargs="?", default=40_000)
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args(arguments)
    core = {min(os.sched_getaffinity(0))}
    more = ["--tier=enterprise", f"--static-sessions={options.sessions}", "--rate=0"]
    more += [f"--history={HISTORY_HOURS}h", "--no-rate-limits", "--exit-with-parent"]
    with told("exporter", "simulate", *more) as (pid, where), TemporaryDirectory() as folder:
        os.sched_setaffinity(pid, core)
        os.sched_setaffinity(0, core)
        runs = []
        for number in range(options.runs):
            state = Path(folder) / str(number)
            state.mkdir()
            runs.append(asyncio.run(measure(where["url"], where["key"], options.sessions, state)))
    best = max(runs, key=lambda run: run.processor)
    print(best.table(), end="")
    if options.json:
        options.json.write_text(json.dumps(asdict(best)) + "\n")


if __name__ == "__main__":
    main()
