"""Whatever happens between, when the API is quiet every counter equals the oracle."""

import contextlib
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from exporter.api.errors import ApiError
from exporter.api.times import MICROSECONDS
from exporter.ledger.store import StateError
from tests.ledger.bench import Bench, KilledError
from tests.ledger.listing import Fake

OVERLAP = 20
SETTLE = 120
FLAGS = ("headless", "no-mouse", "webdriver", "fast-typing")


class Counting(RuleBasedStateMachine):
    """Inserts, late arrivals, changes, faults, kills and restarts, in any order."""

    @initialize(
        order=st.sampled_from(["newest", "oldest", "by_id"]),
        offsets=st.booleans(),
        dates=st.sampled_from(["exact", "day", "midnight"]),
        page_size=st.integers(1, 4),
        skew=st.sampled_from([0.0, -400.0, 517.3]),
        repeat=st.booleans(),
        overlap=st.sampled_from([OVERLAP, 2 * SETTLE]),
        lookback=st.sampled_from([0.0, 300.0]),
    )
    def start(
        self,
        order: str,
        offsets: bool,
        dates: str,
        page_size: int,
        skew: float,
        repeat: bool,
        overlap: int,
        lookback: float,
    ) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.bench = Bench(
            Path(self.folder.name) / "state.db",
            overlap=overlap,
            settle_after=SETTLE,
            lookback=lookback,
            order=order,
            offsets=offsets,
            dates=dates,
            page_size=page_size,
            skew=skew,
        )
        self.bench.listing.repeat = repeat
        self.number = 0
        self.origin: int | None = None
        self.high = dict[str, float]()
        self.first_start = self.bench.listing.now() - round(lookback * MICROSECONDS)

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            try:
                self.settle_down()
            finally:
                self.bench.close()
                self.folder.cleanup()

    # -- what the world does

    @rule(
        late=st.integers(0, OVERLAP - 2),
        ago=st.floats(0, 5),
        score=st.none() | st.floats(0, 1),
        broken=st.sampled_from([False, False, False, True]),
        copies=st.integers(1, 4),
    )
    def insert(self, late: int, ago: float, score: float | None, broken: bool, copies: int) -> None:
        """New sessions, some of which show up late; none reaches past the overlap."""
        now = self.bench.listing.now()
        for _ in range(copies):
            self.number += 1
            created = max(now - round(ago * MICROSECONDS), self.first_start + 2 * MICROSECONDS)
            identity = f"s{self.number * 7919 % 10007}-{self.number}"
            self.bench.listing.sessions[identity] = Fake(
                identity,
                created,
                visible=min(created + late * MICROSECONDS, now + late * MICROSECONDS),
                updated=now,
                score=score,
                broken=broken,
            )

    @rule(
        pick=st.randoms(use_true_random=False), score=st.floats(0, 1), flag=st.sampled_from(FLAGS)
    )
    def change(self, pick, score: float, flag: str) -> None:  # type: ignore[no-untyped-def]
        """A session changes: its score rises, a flag is added.

        It is active, or its last change is not yet an overlap ago.
        """
        now = self.bench.listing.now()
        fresh = now - (OVERLAP - 2) * MICROSECONDS
        young = [
            it
            for it in self.bench.listing.sessions.values()
            if it.status == "active" or it.updated > fresh
            if now - it.created < (SETTLE // 2) * MICROSECONDS
        ]
        if young:
            it = pick.choice(young)
            it.score = max(score, it.score or 0.0)
            if flag not in it.flags:
                it.flags.append(flag)
            it.updated = now

    @rule(pick=st.randoms(use_true_random=False), status=st.sampled_from(["closed", None]))
    def close(self, pick, status: str | None) -> None:  # type: ignore[no-untyped-def]
        """A session ends."""
        active = [it for it in self.bench.listing.sessions.values() if it.status == "active"]
        if active:
            it = pick.choice(active)
            it.status = status
            it.updated = self.bench.listing.now()

    @rule(seconds=st.sampled_from([1, 5, 10, 30, 100, 1000]))
    def wait(self, seconds: int) -> None:
        self.bench.clock.advance(seconds)

    # -- what the exporter does, and what befalls it

    @rule()
    def poll(self) -> None:
        self.attempt()

    @rule(every=st.integers(1, 4), kind=st.sampled_from(["refuse", "fail"]))
    def poll_with_faults(self, every: int, kind: str) -> None:
        setattr(self.bench.listing, kind, lambda number: number % every == 0)
        self.attempt()
        setattr(self.bench.listing, kind, lambda _: False)

    @rule(at=st.integers(0, 3))
    def poll_killed_by_request(self, at: int) -> None:
        """The process dies when it sends its request number `at` of the poll."""
        left = at

        def die() -> None:
            nonlocal left
            if left == 0:
                raise KilledError
            left -= 1

        self.bench.listing.on_request = die
        with contextlib.suppress(KilledError):
            self.attempt()
        self.bench.listing.on_request = lambda: None
        self.bench.restart()

    @rule(when=st.sampled_from(["before", "after"]))
    def poll_killed_at_commit(self, when: str) -> None:
        assert self.bench.store is not None
        self.bench.store.kill = when
        with contextlib.suppress(KilledError):
            self.attempt()
        self.bench.restart()

    @rule()
    def restart(self) -> None:
        self.bench.restart()

    def attempt(self) -> None:
        with contextlib.suppress(ApiError, StateError):
            self.bench.poll()
        self.watch()

    def watch(self) -> None:
        """No counter ever falls."""
        if self.bench.ledger.state is None:
            return
        counts = self.bench.counts()
        for name, before in self.high.items():
            assert counts.get(name, 0.0) >= before, name
        self.high = counts

    # -- the promise

    def settle_down(self) -> None:
        """The API is quiet, and a few polls pass."""
        for _ in range(8):
            self.bench.clock.advance(SETTLE)
            self.bench.poll()
            self.watch()
        valid = [it for it in self.bench.listing.sessions.values() if not it.broken]
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


TestCounting = Counting.TestCase
TestCounting.settings = settings(
    max_examples=60,
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
