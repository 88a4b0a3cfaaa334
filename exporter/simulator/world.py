"""The world behind the simulated API: sessions that are created, change and close.

`World` is pure: no I/O and no clock of its own; somebody advances it. The same seed, settings and
start give the same sessions, however the advances are cut, because each session's whole life is
drawn at its birth (`lives`). All instants are the *server's* time.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from heapq import heappop, heappush
from typing import Any

from exporter.simulator.clock import instant, micros
from exporter.simulator.lives import Life, WorldSettings, lives, slot_length, static_lives
from exporter.simulator.rollup import Rollup
from exporter.simulator.sessions import Session, random_rank, salt_of
from exporter.simulator.truth import Outcome, Truth, TruthTable

__all__ = ["ORDERS", "Index", "Truth", "World", "WorldSettings"]

Key = tuple[Any, ...]
ORDERS: dict[str, tuple[Callable[[Session], Key], bool]] = {
    "newest": (lambda session: (session.created, session.salt), True),
    "oldest": (lambda session: (session.created, session.salt), False),
    "updated": (lambda session: (session.updated, session.salt), True),
    "updated_oldest": (lambda session: (session.updated, session.salt), False),
    "random": (lambda session: (random_rank(session.salt),), False),
    "by_id": (lambda session: (session.id,), False),
}
"""Sort key and whether the list descends, by the name of the order."""

_SAME_KEY = {"newest": "created", "oldest": "created", "updated_oldest": "updated"}


class Index:
    """Visible sessions in ascending order of a key."""

    def __init__(self, key: Callable[[Session], Key], sessions: Sequence[Session] = ()) -> None:
        """Sort the sessions once; afterwards each is inserted in its place."""
        self.key = key
        self.rows = sorted(sessions, key=key)

    def add(self, session: Session) -> None:
        """Insert a session."""
        key = self.key(session)
        if not self.rows or self.key(self.rows[-1]) < key:
            self.rows.append(session)
        else:
            self.rows.insert(bisect_left(self.rows, key, key=self.key), session)

    def remove(self, session: Session) -> None:
        """Take out a session whose key did not change since it was added."""
        at = bisect_left(self.rows, self.key(session), key=self.key)
        if at == len(self.rows) or self.rows[at] is not session:
            raise KeyError(session.id)
        del self.rows[at]

    def position(self, key: Key) -> int:
        """How many sessions have a lower key."""
        return bisect_left(self.rows, key, key=self.key)


class World:
    """Sessions up to an instant, and the truth about them."""

    def __init__(self, seed: int, settings: WorldSettings, start: datetime) -> None:
        """A world at `start`, with the settings' history before it. ValueError: naive start."""
        self.seed = seed
        self.settings = settings
        self.rollup = Rollup()
        self._table = TruthTable()
        self._by_salt: dict[int, Session] = {}
        self._indexes: dict[str, Index] = {"created": Index(ORDERS["newest"][0])}
        self._windows: dict[tuple[str, int, int, int], Index] = {}
        self._version = 0
        self._events: list[tuple[int, int, Session]] = []
        self._pending: deque[Life] = deque()
        self._last_change = 0
        self._paused_from: int | None = None
        self._frozen: dict[int, Outcome] | None = None
        self._now = micros(start)
        self._start = self._now
        self._cursor = self._now
        if settings.static_sessions:
            for life in static_lives(seed, settings, self._now):
                self._admit(life)
        else:
            self._cursor -= micros(start) - micros(start - settings.history)
        self._slot = slot_length(settings)
        self._run_to(self._now)

    # ---- time

    @property
    def now(self) -> datetime:
        """The instant up to which the world has evolved."""
        return instant(self._now)

    @property
    def start(self) -> datetime:
        """The instant at which the world began to be watched."""
        return instant(self._start)

    def advance(self, to: datetime) -> None:
        """Evolve up to an instant; an earlier one than `now`, or any while frozen, does nothing."""
        at = micros(to)
        if at > self._now and self._frozen is None:
            self._run_to(at)

    def pause(self, at: datetime) -> None:
        """Create no session after `at` (at the earliest, now); existing ones run to their close."""
        if self._paused_from is None:
            self._paused_from = max(micros(at), self._now)
            self._drop_pending(self._paused_from)

    def freeze(self) -> None:
        """Change nothing any more: time stands still until `resume`."""
        self.pause(instant(self._now))
        if self._frozen is None:
            self._frozen = {
                session.row: Outcome(
                    session.score, session.score, session.flags, session.salt in self._by_salt
                )
                for _, _, session in self._events
            }

    def resume(self, at: datetime) -> None:
        """Go on creating sessions, from `at` on: the pause stays without any."""
        self._frozen = None
        self._paused_from = None
        self.skip_to(at)

    def skip_to(self, at: datetime) -> None:
        """Create no session between now and `at`, as when the server's clock was set forward."""
        self._drop_pending(self._now)
        self._run_to(max(micros(at), self._now), create=False)
        self._restart(self._now)

    def change(self, **changes: Any) -> None:
        """Change settings from now on; TypeError or ValueError names what is wrong."""
        self.settings = replace(self.settings, **changes)
        self._restart(self._now)

    @property
    def quiet_at(self) -> datetime | None:
        """When nothing will change any more, if the world is paused; None while it is not."""
        if self._frozen is not None:
            return instant(self._now)
        return None if self._paused_from is None else instant(self._last_change)

    # ---- reading

    def visible(self, now: datetime) -> Sequence[Session]:
        """The sessions that the list can show at `now`, oldest first. Advances; do not change."""
        self.advance(now)
        return self._indexes["created"].rows

    def index(self, order: str) -> Index:
        """The visible sessions by an order's key (ascending), made at its first use.

        KeyError: no such order.
        """
        name = _SAME_KEY.get(order, order)
        if name not in self._indexes:
            self._indexes[name] = Index(ORDERS[name][0], self._indexes["created"].rows)
        return self._indexes[name]

    def window(self, order: str, low: int, high: int) -> Index:
        """The sessions at these places by creation, in another order; kept until the world changes.

        For a small window of a large world, which a walk reads page by page.
        """
        name = (order, low, high, self._version)
        if name not in self._windows:
            if len(self._windows) >= 4:
                self._windows.clear()
            self._windows[name] = Index(ORDERS[order][0], self._indexes["created"].rows[low:high])
        return self._windows[name]

    def session(self, identifier: str) -> Session | None:
        """The visible session with this id."""
        salt = salt_of(identifier)
        return None if salt is None else self._by_salt.get(salt)

    def truth(
        self,
        since: datetime,
        threshold: float = 0.7,
        hidden_share: float = 0.0,
        hidden_details: float = 0.0,
    ) -> Truth:
        """What a perfect reader must count of sessions created from `since` to now.

        Final states are taken, also of sessions that still evolve or do not show yet, so a reader
        can agree once the world is paused and `quiet_at` has passed. While frozen, states and
        sessions are those at the freeze. `hidden_share` leaves out what the list hides,
        `hidden_details` the details that are not found.
        """
        return self._table.truth(
            micros(since), threshold, hidden_share, self._frozen, hidden_details
        )

    def __len__(self) -> int:
        """Sessions that the list can show."""
        return len(self._by_salt)

    @property
    def active(self) -> int:
        """Visible sessions that will still change."""
        return sum(1 for _, _, session in self._events if session.salt in self._by_salt)

    def forget_before(self, at: datetime) -> int:
        """Drop closed sessions created before `at` from every list; truth and sums keep them.

        Returns how many were dropped.
        """
        rows = self._indexes["created"].rows
        end = self._indexes["created"].position((micros(at), 0))
        gone = [session for session in rows[:end] if not session.plan and not session.active]
        if not gone:
            return 0
        self._version += 1
        for session in gone:
            del self._by_salt[session.salt]
        for index in self._indexes.values():
            index.rows = [session for session in index.rows if session.salt in self._by_salt]
        return len(gone)

    # ---- evolution

    def _run_to(self, at: int, create: bool = True) -> None:
        self._now = at
        while self._pending and self._pending[0].session.created <= at:
            self._admit(self._pending.popleft())
        if create:
            for life in self._births(at):
                if life.session.created <= at:
                    self._admit(life)
                else:
                    self._pending.append(life)
        while self._events and self._events[0][0] <= at:
            _, _, session = heappop(self._events)
            if session.salt in self._by_salt:
                self._step(session)
            else:
                self._show(session)

    def _births(self, at: int) -> Iterator[Life]:
        stop = self._paused_from
        while self._cursor <= at and (stop is None or self._cursor <= stop):
            for life in lives(self.seed, self.settings, self._cursor, self._slot):
                if stop is None or life.session.created <= stop:
                    yield life
            self._cursor += self._slot

    def _restart(self, at: int) -> None:
        """Draw anew what is to be created after `at`."""
        self._drop_pending(at)
        self._cursor = at + 1
        self._slot = slot_length(self.settings)

    def _drop_pending(self, after: int) -> None:
        self._pending = deque(life for life in self._pending if life.session.created <= after)

    def _admit(self, life: Life) -> None:
        session = life.session
        outcome = Outcome(life.final, life.peak, life.flags)
        end = session.plan[-1].at if session.plan else session.created
        paged = not session.lacks("pageUrl")
        valid = not session.invalid
        session.row = self._table.add(session.created, session.salt, outcome, valid, end, paged)
        self.rollup.count(session, life.final)
        self._last_change = max(self._last_change, life.visible, end)
        if life.visible <= self._now:
            self._show(session)
        else:
            heappush(self._events, (life.visible, session.salt, session))

    def _show(self, session: Session) -> None:
        self._version += 1
        while session.plan and session.plan[0].at <= self._now:
            session.apply(session.plan[0])
            session.plan = session.plan[1:]
        self._by_salt[session.salt] = session
        for index in self._indexes.values():
            index.add(session)
        self._schedule(session)

    def _step(self, session: Session) -> None:
        self._version += 1
        by_update = self._indexes.get("updated")
        if by_update is not None:
            by_update.remove(session)
        while session.plan and session.plan[0].at <= self._now:
            session.apply(session.plan[0])
            session.plan = session.plan[1:]
        if by_update is not None:
            by_update.add(session)
        self._schedule(session)

    def _schedule(self, session: Session) -> None:
        if session.plan:
            heappush(self._events, (session.plan[0].at, session.salt, session))
