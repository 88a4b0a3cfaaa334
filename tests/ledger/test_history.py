"""The edge of the tier's history moves on while a walk is under way; nothing is lost in silence."""

from exporter.api.times import MICROSECONDS
from tests.ledger.bench import Bench
from tests.ledger.listing import DAY, Fake

RATE = 1.5


def test_a_slice_that_leaves_the_history_while_it_is_walked_is_a_gap_not_a_loss() -> None:
    """A start before the history gives empty pages, which look like the end of a walk."""
    bench = Bench(
        None,
        interval=60,
        tier="free",
        share=0.25,
        page_size=50,
        latency=4.0,
        lookback=7 * 86_400.0,
        overlap=120,
        settle_after=900,
    )
    now = bench.listing.now()
    count = round(RATE * 3600)
    for number in range(count):
        created = now - 7 * DAY + 70 * MICROSECONDS + round(number / RATE * MICROSECONDS)
        name = f"s{number}"
        bench.listing.sessions[name] = Fake(name, created, created, created, "closed", 0.1)

    for _ in range(25):
        bench.clock.advance(30)
        bench.poll()

    counts = bench.counts()
    lost = count - counts["sessions"]
    assert lost <= RATE * counts["gap"] + 1
    assert counts["sessions"] > count / 2
    assert bench.state.bounds.frontier > now - 7 * DAY + 3600 * MICROSECONDS
    bench.close()
