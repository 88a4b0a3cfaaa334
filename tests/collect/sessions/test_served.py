"""The edge of the tier's history moves on while a walk is under way; nothing is lost in silence."""

import pytest

from exporter.api.times import DAY, MICROSECONDS
from exporter.ledger import ledger
from tests.ledger.bench import Bench, Make, add, polls
from tests.ledger.listing import Fake

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


def test_what_fell_out_of_history_is_a_gap_and_never_silent(make: Make) -> None:
    bench = make(tier="free")
    bench.poll()
    frontier = bench.state.bounds.frontier
    bench.clock.advance(9 * 86_400)
    for hour in range(3):
        add(bench, f"kept-{hour}", ago=6 * 86_400 - hour * 3600)

    polls(bench, 3)

    lost = bench.counts()["gap"]
    assert lost == pytest.approx(2 * 86_400, rel=0.01)
    assert bench.counts()["sessions"] == 3
    assert bench.state.bounds.frontier > frontier + 8 * DAY


def test_one_answer_without_a_tier_gives_up_no_history(make: Make) -> None:
    bench = make(tier=None, history=30 * DAY)
    bench.poll()
    requests = bench.listing.requests
    bench.clock.advance(20 * 86_400)
    add(bench, "kept", ago=15 * 86_400)

    def tell() -> None:
        if bench.listing.requests > requests + 1:
            bench.budget.tier = "pro"

    bench.listing.on_request = tell
    polls(bench, 3)

    assert bench.counts().get("gap", 0) == 0
    assert bench.counts()["sessions"] == 1


def test_an_unsettled_session_that_left_the_history_is_settled_as_last_read(make: Make) -> None:
    bench = make(tier="free")
    bench.poll()
    add(bench, "open", status="active", score=0.75)
    polls(bench, 1, apart=5)
    assert bench.state.unsettled == 1

    bench.clock.advance(8 * 86_400)
    bench.poll()

    assert bench.state.unsettled == 0
    assert bench.scores() == (1, 0.75)


def test_many_unsettled_sessions_that_left_the_history_are_given_up_a_part_a_poll(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "AT_ONCE", 4)
    bench = make(tier="free")
    bench.poll()
    for number in range(10):
        add(bench, f"open-{number}", status="active", score=0.75)
    polls(bench, 1, apart=5)
    bench.clock.advance(8 * 86_400)
    late = add(bench, "late", score=0.25)

    left = []
    for _ in range(4):
        polls(bench, 1)
        left.append(bench.state.unsettled)

    assert left == [6, 2, 0, 0]
    assert bench.scores() == (11, 7.75)
    assert bench.state.bounds.frontier > late.created


def test_sweeps_that_begin_at_the_edge_of_the_history_neither_stand_nor_make_a_gap(
    make: Make,
) -> None:
    """What is open there is read again by each sweep, which its edge overtakes; all was counted."""
    lookback = 7 * 86_400.0 - 600
    bench = make(
        interval=60,
        tier="free",
        page_size=5,
        latency=8.0,
        lookback=lookback,
        overlap=120,
        settle_after=8 * 86_400.0,
    )
    start = bench.listing.now() - round(lookback * MICROSECONDS)
    for number in range(1, 600):
        created = start + 10 * number * MICROSECONDS
        it = Fake(f"s{number}", created, created, created, "active", 0.1)
        bench.listing.sessions[it.id] = it
    until = bench.clock.now() + 8000
    worst = 0.0
    while bench.clock.now() < until:
        bench.clock.advance(10)
        bench.poll()
        if bench.counts().get("sessions") == 599:
            worst = max(worst, (bench.listing.now() - bench.state.bounds.frontier) / MICROSECONDS)

    assert bench.counts()["sessions"] == 599
    assert bench.counts().get("gap", 0) == 0
    assert worst < 3000


def test_a_poll_gives_up_history_twice_at_most_however_slow_the_api_is(make: Make) -> None:
    """Each answer comes when the edge has moved past where its walk began."""
    bench = make(tier="free", interval=3600)
    bench.sessions._dates.exact = True
    bench.poll()
    bench.clock.advance(9 * 86_400)
    bench.listing.latency = 100.0
    gaps = []
    clamp = bench.ledger.clamp

    async def noted(history_start: int, history: int = 0) -> float:
        gaps.append(await clamp(history_start, history))
        return gaps[-1]

    bench.ledger.clamp = noted  # type: ignore[method-assign]  # a double
    bench.poll()

    assert len(gaps) == 2
    assert sum(gaps) == pytest.approx(2 * 86_400, rel=0.02)
