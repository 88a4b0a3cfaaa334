"""What fell out of the tier's history is a gap, to the second; all else is counted, once."""

import contextlib
import os
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    rule,
    run_state_machine_as_test,
)

from exporter.api import tiers
from exporter.api.errors import ApiError
from exporter.api.times import DAY, MICROSECONDS
from exporter.collect.sessions.served import LONGEST_MARGIN, MARGIN
from exporter.ledger.ledger import FIRST_GRACE
from tests.examples import examples
from tests.ledger.bench import Bench
from tests.ledger.listing import Fake
from tests.ledger.machine import OVERLAP, SETTLE, PollingMachine

HOUR = 3600
FREE = tiers.FREE.history_days * 24 * HOUR
"""Seconds of history of the smallest tier."""


@dataclass(frozen=True)
class GivenUp:
    """A stretch of createdAt that the ledger passed over, [start, end).

    promised: from when on it is a gap; a lookback may ask for more than there ever was.
    """

    start: int
    end: int
    promised: int

    @property
    def gap(self) -> int:
        return max(0, self.end - max(self.start, self.promised))


class HistoryEdge(PollingMachine):
    """Long outages, tiers that change, walks that are slower than the edge of the history.

    Sessions do not change here, so one that was counted was counted with all that it has.
    """

    @initialize(
        order=st.sampled_from(["newest", "oldest", "random"]),
        offsets=st.booleans(),
        dates=st.sampled_from(["exact", "day", "midnight"]),
        page_size=st.integers(1, 4),
        latency=st.sampled_from([0.05, 2.0, 15.0]),
        tier=st.sampled_from(["free", "free", "pro"]),
        lookback=st.sampled_from([0.0, FREE - HOUR, FREE + HOUR]),
    )
    def start(
        self,
        order: str,
        offsets: bool,
        dates: str,
        page_size: int,
        latency: float,
        tier: str,
        lookback: float,
    ) -> None:
        self.make_bench(
            offsets=offsets,
            overlap=OVERLAP,
            lookback=lookback,
            order=order,
            date_filter=dates,
            page_size=page_size,
            latency=latency,
        )
        self.quick = latency < 1
        self.given_up = list[GivenUp]()
        self.tried = list[GivenUp]()
        self.change_tier(tier)
        self.observe()
        born = self.listing.now() - round(lookback * MICROSECONDS) + 2 * MICROSECONDS
        for place in range(20):
            self.add(born + (self.listing.now() - born) * place // 20, place / 20, "closed")

    def observe(self) -> None:
        """Note what the ledger of this process tries to give up."""
        ledger = self.bench.ledger
        clamp = ledger.clamp

        async def noted(history_start: int, history: int = 0) -> float:
            assert ledger.state is not None
            frontier = ledger.state.bounds.frontier
            if frontier < history_start:
                edge = self.listing.now() - tiers.limits(self.bench.budget.tier).history_days * DAY
                margin = MARGIN + 2 * MICROSECONDS if self.quick else LONGEST_MARGIN
                # Where dates are not known to be exact, they can stand for a day or two earlier.
                slack = self.bench.sessions._dates.slack
                assert history_start <= edge + margin + slack, "given up too much"
                promised = frontier
                if frontier == ledger.state.origin:
                    born = round(ledger.state.first_start * MICROSECONDS)
                    promised = born - history + FIRST_GRACE
                self.tried.append(GivenUp(frontier, history_start, promised))
            return await clamp(history_start, history)

        ledger.clamp = noted  # type: ignore[method-assign]  # it is watched

    def add(self, created: int, score: float | None, status: str) -> None:
        identity = self.next_name()
        self.listing.sessions[identity] = Fake(
            identity, created, created, created, status, score, ["webdriver"]
        )

    # -- what the world does

    @rule(
        copies=st.integers(1, 20),
        score=st.none() | st.floats(0, 1),
        status=st.sampled_from(["active", "closed"]),
    )
    def insert(self, copies: int, score: float | None, status: str) -> None:
        for _ in range(copies):
            self.bench.clock.advance(0.5)
            self.add(self.listing.now(), score, status)

    @rule(
        outage=st.sampled_from([HOUR, FREE - HOUR, FREE, FREE, FREE + HOUR, 31 * 24 * HOUR]),
        more=st.integers(-60, 300),
        copies=st.integers(0, 60),
        early=st.sampled_from([True, True, False]),
        killed=st.booleans(),
        slow=st.sampled_from([0, 20, 50]),
    )
    def outage(
        self, outage: int, more: int, copies: int, early: bool, killed: bool, slow: int
    ) -> None:
        """No poll for long; sessions all along, or crowded about the edge of the history.

        slow: so many seconds does each request of the next poll take, where there is to be one.
        """
        began, seconds = self.listing.now(), outage + more
        self.bench.clock.advance(seconds)
        for place in range(copies):
            part = place / copies * (min(1.0, 600 / seconds) if early else 1.0)
            created = began + round(part * seconds * MICROSECONDS)
            self.add(created, place / copies, "closed")
        if killed:
            self.restart()
        if slow:
            self.poll_slowly(slow, 20)

    @rule(seconds=st.sampled_from([1, 10, 60, 600]))
    def wait(self, seconds: int) -> None:
        self.bench.clock.advance(seconds)

    @rule(tier=st.sampled_from(["free", "pro"]))
    def change_tier(self, tier: str) -> None:
        self.listing.tier = tier
        self.listing.history = tiers.limits(tier).history_days * DAY

    @rule()
    def name_no_tier(self) -> None:
        """The header is missing, until the next change; what is served is as before."""
        self.listing.tier = None

    # -- what the exporter does, and what befalls it

    @rule(every=st.integers(2, 5), off=st.sampled_from([900, 7200, -900, -7200]))
    def poll_with_wrong_dates(self, every: int, off: int) -> None:
        self.attempt_with_wrong_dates(off, lambda number: number % every == 0)

    @rule(seconds=st.sampled_from([20, 50, 100]), times=st.integers(1, 4))
    def poll_slowly(self, seconds: int, times: int) -> None:
        """Some of its requests take long, so that the edge moves on meanwhile."""
        left, self.quick = times, False

        def wait() -> None:
            nonlocal left
            if left:
                left -= 1
                self.bench.clock.advance(seconds)

        self.listing.on_request = wait
        self.attempt()
        self.listing.on_request = lambda: None

    def restarted(self) -> None:
        self.observe()
        self.watch()

    def watch(self) -> None:
        """No counter falls, and the gap is the sum of what was given up."""
        counts = self.bench.counts()
        for name, before in self.high.items():
            assert counts.get(name, 0.0) >= before, name
        self.high = counts
        # Of what was tried since, what was committed before a kill is in the state.
        while self.tried and counts.get("gap", 0.0) >= self.gap(self.tried[0]) - 0.001:
            self.given_up.append(self.tried.pop(0))
        self.tried.clear()
        assert counts.get("gap", 0.0) == pytest.approx(self.gap())

    def gap(self, *more: GivenUp) -> float:
        """The seconds of all that was given up."""
        return sum(it.gap for it in [*self.given_up, *more]) / MICROSECONDS

    # -- the promise

    def settle_down(self) -> None:
        self.listing.latency = 0.05
        self.attempt()
        self.polls_apart(12)
        every = list(self.listing.sessions.values())
        kept = [it for it in every if not any(g.start <= it.created < g.end for g in self.given_up)]
        counts, (scored, total) = self.bench.counts(), self.bench.scores()
        for count, least, most in [
            (counts.get("sessions", 0), len(kept), len(every)),
            (counts.get("flag:webdriver", 0), len(kept), len(every)),
            (counts.get("bots", 0), bots(kept), bots(every)),
            (scored, len(scores(kept)), len(scores(every))),
            (total, sum(scores(kept)) - 0.001, sum(scores(every)) + 0.001),
        ]:
            assert least <= count <= most
        assert self.bench.state.unsettled == 0
        assert self.listing.now() - self.bench.state.bounds.frontier < 3 * SETTLE * MICROSECONDS


def scores(sessions: list[Fake]) -> list[float]:
    return [it.score for it in sessions if it.score is not None]


def bots(sessions: list[Fake]) -> int:
    return sum(score >= 0.7 for score in scores(sessions))


TestHistoryEdge = HistoryEdge.TestCase
TestHistoryEdge.settings = settings(
    max_examples=examples(15),
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def with_twenty_sessions(tier: str) -> Bench:
    """A first start that looks back an hour further than the free tier's history, over twenty."""
    bench = Bench(
        None,
        page_size=1,
        tier=tier,
        lookback=FREE + HOUR,
        overlap=OVERLAP,
        settle_after=SETTLE,
    )
    listing = bench.listing
    listing.history = tiers.limits(tier).history_days * DAY
    born = listing.now() - (FREE + HOUR - 2) * MICROSECONDS
    for number in range(20):
        at = born + (listing.now() - born) * number // 20
        listing.sessions[f"s{number}"] = Fake(f"s{number}", at, at, at, "closed", 0.5)
    return bench


def test_what_showed_nothing_is_read_again_where_the_history_has_grown_since() -> None:
    """The first slice begins before the history of the free tier, so that it shows nothing."""
    bench = with_twenty_sessions("free")
    listing = bench.listing
    listing.refuse = lambda number: number % 4 == 0
    with contextlib.suppress(ApiError):
        bench.poll()
    listing.refuse = lambda _: False
    assert bench.counts().get("sessions", 0) < 17
    listing.tier, listing.history = "pro", tiers.PRO.history_days * DAY

    for _ in range(8):
        bench.clock.advance(SETTLE)
        bench.poll()

    assert bench.counts()["sessions"] == 20
    assert "gap" not in bench.counts()


def test_a_crowd_fails_no_poll_though_earlier_ones_finished_no_walk() -> None:
    """To its moment a slice is halved several times, and nothing is wrong."""
    edge = HistoryEdge()
    edge.start("newest", True, "exact", 1, 15.0, "pro", 0.0)
    try:
        edge.name_no_tier()
        for _ in range(3):
            edge.poll_with_faults(every=1, kind="refuse")
            for _ in range(3):
                edge.insert(copies=20, score=None, status="active")
        edge.listing.latency = 0.05

        for _ in range(4):
            edge.bench.poll()
            edge.bench.clock.advance(SETTLE)
    finally:
        edge.teardown()


def test_one_date_far_behind_before_an_outage_hides_nothing_of_the_gap() -> None:
    """The walk that follows would begin before the history, and its empty page look whole."""
    bench = Bench(None, page_size=4, tier="free", overlap=OVERLAP, settle_after=SETTLE)
    listing = bench.listing
    bench.poll()
    for number in range(120):  # slices of this backlog show that endDates are honoured
        bench.clock.advance(60)
        at = listing.now()
        listing.sessions[f"s{number}"] = Fake(f"s{number}", at, at, at, "closed", 0.5)
    for _ in range(10):
        bench.clock.advance(60)
        bench.poll()
    listing.date = lambda _, right: right - 2 * HOUR
    bench.poll()
    listing.date = lambda _, right: right
    frontier = bench.state.bounds.frontier
    bench.clock.advance(FREE + 5 * HOUR)
    lost = (listing.now() - listing.history - frontier) / MICROSECONDS

    for _ in range(8):
        bench.poll()
        bench.clock.advance(60)

    assert lost <= bench.counts()["gap"] < lost + 120
    bench.close()


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_the_edge_of_the_history_holds_for_many_more_histories() -> None:
    run_state_machine_as_test(
        HistoryEdge,
        settings=settings(
            max_examples=int(os.environ.get("SOAK_EXAMPLES", "1000")) // 2,
            stateful_step_count=30,
            deadline=None,
            derandomize=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
