"""In steady state a poll costs little more than the pages of what is new, and sweeps what is open.

The rule: at most 1.2 × (pages of the sessions created since the last poll, at least one a poll,
plus the pages of the window that is not yet settled, once a sweep period).
"""

import random
from math import ceil

import pytest

from exporter.api import tiers
from exporter.api.times import MICROSECONDS, parse_time
from tests.ledger.bench import Bench
from tests.ledger.listing import Fake

INTERVAL = 60
SWEEP_PERIOD = 300
HOURS = 1


def births(rate: float, since: int, until: int, chance: random.Random) -> list[int]:
    """Random moments between two times, `rate` a second."""
    moments, at = [], float(since)
    while (at := at + chance.expovariate(rate) * MICROSECONDS) < until:
        moments.append(round(at))
    return moments


@pytest.mark.parametrize("tier", ["free", "pro", "enterprise"])
@pytest.mark.parametrize("load", ["low", "middle", "page-filling"])
def test_steady_state_costs_at_most_a_fifth_more_than_what_is_new_and_open(
    tier: str, load: str
) -> None:
    size = tiers.limits(tier).page_size
    rate = {"low": 0.01, "middle": 0.3, "page-filling": size / INTERVAL}[load]
    chance = random.Random(7)  # noqa: S311 - a reproducible load
    bench = Bench(
        None,
        overlap=120,
        settle_after=900,
        interval=INTERVAL,
        tier=tier,
        share=0.25,
        page_size=size,
    )
    listing = bench.listing
    starts: list[int] = []
    ask = listing.get

    async def noting(path, params=None, *, resource):  # type: ignore[no-untyped-def]
        if params and "startDate" in params and "cursor" not in params:
            starts.append(parse_time(params["startDate"]))
        return await ask(path, params, resource=resource)

    listing.get = noting  # type: ignore[method-assign]
    allowed, spent, last_sweep, alive = 0.0, 0, 0, list[Fake]()
    before = listing.now()
    for poll in range(HOURS * 3600 // INTERVAL):
        now = listing.now()
        new = births(rate, before, now, chance)
        for created in new:
            life = round(chance.uniform(20, 400) * MICROSECONDS)
            it = Fake(f"s{created}", created, created, created + life)
            listing.sessions[it.id] = it
            alive.append(it)
        for it in [it for it in alive if it.updated <= now]:
            it.status = "closed"
            alive.remove(it)
        before = now
        state = bench.ledger.state
        requests, starts[:] = listing.requests, []
        bench.poll()
        if poll >= 20:  # the start is not steady yet
            assert state is not None
            window = min(state.bounds.frontier, state.oldest or now)
            spent += listing.requests - requests
            allowed += max(1, ceil(len(new) / size))
            swept = min(starts) <= window + MICROSECONDS
            if swept and now - last_sweep >= (SWEEP_PERIOD - 5) * MICROSECONDS:
                open_sessions = sum(it.created >= window for it in listing.sessions.values())
                allowed += ceil(open_sessions / size)
                last_sweep = now
        horizon = now - 3600 * MICROSECONDS
        for gone in [it.id for it in listing.sessions.values() if it.created < horizon]:
            del listing.sessions[gone]
        bench.clock.advance(INTERVAL - (bench.clock.now() % INTERVAL) % INTERVAL)
    bench.close()
    assert spent <= 1.2 * allowed, f"{spent} requests where {allowed:.0f} were needed"
    frontier = bench.state.bounds.frontier
    assert listing.now() - frontier < (120 + SWEEP_PERIOD + 2 * INTERVAL) * MICROSECONDS
    print(f"{tier} {load}: {spent} requests, {allowed:.0f} needed, {spent / allowed:.2f}")  # noqa: T201
