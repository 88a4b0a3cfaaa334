"""Counts a past step by step: what each step adds, and the columns of counters that follow.

What a step adds is plain numbers, which a checkpoint can hold; the columns follow from them alone,
so a backfill that was interrupted writes the same file as one that was not.
"""

from collections import Counter as Tallied
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from exporter.api.schema.session import Session
from exporter.api.times import MICROSECONDS
from exporter.commands.backfill.span import Range
from exporter.ledger import rules, state
from exporter.ledger.rules import Bounds, Rules, Tally
from exporter.ledger.state import LedgerState
from exporter.metrics import catalogue
from exporter.publish.backfill import Columns
from exporter.settings.model import SessionsSettings

WRITTEN = (
    catalogue.SESSIONS,
    catalogue.BOT_SESSIONS,
    catalogue.SESSION_FLAGS,
    catalogue.BOT_SESSION_FLAGS,
    catalogue.SESSION_BOT_SCORE,
)


@dataclass(frozen=True, slots=True)
class Addition:
    """What sessions of one step add. step: the number of the step that they fall into, from 0."""

    step: int
    sessions: int
    bots: int
    flags: dict[str, int]
    bot_flags: dict[str, int]
    scores: tuple[float, ...]

    def as_json(self) -> list[object]:
        """As a checkpoint holds it."""
        counts = [self.step, self.sessions, self.bots]
        return [*counts, self.flags, self.bot_flags, self.scores]

    @classmethod
    def from_json(cls, written: object) -> "Addition":
        """What `as_json` gave. Raises ValueError for anything else."""
        match written:
            case [int(), int(), int(), dict(), dict(), list()]:
                step, sessions, bots, flags, bot_flags, scores = cast("list[Any]", written)
                return cls(step, sessions, bots, flags, bot_flags, tuple(map(float, scores)))
        raise ValueError("not what a step adds")

    @property
    def tally(self) -> Tally:
        """The same, as the ledger counts it."""
        return Tally(
            sessions=self.sessions,
            bots=self.bots,
            flags=Tallied(self.flags),
            bot_flags=Tallied(self.bot_flags),
            scores=[(score, None) for score in self.scores],
        )


def additions(
    sessions: Iterable[Session], wanted: Range, now: int, counting: Rules
) -> Iterator[Addition]:
    """What these sessions of the range, oldest first, add step by step; read at the API's `now`."""
    (start, _), width = wanted.micros, round(wanted.step * MICROSECONDS)
    step, tally = -1, Tally()
    for session in sessions:
        current = (session.created - start) // width
        if current != step:
            if tally.sessions:
                yield _addition(step, tally)
            step, tally = current, Tally()
        rules.read(None, session, now, Bounds(0, 0), counting, tally)
    if tally.sessions:
        yield _addition(step, tally)


def _addition(step: int, tally: Tally) -> Addition:
    return Addition(
        step,
        tally.sessions,
        tally.bots,
        dict(tally.flags),
        dict(tally.bot_flags),
        tuple(score for score, _ in tally.scores),
    )


def counting_rules(settings: SessionsSettings) -> Rules:
    """Everything in the range is old enough to be settled by one reading."""
    return Rules(overlap=0, settle_after=0, threshold=settings.bot_threshold)


class Counter:
    """Adds up what steps add, in their order, and notes the counters at the end of each step."""

    def __init__(self, integration: str, wanted: Range, max_flags: int) -> None:
        self._max_flags = max_flags
        self._state = LedgerState(row=0, first_start=wanted.start, begun=wanted.start)
        self._columns = Columns(integration)
        self._times = list(wanted.times())
        self._noted = 0
        self._note()

    @property
    def sessions(self) -> int:
        return int(self._state.value(state.SESSIONS))

    def add(self, added: Sequence[Addition]) -> None:
        """Add what comes next."""
        for addition in added:
            while self._noted <= addition.step:
                self._note()
            self._state, _, _ = state.counted(
                self._state, addition.tally, self._state.begun, self._max_flags
            )

    def finished(self) -> Columns:
        """The columns, to the end of the range."""
        while self._noted < len(self._times):
            self._note()
        return self._columns

    def _note(self) -> None:
        samples = state.samples(self._state, {}, gauges=False)
        time = self._times[self._noted]
        self._columns.add(time, (it for it in samples if it.metric in WRITTEN))
        self._noted += 1
