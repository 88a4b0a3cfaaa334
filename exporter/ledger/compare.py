"""Sets what the API lists against what the ledger counted, session by session; pure.

Where the ledger still knows ids, it is asked for each. Before that it knows how many sessions of
each minute it counted, and no more: those numbers are compared. All times are microseconds by the
API's clock.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from exporter.api.schema.session import Session, is_under_way
from exporter.api.times import MINUTE
from exporter.ledger.rules import Known, Rules

SCORE_MARGIN = 1e-9


@dataclass(slots=True)
class Comparison:
    """What was found so far.

    listed: distinct sessions that the API shows. counted: of them, those that the ledger counted.
    missing: ids that the ledger should know and does not, by createdAt. late: those that it came to
    know while it was compared.
    uncounted, surplus: by minutes alone: sessions listed more than counted, and the other way.
    doubled: counted more often than there are ids.
    changed: the score is another one than when the session was settled, as it may be: the API
    changed the session later. differs: so it is, though nothing says that the session changed.
    """

    listed: int = 0
    by_id: int = 0
    counted: int = 0
    late: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    uncounted: int = 0
    surplus: int = 0
    doubled: int = 0
    changed: int = 0
    differs: int = 0
    _minutes: Counter[int] = field(default_factory=Counter)
    _unknown: set[int] = field(default_factory=set)
    """Minutes of which not all ids were known any more."""

    @property
    def agrees(self) -> bool:
        """Whether nothing is missing, doubled or settled otherwise."""
        faults = (self.missing, self.uncounted, self.surplus, self.doubled, self.differs)
        return not any(faults)

    def add(
        self, sessions: Iterable[Session], known: Mapping[str, Known], horizon: int, counting: Rules
    ) -> None:
        """Compare sessions of the API's list, each once.

        known: what the ledger has of them. horizon: what was created before may be forgotten.
        """
        first = -(-horizon // MINUTE)
        for session in sessions:
            minute = session.created // MINUTE
            self.listed += 1
            self._minutes[minute] += 1
            if minute < first:
                self._unknown.add(minute)
                continue
            self.by_id += 1
            found = known.get(session.id)
            if found is None:
                self.missing[session.id] = session.created
                continue
            self.counted += 1
            self._judge(session, found, counting)

    def recheck(self, known: Mapping[str, Known]) -> None:
        """Take back what was missing and is known now."""
        for identity in [one for one in self.missing if one in known]:
            del self.missing[identity]
            self.late += 1
            self.counted += 1

    def finish(
        self, minutes: Mapping[int, int], ids: Mapping[int, int], window: tuple[int, int]
    ) -> None:
        """Compare by minutes.

        minutes: how many sessions the ledger counted. ids: how many it knows, of the minutes of
        which it surely knows all. window: which minutes were read whole, [first, last).
        """
        for minute in range(*window):
            counted = minutes.get(minute, 0)
            by_id = minute in self._minutes and minute not in self._unknown
            if minute in ids or by_id:
                self.doubled += max(0, counted - ids.get(minute, counted))
                continue
            missing = sum(created // MINUTE == minute for created in self.missing.values())
            listed = self._minutes[minute] - missing
            self.counted += min(listed, counted)
            self.uncounted += max(0, listed - counted)
            self.surplus += max(0, counted - listed)

    def _judge(self, session: Session, known: Known, counting: Rules) -> None:
        """Whether a settled session has the score that it was settled with."""
        if not known.settled or known.score is None or session.score is None:
            return
        if abs(known.score - session.score) <= SCORE_MARGIN:
            return
        age = counting.settle_after
        ended = session.status is not None and not is_under_way(session.status)
        still = ended and session.updated is not None and session.updated < known.created + age
        if still:
            # Unchanged since before it was settled, whenever that was.
            self.differs += 1
        else:
            self.changed += 1
