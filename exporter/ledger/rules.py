"""The rules of counting, as functions of (what is known, what was read, the API's time).

Pure: no I/O and no clock. All times are microseconds since 1970 by the API's clock. What each rule
promises, and why nothing is lost or doubled, stands in docs/counting.md.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec import Struct

from exporter.api.schema.session import MOST_FLAGS, Session, is_under_way
from exporter.api.times import MINUTE
from exporter.ledger.places import Book
from exporter.places import Place

T = TypeVar("T")

MISSED_PASSES = 3
"""Whole passes that do not show an old enough session, before it is settled as last read."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that counting depends on. overlap, settle_after: microseconds.

    score_scale: the API's score of a certain bot; threshold is a part of it.
    places: what of a page counts. min_users: so many distinct users show a value of one.
    details, findings: whether details of settled bots are read, and each is told to a Collector.
    """

    overlap: int
    settle_after: int
    threshold: float
    score_scale: float = 1.0
    places: tuple[Place, ...] = ()
    min_users: int = 10
    details: bool = False
    findings: bool = False

    @property
    def names_bots(self) -> bool:
        """Whether the ids of bots are needed once they are settled."""
        return self.details or self.findings


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where counting stands: nothing before `horizon` counts; what is before `frontier` was read.

    forgotten: windows, [start, end), in which all was counted, but no id is known any more.
    """

    horizon: int
    frontier: int
    forgotten: tuple[tuple[int, int], ...] = ()

    def counts(self, created: int) -> bool:
        """Whether a session that was never seen, created then, is to be counted."""
        if created < self.horizon:
            return False
        if not self.forgotten:
            return True
        return not any(start <= created < end for start, end in self.forgotten)


class Known(Struct, frozen=True, gc=False):
    """What is remembered of a session; a struct, of which one is made for each reading.

    bot: whether it was counted as one. flags: those counted. score: the last that was read.
    places: the places counted, each with the label that it counted under.
    name: the id of a bot, while something is to be done with it once it is settled.
    """

    created: int
    settled: bool = False
    bot: bool = False
    active: bool = False
    score: float | None = None
    flags: frozenset[str] = frozenset()
    places: tuple[tuple[str, str], ...] = ()
    name: str | None = None


_NOTHING = Known(created=0)
"""What is known of a session that was never seen."""


@dataclass(slots=True)
class Tally:
    """What readings add to the counters, and to the numbers of open sessions."""

    sessions: int = 0
    bots: int = 0
    late: int = 0
    flags: Counter[str] = field(default_factory=Counter)
    bot_flags: Counter[str] = field(default_factory=Counter)
    """Of the sessions counted as bots: all that are known when one is counted, then new ones."""
    places: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By place and label."""
    bot_places: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of the sessions counted as bots, as with flags."""
    scores: list[tuple[float, str | None]] = field(default_factory=list)
    """Final score of each session settled with one; and its id, where a reading settled it."""
    settled_bots: list[Known] = field(default_factory=list)
    """Those with a name, as they were when they were settled."""
    minutes: Counter[int] = field(default_factory=Counter)
    """New sessions by the minute of their createdAt."""
    bot_minutes: Counter[int] = field(default_factory=Counter)
    """And those that are counted as bots now."""
    unsettled: int = 0
    active: int = 0


