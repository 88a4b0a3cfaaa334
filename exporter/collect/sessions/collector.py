"""The sessions resource: walks the list in windows of createdAt, and hands all to the ledger.

A poll reads the tail, what was created since the last one; at a slower rhythm a sweep re-reads what
is not settled and moves the frontier. Both go slice by slice, each committed on its own. It holds
nothing that a restart would miss: a new process sweeps from the committed frontier.
"""

from dataclasses import dataclass

from exporter.api.budget import Budget
from exporter.api.errors import (
    ApiError,
    CursorRefusedError,
    InvalidResponseError,
    RequestTimeoutError,
    StatusError,
)
from exporter.api.schema.session import InvalidSession, Session, decode_session
from exporter.api.serverclock import ServerClock
from exporter.api.times import MICROSECONDS, format_time
from exporter.api.walk import walk
from exporter.clock import Clock
from exporter.collect.resource import Context, Resource
from exporter.collect.sessions.pace import Pace
from exporter.collect.sessions.plan import EndDates, SlicePlanner, midnight_before
from exporter.collect.sessions.served import Served
from exporter.collect.sessions.walk import WalkLog
from exporter.ledger.ledger import Ledger
from exporter.ledger.rules import Coverage, Passes, Slice
from exporter.ledger.state import LedgerState
from exporter.ledger.store import StateError
from exporter.log import get_logger
from exporter.polling.collector import Api, Publish

PATH = "/v1/sessions"

BATCH_ITEMS = 500
"""So many items are committed at once, or fewer when a walk ends or the budget makes it wait."""

WORKING_PART = 0.8
"""The part of its interval for which a poll begins new slices."""

CATCH_UP_INTERVALS = 4
"""For so many intervals a poll goes on while it is far behind, so that little of the budget lies
idle between the end of a poll and the next tick."""

REFUSALS_A_POLL = 12
"""Refused cursors in one poll, each answered by a slice of half the width, before it gives up."""

TOO_LONG = 4
"""A walk of more than so many times the pages it was cut for is broken off and cut again."""

STRAYS = 3
"""So many sessions where none should be show that a filter is coarse."""

RECENT_INTERVALS = 3
"""A tail reaches back over at most so many intervals; what is longer is a sweep's work."""

STUCK_POLLS = 3
"""So many polls in a row cannot read on with a sweep, before tails go on beside it."""

LONG_SWEEP = 600 * MICROSECONDS
"""A sweep that lasts longer gets the whole budget."""

_log = get_logger(__name__)


@dataclass(slots=True)
class _Pass:
    """One way from a start to now: the slices still to walk, and what was covered so far.

    began: the API's time when it set out. earliest: of the readings on it.
    failures: polls in a row that could not read on.
    """

    planner: SlicePlanner
    coverage: Coverage
    began: int
    earliest: int
    done: bool = False
    failures: int = 0


