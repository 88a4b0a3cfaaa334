"""The ledger of one integration: counts readings of sessions, commits, and publishes the counts.

Counters and frontier change in one transaction, and are published only after its commit. While
commits fail, the counts of the last one stay published. The ledger asks the API nothing: the
session collector walks, and hands over what it read.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from exporter.api.times import MICROSECONDS, MINUTE
from exporter.clock import Clock
from exporter.ledger import outboxes, readings, records, rules, settled
from exporter.ledger import state as states
from exporter.ledger.effects import Effects, Teller
from exporter.ledger.engine import Connection, StateError
from exporter.ledger.fence import Fence, NoFence
from exporter.ledger.readings import Pages
from exporter.ledger.rules import Coverage, RecentPasses, Rules, Slice, Tally
from exporter.ledger.shown import Shown
from exporter.ledger.state import LedgerState
from exporter.ledger.store import Store
from exporter.ledger.transaction import Transaction
from exporter.ledger.walked import Walked
from exporter.log import get_logger
from exporter.metrics.model import Sample
from exporter.metrics.telemetry import Telemetry

T = TypeVar("T")

_log = get_logger(__name__)

AT_ONCE = 10_000
"""Sessions that one transaction forgets, or settles unseen, at most; the next polls go on with the
rest. That bounds the memory and CPU time of a poll."""

REMEMBERED_MINUTES = 180
"""How far behind the frontier sessions are counted by minute at least, for the coverage ratio."""

MOST_MINUTES = 7 * 1440
"""And at most, while sweeps reach so far back: their cost is estimated from it."""

NO_CLOCK_BEFORE = 1_767_225_600.0
"""2026-01-01: the API is younger, so a first start before it was noted by a clock not yet set."""

FOREVER = 1 << 62

FIRST_GRACE = 2 * MINUTE
"""What leaves the history before a first poll can have read it is not a gap."""

AHEAD = MINUTE
"""A frontier so far ahead of the API's clock was set by a wrong one."""

INVALID_SECONDS = 26 * 3600
"""How long an invalid item is remembered after its first reading: with coarse date filters the API
shows it for a day."""


class _Loaded(NamedTuple):
    """A state as it lies there. valid: what it holds under. version: None where it was known."""

    state: LedgerState
    valid: tuple[int, int]
    version: int | None


