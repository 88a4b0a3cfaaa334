"""Whatever happens between, when the API is quiet every counter equals the oracle."""

import contextlib
import os
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from exporter.api.errors import ApiError
from exporter.api.times import MICROSECONDS
from exporter.ledger.store import StateError
from tests.clocks import FakeClock
from tests.ledger.bench import Bench, KilledError
from tests.ledger.listing import Fake

OVERLAP = 20
SETTLE = 120
MOST = 250
"""So many sessions at most, so that a history is told in a second."""

OFF = [120, 900, 7200, 100 * 3600, -90, -900, -7200, -100 * 3600]
"""So many seconds are wrong Dates off."""

FLAGS = ("headless", "no-mouse", "webdriver", "fast-typing")
AFTERNOON, BEFORE_MIDNIGHT = 1_790_000_000.0, 1_790_035_000.0
ORDERS = ["newest", "oldest", "by_id", "updated", "updated_oldest", "random"]
TIERS = ["free", "pro", "enterprise", None]
TROUBLES = ["database or disk is full", "database is locked", "disk I/O error"]


class Counting(RuleBasedStateMachine):
    """Inserts, late arrivals, changes, faults, kills and restarts, in any order.

    Times are seconds, but for those of sessions, which are microseconds.
    """

    @initialize(
        order=st.sampled_from(ORDERS),
        offsets=st.booleans(),
        dates=st.sampled_from(["exact", "day", "midnight"]),
        page_size=st.integers(1, 4),
        began=st.sampled_from([AFTERNOON, BEFORE_MIDNIGHT]),
        skew=st.sampled_from([0.0, -400.0, 517.3]),
        steady=st.booleans(),
        repeat=st.booleans(),
        short=st.sampled_from([None, None, (2, 0), (2, 1), (3, 0)]),
        off=st.sampled_from([0, 0, *OFF]),
        overlap=st.sampled_from([OVERLAP, 2 * SETTLE]),
        lookback=st.sampled_from([0.0, 300.0]),
        latency=st.sampled_from([0.05, 0.05, 0.5, 2.0]),
        share=st.sampled_from([1.0, 0.1]),
        budgeted=st.sampled_from([False, False, True]),
    )
    def start(
        self,
        order: str,
        offsets: bool,
        dates: str,
        page_size: int,
        began: float,
        skew: float,
        steady: bool,
        repeat: bool,
        short: tuple[int, int] | None,
        off: int,
        overlap: int,
        lookback: float,
        latency: float,
        share: float,
        budgeted: bool,
    ) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.bench = Bench(
            Path(self.folder.name) / "state.db",
            overlap=overlap,
            settle_after=SETTLE,
            lookback=lookback,
            tier=None,
            clock=FakeClock(began),
            share=share,
            budgeted=budgeted,
            order=order,
            offsets=offsets,
            dates=dates,
            page_size=page_size,
            skew=skew,
            latency=latency,
        )
        self.listing = self.bench.listing
        self.listing.repeat = repeat
        if short is not None:
            # Fewer items than asked for, or none, though there are more.
            every, items = short
            self.listing.short = lambda number: items if number % every == 0 else None
        self.listing.tier = "free"
        self.number = 0
        self.high = dict[str, float]()
        self.first_start = self.listing.now() - round(lookback * MICROSECONDS)
        # A session is in the list at most an overlap after its createdAt, by a clock that did not
        # go back. Where it does, createdAt goes back with it, so what the clock ever lags behind
        # its own fastest run is lateness too, and the two together are what an overlap bears.
        self.latest = overlap - 2 if steady else overlap // 2 - 2
        self.back = 0 if steady else overlap // 2
        self.fastest = skew
        self.rightly = 2
        for number in range(9):
            # What is older than the lookback, by more than a Date can be trusted, never counts.
            created = self.first_start - (90 + 30 * number**2) * MICROSECONDS
            old = Fake(f"old{number}", created, created, created, "closed", 0.9, ["headless"])
            self.listing.sessions[old.id] = old
        if off:
            self.poll_with_wrong_dates(0, off, False)

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            try:
                self.settle_down()
            finally:
                self.bench.close()
                self.folder.cleanup()

    # -- what the world does

    def add(
        self,
        created: int,
        late: float,
        score: float | None,
        status: str = "active",
        broken: bool = False,
    ) -> None:
        """One session; `late`: seconds after its createdAt from which the list shows it."""
        if len(self.listing.sessions) >= MOST:
            return
        self.number += 1
        created = max(created, self.first_start + 2 * MICROSECONDS)
        identity = f"s{self.number * 7919 % 10007}-{self.number}"
        self.listing.sessions[identity] = Fake(
            identity,
            created,
            visible=created + round(late * MICROSECONDS),
            updated=self.listing.now(),
            status=status,
            score=score,
            broken=broken,
        )

    @rule(
        late=st.floats(0, 1),
        ago=st.floats(0, 5),
        score=st.none() | st.floats(0, 1),
        status=st.sampled_from(["active", "closed"]),
        broken=st.sampled_from([False, False, False, True]),
        copies=st.integers(1, 4),
    )
    def insert(
        self, late: float, ago: float, score: float | None, status: str, broken: bool, copies: int
    ) -> None:
        """New sessions, some of which show up late; none reaches past the overlap."""
        created = self.listing.now() - round(ago * MICROSECONDS)
        for _ in range(copies):
            self.add(created, late * self.latest, score, status, broken)

    @rule(
        copies=st.integers(10, 60),
        score=st.none() | st.floats(0, 1),
        status=st.sampled_from(["active", "closed"]),
    )
    def burst(self, copies: int, score: float | None, status: str) -> None:
        """Many pages of sessions, created over as long as may pass before the list shows them."""
        now = self.listing.now()
        for place in range(copies):
            late = self.latest * place / copies
            self.add(now - round(late * MICROSECONDS), late, score, status)

    @rule(
        minutes=st.sampled_from([2, 20, 200]),
        copies=st.integers(10, 60),
        score=st.none() | st.floats(0, 1),
        killed=st.booleans(),
    )
    def outage(self, minutes: int, copies: int, score: float | None, killed: bool) -> None:
        """No poll while the world goes on."""
        for _ in range(copies):
            self.bench.clock.advance(minutes * 60 / copies)
            self.add(self.listing.now(), 0, score, "closed")
        if killed:
            self.bench.restart()

    @rule(
        pick=st.randoms(use_true_random=False),
        many=st.integers(1, 20),
        score=st.floats(0, 1),
        flag=st.sampled_from(FLAGS),
    )
    def change(self, pick, many: int, score: float, flag: str) -> None:  # type: ignore[no-untyped-def]
        """Sessions change: their score rises, a flag is added.

        They are active, or their last change is not yet an overlap ago by any clock so far.
        """
        now = self.listing.now() + self.back * MICROSECONDS
        fresh = now - self.latest * MICROSECONDS
        young = [
            it
            for it in self.listing.sessions.values()
            if it.status == "active" or it.updated > fresh
            if now - it.created < (SETTLE // 2) * MICROSECONDS
        ]
        for it in pick.sample(young, min(many, len(young))):
            it.score = max(score, it.score or 0.0)
            if flag not in it.flags:
                it.flags.append(flag)
            it.updated = self.listing.now()

    @rule(
        pick=st.randoms(use_true_random=False),
        many=st.integers(1, 20),
        status=st.sampled_from(["closed", None]),
    )
    def close(self, pick, many: int, status: str | None) -> None:  # type: ignore[no-untyped-def]
        """Sessions end."""
        active = [it for it in self.listing.sessions.values() if it.status == "active"]
        for it in pick.sample(active, min(many, len(active))):
            it.status = status
            it.updated = self.listing.now()

    @rule(seconds=st.sampled_from([1, 5, 10, 30, 100, 1000]))
    def wait(self, seconds: int) -> None:
        self.bench.clock.advance(seconds)

    @precondition(lambda self: self.bench.state.origin is not None)
    @rule(step=st.sampled_from([2, 7, 45, 90, 400]), forward=st.booleans())
    def set_the_clock_of_the_server(self, step: int, forward: bool) -> None:
        """Forward by anything; back by no more than the overlap bears (see `start`).

        A session created by a clock that is further back lies behind the frontier as one does that
        is later than an overlap: it counts only while an older one is unsettled. And what the clock
        showed before the first answer nobody can know, so it is not set before that.
        """
        moved = self.listing.skew + (step if forward else -step)
        self.listing.skew = max(moved, self.fastest - self.back)
        self.fastest = max(self.fastest, self.listing.skew)

    @rule(tier=st.sampled_from(TIERS))
    def change_tier(self, tier: str | None) -> None:
        self.listing.tier = tier

    # -- what the exporter does, and what befalls it

    @rule()
    def poll(self) -> None:
        self.attempt()

    @rule(every=st.integers(1, 4), kind=st.sampled_from(["refuse", "fail"]))
    def poll_with_faults(self, every: int, kind: str) -> None:
        setattr(self.listing, kind, lambda number: number % every == 0)
        self.attempt()
        setattr(self.listing, kind, lambda _: False)

    @rule(depth=st.integers(2, 30))
    def poll_with_cursors_that_do_not_last(self, depth: int) -> None:
        self.listing.refuse = lambda _: self.listing.depth > depth
        self.attempt()
        self.listing.refuse = lambda _: False

    @rule(most=st.integers(3, 60))
    def polls_of_a_weak_server(self, most: int) -> None:
        """It gives up on windows that hold more than so many sessions."""
        self.listing.bearable = most
        for _ in range(4):
            self.attempt()
        self.listing.bearable = None

    @rule(every=st.integers(1, 4))
    def poll_without_dates(self, every: int) -> None:
        self.listing.date = lambda number, right: None if number % every == 0 else right
        self.attempt()
        self.listing.date = lambda _, right: right

    @rule(at=st.integers(0, 5), off=st.sampled_from(OFF), restarted=st.booleans())
    def poll_with_wrong_dates(self, at: int, off: int, restarted: bool) -> None:
        """From its answer number `at` on, but never two within three: two that agree count."""
        if restarted:
            self.bench.restart()
        first = self.listing.requests + 1

        def date(number: int, right: int) -> int:
            if number - first >= at and self.rightly >= 2:
                self.rightly = 0
                return right + off
            self.rightly += 1
            return right

        self.listing.date = date
        self.attempt()
        self.listing.date = lambda _, right: right

    @rule(
        what=st.sampled_from(["insert", "burst", "change", "close"]),
        every=st.integers(1, 4),
        times=st.integers(1, 5),
        pause=st.sampled_from([0, 0, 10, 30]),
        pick=st.randoms(use_true_random=False),
    )
    def poll_amid(  # type: ignore[no-untyped-def]
        self, what: str, every: int, times: int, pause: int, pick
    ) -> None:
        """The world goes on between the pages of a walk.

        Where the list is ordered by the last change, no session changes meanwhile: that can hide
        one from the walk, and from the ledger where no other walk covers it (docs/counting.md,
        "Where the promise ends").
        """
        left = 0 if what in ("change", "close") and "updated" in self.listing.order else times

        def move() -> None:
            nonlocal left
            if left == 0 or self.listing.requests % every:
                return
            left -= 1
            match what:
                case "insert":
                    self.insert(0.0, 0.5, 0.8, "closed", False, 3)
                case "burst":
                    self.burst(10, 0.3, "closed")
                case "change":
                    self.change(pick, 5, 0.9, FLAGS[0])
                case _:
                    self.close(pick, 5, "closed")
            self.bench.clock.advance(pause)

        self.listing.on_request = move
        self.attempt()
        self.listing.on_request = lambda: None

    @rule(at=st.integers(0, 30))
    def poll_killed_by_request(self, at: int) -> None:
        """The process dies when it sends its request number `at` of the poll."""
        left = at

        def die() -> None:
            nonlocal left
            if left == 0:
                raise KilledError
            left -= 1

        self.listing.on_request = die
        with contextlib.suppress(KilledError):
            self.attempt()
        self.listing.on_request = lambda: None
        self.bench.restart()

    @rule(when=st.sampled_from(["before", "after"]), spared=st.integers(0, 6))
    def poll_killed_at_commit(self, when: str, spared: int) -> None:
        assert self.bench.store is not None
        self.bench.store.kill, self.bench.store.spared = when, spared
        with contextlib.suppress(KilledError):
            self.attempt()
        self.bench.restart()

    @rule(trouble=st.sampled_from(TROUBLES), spared=st.integers(0, 6))
    def poll_without_commits(self, trouble: str, spared: int) -> None:
        """From one of its commits on the state cannot be written; what is published stays."""
        store, before = self.bench.store, self.bench.counts()
        assert store is not None
        store.fail, store.spared = sqlite3.OperationalError(trouble), spared
        self.attempt()
        store.fail, store.spared = None, 0
        assert spared or self.bench.counts() == before

    @rule()
    def restart(self) -> None:
        self.bench.restart()

    def attempt(self) -> None:
        with contextlib.suppress(ApiError, StateError):
            self.bench.poll()
        self.watch()

    def watch(self) -> None:
        """No counter ever falls, and neither does the frontier."""
        if self.bench.ledger.state is None:
            return
        counts = {**self.bench.counts(), "scores": self.bench.scores()[0]}
        counts["frontier"] = self.bench.state.frontier or 0
        for name, before in self.high.items():
            assert counts.get(name, 0.0) >= before, name
        self.high = counts

    # -- the promise

    def settle_down(self) -> None:
        """The API is quiet, and a few polls pass."""
        self.listing.latency, self.bench.budgeted = 0.05, False
        # The first one may still lack a second Date that agrees with the first.
        self.attempt()
        for _ in range(8):
            self.bench.clock.advance(SETTLE)
            self.bench.poll()
            self.watch()
        self.check()

    def check(self) -> None:
        """Every counter equals the oracle."""
        since = self.first_start
        listed = [it for it in self.listing.sessions.values() if it.created >= since]
        valid = [it for it in listed if not it.broken]
        scored = [it.score for it in valid if it.score is not None]
        counts = self.bench.counts()
        assert counts.get("sessions", 0) == len(valid)
        assert counts.get("bots", 0) == sum(score >= 0.7 for score in scored)
        for flag in FLAGS:
            assert counts.get(f"flag:{flag}", 0) == sum(flag in it.flags for it in valid)
        count, total = self.bench.scores()
        assert count == len(scored)
        assert total == pytest.approx(sum(scored))
        assert self.bench.state.unsettled == 0
        assert "gap" not in counts


TestCounting = Counting.TestCase
TestCounting.settings = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_counting_holds_for_many_more_histories() -> None:
    run_state_machine_as_test(
        Counting,
        settings=settings(
            max_examples=int(os.environ.get("SOAK_EXAMPLES", "1000")),
            stateful_step_count=60,
            deadline=None,
            derandomize=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
