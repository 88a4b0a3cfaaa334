"""Whatever happens between, when the API is quiet every counter equals the oracle."""

import contextlib
import json
import os
import sqlite3
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from tests.examples import examples
from tests.ledger.bench import Bench, KilledError
from tests.ledger.world import FLAGS, OFF, LedgerMachine

TROUBLES = ["database or disk is full", "database is locked", "disk I/O error"]


def at_place(counts: dict[str, float], name: str, place: str) -> float:
    """The sum over all values of a place."""
    return sum(value for key, value in counts.items() if key.startswith(f"{name}:{place}/"))


def waiting(bench: Bench, table: str) -> set[str]:
    """The ids that wait in an outbox."""
    column = {"detail": "session", "finding": "body"}[table]
    assert bench.store is not None
    rows = bench.run(
        bench.store.run(lambda db: db.execute(f"SELECT {column} FROM {table}").fetchall())  # noqa: S608 - our own names
    )
    assert isinstance(rows, list)
    assert len(rows) == len(set(rows))
    found = [json.loads(written) for (written,) in rows]
    return {it if table == "detail" else it["session"] for it in found}


class Counting(LedgerMachine):
    """Inserts, late arrivals, changes, faults, kills and restarts, in any order."""

    def begin(self, off: int) -> None:
        if off:
            self.poll_with_wrong_dates(0, off, False)

    # -- what the exporter does, and what befalls it

    @rule(depth=st.integers(2, 30))
    def poll_with_cursors_that_do_not_last(self, depth: int) -> None:
        self.listing.refuse = lambda _: self.listing.depth > depth
        self.attempt()
        self.listing.refuse = lambda _: False

    @rule(most=st.integers(3, 60))
    def polls_of_a_weak_server(self, most: int) -> None:
        """It gives up on windows that hold more than so many sessions."""
        self.listing.most = most
        for _ in range(4):
            self.attempt()
        self.listing.most = None

    @rule(every=st.integers(1, 4))
    def poll_without_dates(self, every: int) -> None:
        self.listing.date = lambda number, right: None if number % every == 0 else right
        self.attempt()
        self.listing.date = lambda _, right: right

    @rule(at=st.integers(0, 5), off=st.sampled_from(OFF), restarted=st.booleans())
    def poll_with_wrong_dates(self, at: int, off: int, restarted: bool) -> None:
        """From its answer number `at` on."""
        if restarted:
            self.bench.restart()
        first = self.listing.requests + 1
        self.attempt_with_wrong_dates(off, lambda number: number - first >= at)

    @rule(
        what=st.sampled_from(["insert", "burst", "change", "close"]),
        every=st.integers(1, 4),
        times=st.integers(1, 5),
        pause=st.sampled_from([0, 0, 10, 30]),
        pick=st.randoms(use_true_random=False),
    )
    def poll_amid(self, what: str, every: int, times: int, pause: int, pick: Random) -> None:
        """The world goes on between the pages of a walk.

        Where the list is ordered by the last change, no session changes meanwhile: that can hide
        one from the walk, and from the ledger where no other walk covers it (docs/counting.md,
        "Where the promise ends").
        """
        left = 0 if what in ("change", "close") and "updated" in self.listing.lists.order else times

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

    @rule(trouble=st.sampled_from(TROUBLES), spared=st.integers(0, 6))
    def poll_without_commits(self, trouble: str, spared: int) -> None:
        """From one of its commits on the state cannot be written; what is published stays."""
        store, before = self.bench.store, self.bench.counts()
        assert store is not None
        store.fail, store.spared = sqlite3.OperationalError(trouble), spared
        self.attempt()
        store.fail, store.spared = None, 0
        assert spared or self.bench.counts() == before

    def watch(self) -> None:
        """No counter ever falls, and neither does the frontier, but where the API's clock did.

        Then it may be ahead of that clock, steps back and says so.
        """
        if self.bench.ledger.state is None:
            return
        counts = {**self.bench.counts(), "scores": self.bench.scores()[0]}
        counts["frontier"] = self.bench.state.frontier or 0
        if counts.get("step_backs", 0) > self.high.get("step_backs", 0) and self.set_back:
            del self.high["frontier"]
        for name, before in self.high.items():
            assert counts.get(name, 0.0) >= before, name
        self.high = counts

    # -- the promise

    def settle_down(self) -> None:
        """The API is quiet, and a few polls pass."""
        self.listing.latency, self.bench.budgeted = 0.05, False
        # The first one may still lack a second Date that agrees with the first.
        self.attempt()
        self.polls_apart(8)
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
            having = [it for it in valid if flag in it.flags]
            assert counts.get(f"flag:{flag}", 0) == len(having)
            bots = sum((it.score or 0.0) >= 0.7 for it in having)
            assert counts.get(f"bot_flag:{flag}", 0) == bots
        for place, part in (("course", "/courses/"), ("quiz", "/quizzes/")):
            there = [it for it in valid if part in str(it.page)]
            assert at_place(counts, "place", place) == len(there)
            bots = sum((it.score or 0.0) >= 0.7 for it in there)
            assert at_place(counts, "bot_place", place) == bots
        named = {it.id for it in valid if (it.score or 0.0) >= 0.7}
        assert waiting(self.bench, "detail") == waiting(self.bench, "finding") == named
        count, total = self.bench.scores()
        assert count == len(scored)
        assert total == pytest.approx(sum(scored))
        assert self.bench.state.unsettled == 0
        assert "gap" not in counts


TestCounting = Counting.TestCase
TestCounting.settings = settings(
    max_examples=examples(24),
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
