"""What the state machines have in common: a bench, the polls, and what befalls them."""

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from exporter.api.errors import ApiError, SliceTooLongError
from exporter.ledger.database import Database
from exporter.ledger.engine import StateError
from tests.ledger.bench import Bench, KilledError
from tests.ledger.listing import Listing

OVERLAP = 20
SETTLE = 120
"""Seconds."""


class PollingMachine(RuleBasedStateMachine):
    """An exporter that polls, fails, is killed and starts again; subclasses have the world."""

    folder: tempfile.TemporaryDirectory[str]
    bench: Bench
    listing: Listing
    number = 0
    rightly = 2
    """Right Dates since the last wrong one."""

    def make_bench(self, *, offsets: bool, **options: Any) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.bench = Bench(
            self.place(Path(self.folder.name)),
            settle_after=SETTLE,
            tier=None,
            paging="offset" if offsets else "keyset",
            **options,
        )
        self.listing = self.bench.listing
        self.high = dict[str, float]()

    def place(self, folder: Path) -> Path | Database:
        """Where the state is to be."""
        return folder / "state.db"

    def next_name(self) -> str:
        """An id; by it sessions stand in another order than they were created in."""
        self.number += 1
        return f"s{self.number * 7919 % 10007}-{self.number}"

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            try:
                self.settle_down()
            finally:
                self.bench.close()
                self.folder.cleanup()

    def settle_down(self) -> None:
        """The API is quiet, and a few polls pass; then what was promised must be true."""
        raise NotImplementedError

    def watch(self) -> None:
        """What must be true after each poll."""
        raise NotImplementedError

    def attempt(self) -> None:
        with contextlib.suppress(ApiError, StateError):
            self.bench.poll()
        self.watch()

    def polls_apart(self, count: int) -> None:
        """Polls of a quiet API, which succeed."""
        for _ in range(count):
            self.bench.clock.advance(SETTLE)
            # It says so where several polls in a row have only halved a slice.
            with contextlib.suppress(SliceTooLongError):
                self.bench.poll()
            self.watch()

    def attempt_with_wrong_dates(self, off: int, may: Callable[[int], bool]) -> None:
        """A poll, of which those answers that may are dated so many seconds wrong.

        But never two within three: two that agree are believed. may: by the request's number.
        """

        def date(number: int, right: int) -> int:
            if may(number) and self.rightly >= 2:
                self.rightly = 0
                return right + off
            self.rightly += 1
            return right

        self.listing.date = date
        self.attempt()
        self.listing.date = lambda _, right: right

    @rule()
    def poll(self) -> None:
        self.attempt()

    @rule(every=st.integers(1, 4), kind=st.sampled_from(["refuse", "fail"]))
    def poll_with_faults(self, every: int, kind: str) -> None:
        setattr(self.listing, kind, lambda number: number % every == 0)
        self.attempt()
        setattr(self.listing, kind, lambda _: False)

    @rule(when=st.sampled_from(["before", "after"]), spared=st.integers(0, 6))
    def poll_killed_at_commit(self, when: str, spared: int) -> None:
        assert self.bench.store is not None
        self.bench.store.kill, self.bench.store.spared = when, spared
        with contextlib.suppress(KilledError):
            self.attempt()
        self.restart()

    @rule()
    def restart(self) -> None:
        self.bench.restart()
        self.restarted()

    def restarted(self) -> None:
        """Called in each new process."""
