"""In steady state a poll costs little more than the pages of what is new, and sweeps what is open.

The rule: at most 1.2 × (pages of the sessions created since the last poll, at least one a poll,
plus the pages of the window that is not yet settled, once a sweep). All requests go through the
budget, so the rhythm of sweeps is the one that it allows.
"""

import math
import random
from collections.abc import Mapping
from math import ceil
from pathlib import Path

import pytest

from exporter.api import tiers
from exporter.api.answer import Answer
from exporter.api.times import MICROSECONDS, parse_time
from tests.ledger.bench import Bench
from tests.ledger.listing import Fake

DOCUMENT = Path(__file__).parents[3] / "docs" / "counting.md"
ROWS = {
    "low": "0.01",
    "middle": "0.3",
    "page-filling": "one page a poll",
    "2.5 pages a poll": "two and a half pages a poll",
    "6.0 pages a poll": "six pages a poll",
}
"""How the document names the loads."""

TIERS = ["free", "pro", "enterprise"]

INTERVAL = 60
OVERLAP = 120
SWEEP_PERIOD = 300
MOST_A_SWEEP_TAKES = 600
WARM_UP = 1200
"""The first seconds, which are not steady yet."""


class Load:
    """Sessions that begin at random moments, live for a while and are closed.

    size: of a page. rate: sessions a second.
    """

    def __init__(self, tier: str, size: int, rate: float) -> None:
        self.chance = random.Random(7)  # noqa: S311 - a reproducible load
        self.rate = rate
        self.size = size
        self.bench = Bench(
            None,
            overlap=OVERLAP,
            settle_after=900,
            interval=INTERVAL,
            tier=tier,
            share=0.25,
            page_size=size,
        )
        self.ask = self.bench.listing.get
        self.bench.listing.get = self.get  # type: ignore[method-assign]  # a double
        self.starts = list[int]()
        self.sent = list[float]()
        self.alive = list[Fake]()
        self.births = list[int]()
        self.born = self.bench.listing.now()
        self.lag = 0.0
        """The furthest that the frontier was behind, in seconds."""

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, resource: str
    ) -> Answer:
        """As the client asks: once the budget has room for it."""
        async with self.bench.budget.request(resource):
            if params and "startDate" in params and "cursor" not in params:
                self.starts.append(parse_time(params["startDate"]))
            self.sent.append(self.bench.clock.monotonic())
            self.go_on()
            return await self.ask(path, params, resource=resource)

    def go_on(self) -> None:
        """Let happen what has happened by now."""
        listing = self.bench.listing
        now = listing.now()
        while self.born < now:
            life = round(self.chance.uniform(20, 400) * MICROSECONDS)
            it = Fake(f"s{self.born}", self.born, self.born, self.born + life, score=0.3)
            listing.sessions[it.id] = it
            self.alive.append(it)
            self.births.append(self.born)
            self.born += 1 + round(self.chance.expovariate(self.rate) * MICROSECONDS)
        for it in [it for it in self.alive if it.updated <= now]:
            it.status = "closed"
            self.alive.remove(it)

    def forget(self) -> None:
        """Drop what no walk asks for any more, so that the test is fast."""
        horizon = self.bench.state.reach - 60 * MICROSECONDS
        sessions = self.bench.listing.sessions
        for gone in [it.id for it in sessions.values() if it.created < horizon]:
            del sessions[gone]

    def measure(self, seconds: int) -> tuple[int, int, int]:
        """Polls for so long: requests that were sent and that were needed, and how many sweeps."""
        bench, listing = self.bench, self.bench.listing
        began = bench.clock.monotonic()
        before, last_sweep = listing.now(), 0
        spent = needed = sweeps = 0
        while (passed := bench.clock.monotonic() - began) < WARM_UP + seconds:
            self.go_on()
            now, state, requests = listing.now(), bench.ledger.state, listing.requests
            new = sum(before <= it < now for it in self.births)
            before, self.births[:], self.starts[:] = now, [], []
            bench.poll()
            if passed >= WARM_UP:
                assert state is not None
                lag = (listing.now() - bench.state.bounds.frontier) / MICROSECONDS
                self.lag = max(self.lag, lag)
                spent += listing.requests - requests
                needed += max(1, ceil(new / self.size))
                swept = min(self.starts, default=now) <= state.reach + MICROSECONDS
                if swept and now - last_sweep >= (SWEEP_PERIOD - 5) * MICROSECONDS:
                    unsettled = sum(state.reach <= it.created < now for it in self.all())
                    needed += ceil(unsettled / self.size)
                    sweeps += 1
                    last_sweep = now
            self.forget()
            bench.clock.advance(INTERVAL - (bench.clock.monotonic() - began) % INTERVAL)
        bench.close()
        return spent, needed, sweeps

    def all(self) -> list[Fake]:
        return list(self.bench.listing.sessions.values())

    def most_a_minute(self) -> int:
        """The most requests that left in any 60 seconds."""
        return max(sum(at - 60 < it <= at for it in self.sent) for at in self.sent)


