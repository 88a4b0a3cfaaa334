"""What the budget can read once is caught up with, also where it cannot be read twice."""

from collections.abc import Mapping

from exporter.api.answer import Answer
from exporter.api.times import MICROSECONDS
from tests.ledger.bench import Bench
from tests.ledger.listing import Fake, Listing

PAGE = 5
RATE = 0.6
"""Sessions a second: a page in 8.3 s, where the free tier's share leaves a request each 4 s."""

HOURS = 2


def test_the_frontier_keeps_up_with_a_load_that_can_be_read_once_but_not_twice() -> None:
    bench = Bench(
        None, interval=60, tier="free", share=0.25, page_size=PAGE, overlap=120, settle_after=900
    )
    listing, ask = bench.listing, bench.listing.get
    born = listing.now()

    async def within_budget(
        path: str, params: Mapping[str, str] | None = None, *, resource: str
    ) -> Answer:
        nonlocal born
        async with bench.budget.request(resource):
            while born < listing.now():
                listing.sessions[f"s{born}"] = Fake(f"s{born}", born, born, born, "active", 0.1)
                born += round(MICROSECONDS / RATE)
            answer: Answer = await ask(path, params, resource=resource)
            return answer

    listing.get = within_budget  # type: ignore[method-assign]  # a double
    began = bench.clock.monotonic()
    while (passed := bench.clock.monotonic() - began) < HOURS * 3600:
        bench.poll()
        forget(listing, bench.state.reach)
        bench.clock.advance(60 - (bench.clock.monotonic() - began) % 60)
        assert passed < HOURS * 3600
    lag = (listing.now() - bench.state.bounds.frontier) / MICROSECONDS
    bench.close()
    assert lag < 2400


def forget(listing: Listing, reach: int) -> None:
    """Drop what no walk asks for any more, so that the test is fast."""
    for name in [it.id for it in listing.sessions.values() if it.created < reach - 60_000_000]:
        del listing.sessions[name]
