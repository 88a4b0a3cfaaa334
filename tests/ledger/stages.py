"""What a process finds when it starts: a list, a clock, a state, and all that befell sessions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.api.times import DAY, MICROSECONDS
from exporter.places import Place
from tests.clocks import FakeClock
from tests.ledger.bench import Bench
from tests.ledger.listing import Fake

RULES: dict[str, Any] = {
    "overlap": 20.0,
    "settle_after": 120.0,
    "interval": 10.0,
    "max_flags": 3,
    "places": (Place("course", r"/courses/(\d+)"),),
    "min_users": 2,
    "details": True,
    "findings": True,
    "order": "oldest",  # so that the same flags fill the bound, however the way is cut
}


@dataclass
class StartingPoint:
    """The list and the clock as they are when the doomed process starts, and the state's file.

    refused: the number of the request whose cursor is refused. lookback: seconds.
    """

    path: Path
    clock: float
    sessions: dict[str, Fake]
    refused: int = 5
    lookback: float = 0.0

    def bench(self, path: Path, after: float) -> Bench:
        """A process on the state at `path`, so many seconds later."""
        clock = FakeClock(self.clock + after)
        return Bench(path, clock=clock, lookback=self.lookback, **RULES)


def fakes(now: int, name: str, ages: Iterator[float] | range, **more: Any) -> Iterator[Fake]:
    """Sessions created so many seconds ago, each visible and changed at once."""
    for number, age in enumerate(ages):
        created = now - round(age * MICROSECONDS)
        fields = {"visible": created, "updated": created, **more}
        it = Fake(f"{name}-{number}", created, **fields)
        it.page, it.user = f"https://lms.example/courses/{number % 3}", f"u{number % 4}"
        yield it


def staged(path: Path, outage: float) -> StartingPoint:
    """A process that ran and stopped well, and an outage with all that can befall its sessions.

    Open sessions change, close, come late or are never listed again; one cannot be read; two flags
    are new and one is over the bound; what was settled can be forgotten.
    """
    bench = Bench(path, clock=FakeClock(), **RULES)
    here = bench.listing.sessions

    def add(found: Iterator[Fake]) -> None:
        here.update((it.id, it) for it in found)

    bench.poll()
    bench.clock.advance(5)
    add(fakes(bench.listing.now(), "old", range(2), status="closed", score=0.8))
    bench.clock.advance(1)
    add(fakes(bench.listing.now(), "open", range(1), score=0.3, flags=["headless"]))
    add(fakes(bench.listing.now(), "missed", range(1), score=0.75, flags=["headless"]))
    behind = bench.listing.now() + MICROSECONDS
    for _ in range(4):
        bench.clock.advance(10)
        bench.poll()
    del here["missed-0"]
    for _ in range(3):
        bench.clock.advance(10)
        bench.poll()
    bench.clock.advance(outage)
    now = bench.listing.now()
    here["late"] = Fake("late", behind, now - 1, now - 1, "closed", 0.9)
    changed = here["open-0"]
    changed.score, changed.status, changed.updated = 0.95, "closed", now
    changed.flags.append("webdriver")
    reach = range(300, min(round(outage), 5100), 200)
    add(fakes(now, "backlog", reach, status="closed", score=0.5, flags=["headless"]))
    add(fakes(now, "bot", range(310, 4000, 1200), status="closed", score=1.0, flags=["no-mouse"]))
    add(fakes(now, "broken", range(700, 701), broken=True))
    add(fakes(now, "odd", range(30, 33), score=0.1, flags=["fourth", "no-mouse"]))
    add(fakes(now, "fresh", range(-12, -8), score=0.7, flags=["webdriver"]))
    bench.close()
    return StartingPoint(path, bench.clock.now(), here)


def first_start(path: Path) -> StartingPoint:
    """There is no state yet, and a lookback to read."""
    clock = FakeClock()
    now = round(clock.now() * MICROSECONDS)
    found = [
        *fakes(now, "old", range(200, 2900, 180), status="closed", score=0.8),
        *fakes(now, "open", range(5, 95, 30), score=0.3, flags=["headless"]),
        *fakes(now, "broken", range(100, 101), broken=True),
    ]
    return StartingPoint(path, clock.now(), {it.id: it for it in found}, lookback=3000.0)


STAGES: dict[str, Callable[[Path], StartingPoint]] = {
    "backlog": lambda path: staged(path, 5400.0),
    "first": first_start,
    "gap": lambda path: staged(path, 7.5 * DAY / MICROSECONDS),
}