class Sessions:
    """Reads the session list of one integration into its ledger.

    interval: seconds between polls.
    """

    resource = "sessions"

    def __init__(
        self,
        *,
        api: Api,
        ledger: Ledger,
        budget: Budget,
        server_clock: ServerClock,
        clock: Clock,
        interval: float,
    ) -> None:
        self._api = api
        self._served = Served(
            api,
            PATH,
            resource=self.resource,
            budget=budget,
            server_clock=server_clock,
            clock=clock,
        )
        self._ledger = ledger
        self._budget = budget
        self._clock = clock
        self._interval = interval
        self._ends = EndDates()
        self._pace = Pace(
            budget,
            self._ends,
            interval=interval,
            settle_after=ledger.rules.settle_after / MICROSECONDS,
        )
        self._tip: int | None = None
        """The API's time up to which tails have read; None before the first whole pass."""
        self._tail: _Pass | None = None
        self._sweep: _Pass | None = None
        self._next_sweep = self._period = 0
        self._unread = False
        """Whether a tail left out time that only the sweep will read."""
        self._narrowed: int | None = None
        self._passes = Passes()

    async def update(self, publish: Publish) -> None:
        """One poll. Raises ApiError or StateError; what was read before it is committed."""
        await self._ledger.prepare()
        now = await self._served.now()
        await self._ledger.begin(now)
        await self._give_up_history(now)
        self._follow_back(now)
        self._choose(now)
        try:
            await self._work(now, publish)
        except (ApiError, StateError):
            self._report()
            raise
        await self._ledger.settle_unseen(self._passes)
        publish(self.resource, ())
        self._report()

    async def _work(self, now: int, publish: Publish) -> None:
        """Walk slice after slice until all is read, or for as long as a poll may last."""
        intervals = CATCH_UP_INTERVALS if self._behind(now) else WORKING_PART
        deadline = self._clock.monotonic() + self._interval * intervals
        refusals = 0
        while (current := self._tail or self._sweep) is not None:
            try:
                await self._step(current, publish)
                current.failures = 0
            except ApiError as error:
                refusals += 1
                if not isinstance(error, CursorRefusedError) or refusals > REFUSALS_A_POLL:
                    current.failures += 1
                    raise
            if current.done:
                self._finished(current)
            if self._clock.monotonic() >= deadline:
                break

    def _follow_back(self, now: int) -> None:
        """Where the API's clock was set back, what lies ahead of it now was not read."""
        if self._tip is not None:
            self._tip = min(self._tip, now)
        self._next_sweep = min(self._next_sweep, now + self._period)

    async def _give_up_history(self, now: int) -> None:
        lost = await self._served.surely_lost(now, self._state().bounds.frontier)
        gap = await self._ledger.clamp(lost)
        if gap:
            _log.warning("sessions_gap", seconds=round(gap))
        sweep = self._sweep
        if sweep is not None and (gap or not self._served.serves(sweep.planner.position, now)):
            # The next sets out within. What was learnt of the density here keeps it from being too
            # wide again.
            self._narrowed = sweep.planner.width
            self._sweep = None

    def _reach(self, state: LedgerState, now: int) -> int:
        """From when on a sweep reads; what left the history before it was settled shows no more."""
        return max(state.reach, min(self._served.start(now), state.bounds.frontier))

    async def _left_history(self, piece: Slice) -> bool:
        """Whether the slice's start left the history while it was walked.

        A startDate before the history gives empty pages, so the walk may have shown too little.
        The next one starts further within.
        """
        now = await self._served.now()
        if self._served.serves(piece.start, now):
            return False
        self._served.retreat(unread=piece.start >= self._state().bounds.frontier)
        self._tail = None
        await self._give_up_history(now)
        return True

    def _choose(self, now: int) -> None:
        """Set out on a tail or a sweep, where the last ones are done."""
        state = self._state()
        recent = self._recent(now)
        if not recent:
            self._tail = None  # what it left unread is a sweep's work by now
        if self._sweep is None and self._sweep_is_due(state, now):
            self._sweep = self._set_out(self._reach(state, now), now)
            self._tail = None
        elif self._tail is None and recent and self._tip is not None and not self._behind(now):
            self._tail = self._set_out(self._tip, now)
        elif self._tail is None and self._is_stuck():
            self._unread = True
            self._tail = self._set_out(now - self._recent_micros(), now)

    def _behind(self, now: int) -> bool:
        """Whether the sweep lasts so long that tails must leave it the whole budget.

        It reads each session that is old enough once; with tails beside it, it would never end.
        """
        if self._sweep is None or self._is_stuck():
            return False
        return now - self._sweep.began > LONG_SWEEP

    def _is_stuck(self) -> bool:
        """Whether the sweep comes no further, so that tails go on without it."""
        return self._sweep is not None and self._sweep.failures >= STUCK_POLLS

    def _set_out(self, start: int, now: int) -> _Pass:
        """A pass whose first slice has about as many pages as it should, by the rate of late."""
        width = self._pace.first_width(self._state(), now)
        planner = SlicePlanner(start, self._pace.target(), min(width, self._narrowed or width))
        self._narrowed = None
        return _Pass(planner, Coverage(start, start), began=now, earliest=now)

    def _sweep_is_due(self, state: LedgerState, now: int) -> bool:
        """Whether it is time, or a sweep costs no more than the tail that it would replace."""
        if now >= self._next_sweep or not self._recent(now) or self._tip is None:
            return True
        reach = self._reach(state, now)
        return self._estimate(state, reach, now) <= self._estimate(state, self._tip, now)

    def _finished(self, done: _Pass) -> None:
        if done is self._tail:
            self._tail = None
            return
        self._sweep = None
        self._unread = False
        self._passes = self._passes.extended(done.coverage.start, done.earliest)
        state, now = self._state(), done.began
        next_pages = self._estimate(state, self._reach(state, now), now)
        self._period = self._pace.sweep_period(state, next_pages, now)
        self._next_sweep = now + self._period

    async def _step(self, current: _Pass, publish: Publish) -> None:
        """Walk one slice of the pass, commit what it shows, and note what it covers."""
        now = await self._served.now()
        planner = current.planner
        known = self._recent(now) and not self._unread
        estimate = self._estimate(self._state(), planner.position, now)
        piece = planner.next(now, self._ends, whole=known and estimate <= 2 * planner.target)
        log = WalkLog((piece.start, piece.end), self._ends.doubted)
        began, read = await self._walk(piece, current, now, log, publish)
        if await self._left_history(piece):
            return
        self._learn(log)
        proven = piece.end is not None and log.last > midnight_before(piece.end)
        if not planner.walked(piece, read, self._ends, proven=proven):
            return
        current.coverage = current.coverage.extended(piece.end, began, self._ledger.rules)
        await self._ledger.finish(piece, began, current.coverage)
        if piece.end is None:
            current.done = True
            self._tip = max(self._tip or began, began)

    async def _walk(
        self, piece: Slice, current: _Pass, now: int, log: WalkLog, publish: Publish
    ) -> tuple[int, int]:
        """Read a slice to its last page: the API's time when that began, and how many pages.

        Each page is a sign of life, since a small budget makes a slice last for minutes.

        Raises ApiError, after what was read until then is committed, and StateError.
        """
        planner = current.planner
        filters = {"startDate": format_time(piece.start)}
        if piece.end is not None:
            filters["endDate"] = format_time(piece.end + MICROSECONDS - 1)
        scale = self._ledger.rules.score_scale
        began: int | None = None
        batch: list[tuple[list[Session | InvalidSession], int]] = []
        read = 0
        try:
            async for page in walk(self._api, PATH, filters, resource=self.resource):
                if page.server_time is None:
                    raise InvalidResponseError("sessions: no answer has carried a Date")
                began = page.server_time if began is None else began
                current.earliest = min(current.earliest, page.server_time)
                read += 1
                publish(self.resource, ())
                self._pace.page_size = page.size or self._pace.page_size
                # Decoded at once: what is waiting to be committed is small, whatever the page held.
                items = [decode_session(item, scale) for item in page.items]
                batch.append((items, page.server_time))
                full = sum(len(items) for items, _ in batch) >= BATCH_ITEMS
                if (full and not page.last) or not self._budget.room():
                    await self._ledger.take(batch, log.place)
                    batch = []
                too_long = read >= TOO_LONG * planner.target and not page.last
                if too_long and planner.can_cut(piece, now, self._ends):
                    await self._ledger.take(batch, log.place)
                    batch = []
                    self._learn(log)
                    if planner.can_cut(piece, now, self._ends):
                        raise CursorRefusedError("the walk is too long for its slice")
        except ApiError as error:
            await self._ledger.take(batch, log.place)
            self._learn(log)
            if isinstance(error, CursorRefusedError) or read > 0:
                planner.refused(piece, now)
            elif _may_be_too_wide(error) and planner.failed():
                await self._served.probe()  # which fails as well where it is the API that is down
                planner.too_wide(piece, now)
            raise
        await self._ledger.take(batch, log.place)
        if began is None:
            raise InvalidResponseError("sessions: a walk without a page")
        return began, read

    def _learn(self, log: WalkLog) -> None:
        """See whether the API honours the time in a filter, or only its date.

        A stray item or two prove nothing; it is only about what walks cost.
        """
        refuted = 0 if self._ends.honoured else log.refuted
        if max(log.outside, refuted) >= STRAYS and not self._ends.days_only:
            self._ends.days_only = True
            _log.info("date_filter_is_coarse")

    def _state(self) -> LedgerState:
        state = self._ledger.state
        if state is None:
            raise ValueError("the ledger was not prepared")
        return state

    def _recent(self, now: int) -> bool:
        """Whether the last whole pass was so lately that what is new since then is little."""
        if self._tip is None:
            return False
        return now - self._tip <= self._recent_micros()

    def _recent_micros(self) -> int:
        return round(RECENT_INTERVALS * self._interval * MICROSECONDS)

    def _estimate(self, state: LedgerState, start: int, now: int) -> int:
        """Pages that a walk from `start` to now will take."""
        return self._pace.estimate(state, start, self._tip, now)

    def _report(self) -> None:
        """Say how far a catch-up has come, once a poll while it lasts."""
        if self._sweep is None:
            return
        start, position = self._sweep.coverage.start, self._sweep.coverage.end
        _log.info(
            "catching_up",
            done_seconds=round((position - start) / MICROSECONDS),
            total_seconds=round((max(self._sweep.began, position) - start) / MICROSECONDS),
        )


def _may_be_too_wide(error: ApiError) -> bool:
    """Whether a server may answer so because the window is more than it can read in time."""
    server_error = isinstance(error, StatusError) and error.status >= 500
    return server_error or isinstance(error, RequestTimeoutError)


def _collector(context: Context) -> Sessions:
    return Sessions(
        api=context.api,
        ledger=context.ledger,
        budget=context.budget,
        server_clock=context.server_clock,
        clock=context.clock,
        interval=context.settings.poll.sessions_interval,
    )


RESOURCE = Resource(
    "sessions",
    _collector,
    reads=lambda settings: (settings.sessions.overlap, settings.sessions.settle_after),
    requests=None,
)