def read(
    before: Known | None,
    session: Session,
    at: int,
    bounds: Bounds,
    rules: Rules,
    tally: Tally,
    book: Book | None = None,
) -> Known | None:
    """What is known of `session` after one reading of it, made at the API's time `at`.

    before: what was known; None where it was never seen. Adds to `tally` what is to be counted.
    book: what its places count under; it learns who was there.
    Gives None where a session that was never seen is not to be counted, and `before` itself where
    nothing changed; the same reading a second time changes nothing.
    """
    if before is None:
        if not bounds.counts(session.created):
            return None
        tally.sessions += 1
        tally.late += session.created < bounds.frontier
        tally.minutes[session.created // MINUTE] += 1
        tally.unsettled += 1
        known, created = _NOTHING, session.created
    elif before.settled:
        return before
    else:
        known, created = before, before.created
    bot = session.score is not None and session.score >= rules.threshold
    if bot and not known.bot:
        tally.bots += 1
        tally.bot_minutes[created // MINUTE] += 1
    # Most sessions have neither, and this is done for each of millions.
    fresh = _fresh_flags(known, session) if session.flags else []
    places = [] if book is None else _places(known, session, at, book)
    if fresh or places or (bot and not known.bot):
        _count(tally.flags, fresh)
        _count(tally.places, places)
        if known.bot:
            _count(tally.bot_flags, fresh)
            _count(tally.bot_places, places)
        elif bot:
            _count(tally.bot_flags, [*sorted(known.flags), *fresh])
            _count(tally.bot_places, [*known.places, *places])
    active = session.status is not None and is_under_way(session.status)
    tally.active += active - known.active
    bot = bot or known.bot
    after = Known(
        created,
        settled=False,
        bot=bot,
        active=active,
        score=known.score if session.score is None else session.score,
        flags=known.flags.union(fresh) if fresh else known.flags,
        places=(*known.places, *places) if places else known.places,
        name=session.id if bot and rules.names_bots else None,
    )
    if is_settled(session, created, at, rules):
        return settle(after, session.id, tally)
    return before if after == before else after


def _count(counter: Counter[T], keys: Iterable[T]) -> None:
    """As `counter.update(keys)`, which takes ten times as long for none or two of them."""
    for key in keys:
        counter[key] += 1


def _fresh_flags(known: Known, session: Session) -> list[str]:
    """The flags that this reading shows first, as many as the bound on a session's leaves."""
    # In the order given, so that which flags come before a bound does not depend on hashes.
    fresh = [flag for flag in dict.fromkeys(session.flags) if flag not in known.flags]
    return fresh[: max(0, MOST_FLAGS - len(known.flags))]


def _places(known: Known, session: Session, at: int, book: Book) -> list[tuple[str, str]]:
    """The places that this reading shows first, each with the label that it counts under."""
    # Also of a place that is counted already: a user may be matched to a session later.
    labels = [(name, book.label(name, it, session.user, at)) for name, it in session.places]
    counted = {name for name, _ in known.places}
    return [(name, label) for name, label in labels if name not in counted]


def is_settled(session: Session, created: int, at: int, rules: Rules) -> bool:
    """Whether a reading at the API's time `at` settles the session."""
    if at - created >= rules.settle_after:
        return True
    if session.status is None or session.updated is None or is_under_way(session.status):
        return False
    return session.updated <= at - rules.overlap


def settle(known: Known, identity: str | None, tally: Tally) -> Known:
    """The session settled with what was last read: its score becomes final."""
    tally.unsettled -= 1
    tally.active -= known.active
    if known.score is not None:
        tally.scores.append((known.score, identity))
    if known.bot and known.name is not None:
        tally.settled_bots.append(known)
    return Known(known.created, settled=True, bot=known.bot, score=known.score)


@dataclass(frozen=True, slots=True)
class RecentPasses:
    """The last whole passes from a start to now, as (start, the earliest time of a reading in it).

    A reading settles a session that is old enough. So one that is still unsettled was not shown.
    """

    last: tuple[tuple[int, int], ...] = ()

    def extended(self, start: int, earliest: int) -> "RecentPasses":
        """With one more."""
        return RecentPasses((*self.last, (start, earliest))[-MISSED_PASSES:])

    def unseen(self, rules: Rules) -> tuple[int, int] | None:
        """The window of createdAt, [start, end), that every pass read when it was old enough.

        What is still unsettled there was shown by none of them. None: there is no such window.
        """
        if len(self.last) < MISSED_PASSES:
            return None
        start = max(start for start, _ in self.last)
        end = min(earliest for _, earliest in self.last) - rules.settle_after + 1
        return (start, end) if start < end else None


@dataclass(frozen=True, slots=True)
class Slice:
    """A window of createdAt, [start, end); without an end it reaches to whatever is newest."""

    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What whole walks have covered without a hole: what was visible of [start, end).

    limit: sessions created before it were surely visible when walked past; None: all were.
    """

    start: int
    end: int
    limit: int | None = None

    def extended(self, end: int | None, at: int, rules: Rules) -> "Coverage":
        """With a whole walk, begun at the API's time `at`, from this end to `end` (None: now).

        What was created before `at - overlap` was visible to that walk. Of what was created later
        it may have missed some, and later walks of this coverage do not read that part again.
        """
        visible = at - rules.overlap
        reached = max(self.end, at) if end is None else end
        limit = self.limit
        if reached > visible:
            limit = visible if limit is None else min(limit, visible)
        return Coverage(self.start, reached, limit)

    def frontier(self, before: int) -> int:
        """The frontier that follows; one that lies before the start stays where it is."""
        if self.start > before:
            return before
        return max(before, self.end if self.limit is None else min(self.end, self.limit))