def documented(name: str) -> list[int]:
    """Requests an hour, as the document's table has them: of each tier, and the least possible."""
    lines = DOCUMENT.read_text("utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith(f"| {ROWS[name]} "))
    return [int(cell.replace(",", "")) for cell in row.split("|")[2:-1]]


def judge(load: Load, tier: str, name: str, seconds: int) -> None:
    spent, needed, sweeps = load.measure(seconds)
    most = load.most_a_minute()
    print(  # noqa: T201 - figures, for whoever runs it with -s
        f"{tier} {name}: {spent} requests, {needed} needed, {spent / needed:.2f}; {sweeps} sweeps"
        f" in {seconds} s, at most {most} a minute, frontier up to {load.lag:.0f} s behind"
    )
    assert spent <= 1.2 * needed, f"{spent} requests where {needed} were needed"
    # A sweep comes at the latest after two periods, and moves the frontier slice by slice.
    assert load.lag < OVERLAP + 2 * SWEEP_PERIOD + 2 * INTERVAL + MOST_A_SWEEP_TAKES
    assert most <= load.bench.budget.per_minute
    *of_tiers, least = documented(name)
    assert of_tiers[TIERS.index(tier)] == pytest.approx(spent * 3600 / seconds, rel=0.02)
    new_pages = math.ceil(load.rate * INTERVAL / load.size)
    assert least == new_pages * 3600 / INTERVAL


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", ["low", "middle", "page-filling"])
def test_steady_state_costs_at_most_a_fifth_more_than_what_is_new_and_open(
    tier: str, name: str
) -> None:
    size = tiers.limits(tier).page_size
    rate = {"low": 0.01, "middle": 0.3, "page-filling": size / INTERVAL}[name]

    judge(Load(tier, size, rate), tier, name, 2400)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("pages", [2.5, 6.0])
def test_so_it_does_where_each_poll_brings_several_pages(tier: str, pages: float) -> None:
    """Pages of ten, which the API says and the collector goes by, so that it is fast."""
    size = 10

    judge(Load(tier, size, pages * size / INTERVAL), tier, f"{pages} pages a poll", 1800)


def test_sessions_that_stay_open_for_hours_do_not_make_a_sweep_of_each_poll() -> None:
    """What sweeps cost is known although they reach further back than coverage asks for."""
    day, every = 86_400, 240
    bench = Bench(
        None,
        interval=INTERVAL,
        tier="free",
        share=0.25,
        page_size=50,
        settle_after=day,
        lookback=day,
    )
    listing = bench.listing
    start = listing.now() - day * MICROSECONDS
    for number in range(round(1.2 * day / every)):
        created = start + number * every * MICROSECONDS
        status = "closed" if number % 10 else "active"
        listing.sessions[f"s{number}"] = Fake(f"s{number}", created, created, created, status)

    def hour() -> int:
        requests = listing.requests
        for _ in range(3600 // INTERVAL):
            bench.poll()
            bench.clock.advance(INTERVAL - bench.clock.now() % INTERVAL)
        return listing.requests - requests

    hour()
    spent = hour()
    window = ceil(day / every / 50)
    bench.close()

    assert spent <= 1.2 * (3600 / INTERVAL + 3600 / SWEEP_PERIOD * window)
