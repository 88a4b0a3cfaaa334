"""What a million unsettled, and a million settled sessions cost: memory, disk, time of a poll.

Prints, with the state in a file and in memory, the peak of resident memory of a process whose
ledger holds them, and the processor time of the work that polls do on it: a page of new sessions
with a finished walk; settling what several walks no longer showed; giving up history.
Ends with 1 where a bound is not kept: 300 MiB, a second of processor time.

    python benchmarks/million.py [sessions]
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path

from exporter.api.schema.session import InvalidSession, Session, decode_session
from exporter.api.times import MICROSECONDS
from exporter.clock import SystemClock
from exporter.ledger.ledger import Ledger
from exporter.ledger.rules import MISSED_PASSES, Coverage, RecentPasses, Rules, Slice
from exporter.ledger.store import Store
from exporter.metrics.telemetry import Telemetry, dropped_counter

PAGE = 1000
MOST_MIB = 300.0
MOST_SECONDS = 1.0
SETTLE_AFTER = 900 * MICROSECONDS


def decoded(first: int, count: int, when: str, status: str) -> list[Session | InvalidSession]:
    items = (
        {
            "id": f"session-{number:012d}",
            "createdAt": when,
            "updatedAt": when,
            "status": status,
            "botScore": number % 100 / 100,
            "detectionFlags": ["webdriver", "no-mouse"] if number % 10 == 0 else [],
        }
        for number in range(first, first + count)
    )
    return [decode_session(item) for item in items]


def peak_mib() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def size_mib(path: Path) -> float:
    return path.stat().st_size / 2**20


async def processor_seconds(work: Coroutine[object, object, object]) -> float:
    before = time.process_time()
    await work
    return time.process_time() - before


async def measure(path: Path | None, total: int, status: str) -> bool:
    clock = SystemClock()
    store = Store(path, clock.now)
    ledger = Ledger(
        store,
        "benchmark",
        Rules(120 * MICROSECONDS, SETTLE_AFTER, 0.7),
        clock=clock,
        started=(clock.now(), clock.monotonic()),
        lookback=3600.0,
        max_flags=100,
        exemplars=False,
        telemetry=Telemetry(clock.now(), ("sessions",), dropped_counter(clock.now())),
    )
    await ledger.prepare()
    now = round(clock.now() * MICROSECONDS)
    await ledger.begin(now)
    created = now - 600 * MICROSECONDS
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(created // MICROSECONDS))
    for first in range(0, total, PAGE):
        await ledger.count_pages([(decoded(first, PAGE, when, status), now)])
    start = created - 60 * MICROSECONDS

    async def poll() -> None:
        await ledger.count_pages([(decoded(total, 100, when, "active"), now)])
        await ledger.finish(Slice(start, None), now, Coverage(now, now))

    costs = {"a poll": await processor_seconds(poll())}
    unseen = RecentPasses(((start, now + SETTLE_AFTER),) * MISSED_PASSES)
    costs["settling what is shown no more"] = await processor_seconds(ledger.settle_unseen(unseen))
    costs["giving up history"] = await processor_seconds(ledger.clamp(now))
    kind = "unsettled" if status == "active" else "settled"
    where = "in memory" if path is None else f"file of {size_mib(path):.0f} MiB"
    peak = peak_mib()
    print(f"{total} {kind} sessions, {where}: at most {peak:.0f} MiB resident")
    for name, seconds in costs.items():
        print(f"  {name}: {seconds:.3f} s of processor time")
    await store.close()
    return peak < MOST_MIB and max(costs.values()) < MOST_SECONDS


def main() -> int:
    if len(sys.argv) == 4:
        path = None if sys.argv[2] == "-" else Path(sys.argv[2])
        return 0 if asyncio.run(measure(path, int(sys.argv[1]), sys.argv[3])) else 1
    total = sys.argv[1] if len(sys.argv) > 1 else "1000000"
    ends: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        for status in ("active", "closed"):
            for place in (f"{folder}/{status}.db", "-"):
                command = [sys.executable, __file__, total, place, status]
                ends.append(subprocess.run(command, check=False).returncode)
    return max(ends)


if __name__ == "__main__":
    sys.exit(main())
