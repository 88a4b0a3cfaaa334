"""What a million unsettled, and a million settled sessions cost: memory, disk, time of a poll.

Prints the resident memory of a process whose ledger holds them, with the state in a file and in
memory, and the processor time of one poll's work (a page of new sessions, and a finished walk).

    python benchmarks/million.py [sessions]
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from exporter.api.times import MICROSECONDS
from exporter.clock import SystemClock
from exporter.ledger.ledger import Ledger, WalkLog
from exporter.ledger.plan import Slice
from exporter.ledger.rules import Coverage, Rules
from exporter.ledger.store import Store
from exporter.metrics.telemetry import Telemetry, dropped_counter

PAGE = 1000


def items(first: int, count: int, when: str, status: str) -> list[object]:
    return [
        {
            "id": f"session-{number:012d}",
            "createdAt": when,
            "updatedAt": when,
            "status": status,
            "botScore": number % 100 / 100,
            "detectionFlags": ["webdriver", "no-mouse"] if number % 10 == 0 else [],
        }
        for number in range(first, first + count)
    ]


def resident_mib() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def size_mib(path: Path) -> float:
    return path.stat().st_size / 2**20


async def measure(path: Path | None, total: int, status: str) -> None:
    clock = SystemClock()
    store = Store(path, clock.now)
    ledger = Ledger(
        store,
        "benchmark",
        Rules(120 * MICROSECONDS, 900 * MICROSECONDS, 0.7),
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
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.now() - 600))
    for first in range(0, total, PAGE):
        await ledger.take([(items(first, PAGE, when, status), now)], WalkLog())
    processor = time.process_time()
    log = WalkLog()
    await ledger.take([(items(total, 100, when, "active"), now)], log)
    await ledger.finish(Slice(now, None), now, Coverage(now, now))
    processor = time.process_time() - processor
    kind = "unsettled" if status == "active" else "settled"
    where = "in memory" if path is None else f"file of {size_mib(path):.0f} MiB"
    memory = f"{resident_mib():.0f} MiB resident"
    print(f"{total} {kind} sessions, {where}: {memory}, a poll takes {processor:.3f} s")
    await store.close()


def main() -> None:
    if len(sys.argv) == 4:
        path = None if sys.argv[2] == "-" else Path(sys.argv[2])
        asyncio.run(measure(path, int(sys.argv[1]), sys.argv[3]))
        return
    total = sys.argv[1] if len(sys.argv) > 1 else "1000000"
    with tempfile.TemporaryDirectory() as folder:
        for status in ("active", "closed"):
            for place in (f"{folder}/{status}.db", "-"):
                subprocess.run([sys.executable, __file__, total, place, status], check=True)


if __name__ == "__main__":
    main()