class Ledger:
    """Counts the sessions of one integration exactly once.

    started: when this process began, as (Unix seconds, monotonic seconds).
    lookback: seconds before the first start from which sessions count.
    fence: who may commit; None: this process alone has the state.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        counting: Rules,
        *,
        clock: Clock,
        started: tuple[float, float],
        lookback: float,
        max_flags: int,
        exemplars: bool,
        telemetry: Telemetry,
        fence: Fence | None = None,
    ) -> None:
        self._store = store
        self._name = name
        self._clock = clock
        self._started = started
        self._lookback = lookback
        self._max_flags = max_flags
        self._teller = Teller(telemetry)
        self._keep_exemplars = exemplars
        self._salt = b""
        self._fence: Fence = fence or NoFence()
        self._loaded: tuple[int, int] | None = None
        self._shown = Shown()
        self._walked = Walked()
        self._resting = False
        self.rules = counting

    @property
    def state(self) -> LedgerState | None:
        """What was last committed; None before the state could be opened."""
        return self._shown.state

    @property
    def losses(self) -> int:
        """How often the state had less than was committed."""
        return self._shown.losses

    def adjust(self, counting: Rules, *, lookback: float, max_flags: int, exemplars: bool) -> None:
        """Count by other rules from the next reading on; what was counted stays."""
        self.rules = counting
        self._lookback = lookback
        self._max_flags = max_flags
        self._keep_exemplars = exemplars
        if not exemplars:
            self._teller.forget_exemplars()

    async def prepare(self) -> LedgerState:
        """Load the state, or make a new one; cheap once that is done. Raises StateError."""
        state = self.state
        if state is not None and self._loaded == self._now_valid():
            return state

        def load(connection: Connection) -> _Loaded:
            valid = self._now_valid()
            # Asked again in the order of the commits: another may have loaded it meanwhile.
            if self.state is not None and self._loaded == valid:
                return _Loaded(self.state, valid, None)
            version = self._fence.check(connection)
            return _Loaded(self._load(connection), valid, version)

        def publish(loaded: _Loaded) -> _Loaded:
            if loaded.version is not None:
                if self._loaded is not None and self._loaded[1] != loaded.valid[1]:
                    # Another replica has polled meanwhile: what was walked here is no more.
                    self._walked = Walked()
                self.follow(loaded.state, loaded.version)
                self._loaded = loaded.valid
            return loaded

        return (await self._store.run_then(load, publish)).state

    def _now_valid(self) -> tuple[int, int]:
        """What a state in memory must have been loaded under to be the one that is committed."""
        return self._store.generation, self._fence.epoch

    def follow(self, state: LedgerState, version: int) -> None:
        """Show what the state has, which another replica may have committed."""
        lost = self._shown.found(state, version)
        if lost is not None:
            _log.error("state_lost_commits", integration=self._name, sessions=lost)

    async def run(self, work: Callable[[Connection, int], T]) -> T:
        """Do `work` for the integration of that row in one transaction. Raises StateError.

        It changes nothing that is published.
        """
        row = (await self.prepare()).row

        def fenced(connection: Connection) -> T:
            self._fence.check(connection)
            return work(connection, row)

        return await self._store.run(fenced)

    async def start(self) -> None:
        """Count sessions from now on, unless that was begun already. Raises StateError."""
        state = await self.prepare()
        wall = self._clock.now()
        if state.first_start >= NO_CLOCK_BEFORE or wall < NO_CLOCK_BEFORE:
            return
        if self._resting:
            self._started = (wall, self._clock.monotonic())
            self._resting = False
        first_start = wall - (self._clock.monotonic() - self._started[1])
        await self.commit(lambda tx: tx.write(replace(tx.state, first_start=first_start)))

    async def begin(self, now: int) -> None:
        """Set the origin, once, by the API's clock, which shows `now`. Raises StateError.

        The origin is the first process's start less the lookback, also if the API was down then.
        """
        state = await self.prepare()
        if state.origin is not None:
            return
        wished = self._wished_origin(state, now)
        # After a rest: what lies before the horizon may be forgotten.
        origin = wished if state.horizon is None else max(wished, state.horizon)

        def work(tx: Transaction) -> None:
            tx.write(replace(tx.state, origin=origin, horizon=origin, frontier=origin))

        await self.commit(work)

    def _wished_origin(self, state: LedgerState, now: int) -> int:
        """The first process's start less the lookback, by the API's clock, which shows `now`."""
        return now - round((self._elapsed(state) + self._lookback) * MICROSECONDS)

    def _elapsed(self, state: LedgerState) -> float:
        """Seconds since counting was to begin: since the first process's start, or this one's."""
        wall, monotonic = self._started
        elapsed = self._clock.monotonic() - monotonic
        if state.first_start == wall or state.first_start < NO_CLOCK_BEFORE:
            return elapsed
        return max(elapsed, self._clock.now() - state.first_start)

    async def rest(self) -> None:
        """Stop counting sessions; when it begins again, that is a first start. Raises StateError.

        So the time between is neither a backlog nor a gap.
        """
        state = await self.prepare()
        self._resting = True
        if state.first_start < NO_CLOCK_BEFORE and state.origin is None:
            return

        def work(tx: Transaction) -> None:
            while tx.state.oldest is not None:
                self._settle(tx, (0, FOREVER))
            tx.write(replace(tx.state, first_start=0.0, origin=None, frontier=None))

        await self.commit(work)

    async def is_ahead_of(self, now: int) -> bool:
        """Whether the frontier lies ahead of the API's clock: a wrong one set it.

        Raises StateError.
        """
        return (await self.prepare()).bounds.frontier > now + AHEAD

    async def step_back(self, now: int, since: int) -> float:
        """Step back a frontier that lies ahead of the API's clock; it first did at `since` of that.

        What was created after the newest counted session is read again. Ids from before may be
        forgotten, so nothing created before is counted. If even that time is ahead of the clock,
        the time until the clock reaches it is a gap. Where no id was forgotten yet, the first
        start moves back with the clock.

        Gives the seconds of the gap. Raises StateError.
        """
        state = await self.prepare()
        kept = state.kept_from
        back = min(state.bounds.horizon, self._wished_origin(state, now) if kept is None else kept)
        gap = max(0, back - since) / MICROSECONDS

        def work(tx: Transaction) -> None:
            origin = min(tx.state.origin or back, back)
            # Not ahead of the clock, else the next poll would count the gap again.
            tx.write(replace(tx.state, origin=origin, horizon=back, frontier=min(back, now)))
            tx.add({states.GAP: gap, states.STEP_BACKS: 1})

        await self.commit(work)
        self._walked = Walked()
        return gap

    async def clamp(self, history_start: int, history: int = 0) -> float:
        """Give up what was created before `history_start`; gives the gap in seconds.

        history: how long the tier's is, in microseconds; a lookback beyond it is not a gap.
        What was unsettled there is settled with what was last read: the oldest AT_ONCE,
        the rest by the next calls. Raises StateError.
        """
        state = await self.prepare()
        frontier = state.bounds.frontier
        stranded = state.oldest is not None and state.oldest < history_start
        if frontier >= history_start and not stranded:
            return 0.0
        promised = frontier
        if frontier == state.origin:
            # Nothing was read yet, and a lookback can ask for more than there ever was.
            first_start = round(state.first_start * MICROSECONDS)
            promised = max(frontier, first_start - history + FIRST_GRACE)
        gap = max(0, history_start - promised) / MICROSECONDS

        def work(tx: Transaction) -> None:
            self._settle(tx, (0, history_start))
            tx.add({states.GAP: gap})
            _move_frontier(tx, max(tx.state.bounds.frontier, history_start))

        await self.commit(work)
        return gap

    async def count_pages(self, pages: Pages) -> None:
        """Count what these pages show. Raises StateError: then nothing of them was counted."""

        def work(tx: Transaction) -> None:
            self._count(tx, readings.count(tx, pages, self.rules, self._salt))

        await self.commit(work)

    async def finish(self, done: Slice, at: int, coverage: Coverage) -> None:
        """Note that a walk over `done`, begun at the API's time `at`, reached its last page.

        coverage: what this walk and those before it cover without a hole.
        Moves the frontier, and forgets what no walk will reach any more. Raises StateError.
        """

        def work(tx: Transaction) -> None:
            _move_frontier(tx, coverage.frontier(tx.state.bounds.frontier))
            horizon, invalid = tx.state.bounds.horizon, at - INVALID_SECONDS * MICROSECONDS
            records.prune(tx.connection, tx.state.row, horizon, invalid, AT_ONCE)

        frontier = (await self.prepare()).bounds.frontier
        await self.commit(work)
        if done.end is None:
            self._walked.note(coverage.start, at, frontier)

    async def settle_unseen(self, passes: RecentPasses) -> None:
        """Settle, with what was last read, sessions that several whole passes did not show.

        The oldest AT_ONCE; the rest by the next calls. Raises StateError.
        """
        window = passes.unseen(self.rules)
        state = await self.prepare()
        if window is None or state.oldest is None or state.oldest >= window[1]:
            return
        await self.commit(lambda tx: self._settle(tx, window))

    def now(self) -> float:
        """Unix seconds of our clock."""
        return self._clock.now()

    def samples(self, *, gauges: bool) -> Sequence[Sample]:
        """The series of what was last committed; none before the state could be opened.

        The same ones until something is committed. gauges: whether those that go stale are shown.
        """
        return self._shown.samples(self._teller.exemplars, self.rules, gauges=gauges)

    def _load(self, connection: Connection) -> LedgerState:
        """Where this integration stands in the state."""
        state = records.read_state(connection, self._name)
        if state is None:
            state = records.insert_state(connection, self._name, self._initial())
        on = self.rules
        outboxes.clear(connection, state.row, details=on.details, findings=on.findings)
        self._salt = records.salt(connection)
        return state

    def _initial(self) -> LedgerState:
        """What a new state starts with: nothing, or, after a damaged one, the published counts.

        So no counter falls, and what was already walked past is not counted again.
        """
        before = self.state
        if before is None:
            return LedgerState(row=0, first_start=self._started[0], begun=self._clock.now())
        if before.frontier is None:
            return before
        resumed = max(before.frontier, self._walked.to)
        return replace(
            before,
            horizon=max(resumed, before.bounds.horizon),
            frontier=resumed,
            unsettled=0,
            active=0,
            oldest=None,
            forgotten=self._walked.beyond,
        )

    def _settle(self, tx: Transaction, window: tuple[int, int]) -> None:
        """Settle, with what was last read, the oldest unsettled sessions created in `window`."""
        tally, row = Tally(), tx.state.row
        oldest = records.unsettled(tx.connection, row, *window, AT_ONCE)
        done = {key: rules.settle(known, None, tally) for key, known in oldest}
        records.save(tx.connection, row, done)
        self._count(tx, tally)

    def _count(self, tx: Transaction, tally: Tally) -> None:
        """Add a tally to the state."""
        after, changes, folded = states.counted(tx.state, tally, tx.wall, self._max_flags)
        tx.effects.folded.update(folded)
        tx.effects.scores = tally.scores
        records.write_counts(tx.connection, after, changes)
        records.write_minutes(tx.connection, after, tally.minutes)
        tx.write(replace(after, oldest=records.oldest_unsettled(tx.connection, after.row)))
        if tally.settled_bots:
            settled.put_down(tx, tally.settled_bots, self._name, self._salt, self.rules)

    async def commit(self, work: Callable[[Transaction], None]) -> None:
        """Do `work` in one transaction, and publish its state once that is committed.

        Raises StateError.
        """
        effects = Effects()

        def changed(connection: Connection) -> tuple[LedgerState, int]:
            if self.state is None or self._loaded != self._now_valid():
                raise StateError("the state was replaced meanwhile")
            version = self._fence.check(connection)
            tx = Transaction(connection, self.state, effects, self._clock.now())
            work(tx)
            return tx.state, version

        def publish(done: tuple[LedgerState, int]) -> tuple[LedgerState, int]:
            self._shown.committed(*done)
            self._teller.tell(effects, self._clock.now(), exemplars=self._keep_exemplars)
            return done

        await self._store.run_then(changed, publish)


def _move_frontier(tx: Transaction, frontier: int) -> None:
    """Move the frontier, and the horizon up to where walks reach; drop minutes nobody asks for."""
    state = replace(tx.state, frontier=frontier)
    last, reach = frontier // MINUTE, state.reach // MINUTE
    # The newest stays, also where a wrong clock has put the frontier far past it.
    first = min(last - REMEMBERED_MINUTES, max(reach, last - MOST_MINUTES))
    first = min(first, max(state.minutes, default=first))
    horizon = max(state.bounds.horizon, state.reach)
    minutes = {minute: n for minute, n in state.minutes.items() if minute >= first}
    tx.write(replace(state, horizon=horizon, minutes=minutes))
    records.prune_minutes(tx.connection, state.row, first)
