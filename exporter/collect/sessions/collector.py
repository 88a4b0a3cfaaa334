"""The sessions resource: walks the list in windows of createdAt, and hands all to the ledger.

A poll reads the tail: what was created since the last poll. More rarely a sweep re-reads what is
not settled, and moves the frontier. Tails and sweeps are passes: from a start to now, slice by
slice, each slice committed on its own. The words are explained in docs/glossary.md.

Nothing is held here that a restart would miss: a new process sweeps from the committed frontier.
"""

from dataclasses import dataclass

from exporter.api.budget import Budget
from exporter.api.errors import ApiError, CursorRefusedError, SliceTooLongError
from exporter.api.serverclock import HELD_SECONDS, ServerClock
from exporter.api.times import MICROSECONDS, MINUTE
from exporter.api.walk import Page
from exporter.clock import Clock
from exporter.collect.resource import Context, Resource
from exporter.collect.sessions.dates import Dates
from exporter.collect.sessions.pace import Pace, sweep_period
from exporter.collect.sessions.plan import SlicePlanner
from exporter.collect.sessions.probe import SPARSE_WIDTH, Probe
from exporter.collect.sessions.served import MARGIN, Served
from exporter.collect.sessions.walk import Walk, Walker
from exporter.ledger.engine import StateError
from exporter.ledger.ledger import Ledger
from exporter.ledger.rules import Coverage, RecentPasses, Slice
from exporter.ledger.state import LedgerState
from exporter.log import get_logger
from exporter.metrics import catalogue
from exporter.metrics.model import Sample
from exporter.places import Places
from exporter.polling.collector import Api, Publish

WORKING_PART = 0.8
"""The part of its interval for which a poll begins new slices."""

CATCH_UP_INTERVALS = 4
"""A poll that is far behind goes on for so many intervals: else the budget would lie idle between
its end and the next tick."""

REFUSALS_A_POLL = 12
"""After each cursor that is refused the slice is halved; a poll with more of them fails."""

TAIL_INTERVALS = 3
"""A tail reaches back over at most so many intervals; what is older is left to a sweep."""

STUCK_POLLS = 3
"""After so many polls in a row that could not read on, tails go on beside the sweep, and polls
fail."""

LONG_SWEEP = 10 * MINUTE
"""A sweep that lasts longer gets the whole budget."""

_log = get_logger(__name__)


@dataclass(slots=True)
class _Pass:
    """A tail or a sweep: the slices still to walk, and what was covered so far.

    Times: microseconds, by the API's clock.
    began: when it began. earliest: the time of the earliest reading in it.
    unproven: as in `Judged`; while it is set, the frontier does not move.
    failures: polls in a row that could not read on.
    """

    planner: SlicePlanner
    coverage: Coverage
    began: int
    earliest: int
    unproven: int | None = None
    done: bool = False
    failures: int = 0


class Sessions:
    """Reads the session list of one integration into its ledger.

    interval: seconds between polls. dates: what is known of the API's filters already.
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
        dates: Dates | None = None,
    ) -> None:
        dates = dates or Dates()
        self._probe = Probe(api, dates=dates, server_clock=server_clock, clock=clock)
        self._served = Served(api, self._probe, budget)
        self._walker = Walker(
            api,
            self._probe,
            budget,
            self._on_page,
            score_scale=ledger.rules.score_scale,
            places=Places(ledger.rules.places),
        )
        self._ledger = ledger
        self._clock = clock
        self._interval = interval
        self._pace = Pace(budget, dates)
        # A poll that comes a moment early must not put the sweep off by a whole interval.
        seconds = sweep_period(interval, ledger.rules.settle_after / MICROSECONDS) - interval / 10
        self._sweep_period = round(seconds * MICROSECONDS)
        self._longest_tail = round(TAIL_INTERVALS * interval * MICROSECONDS)
        self._dates = dates
        self._publish: Publish = lambda part, samples: None
        self._tip: int | None = None
        """The API's time up to which tails have read; None before the first whole pass."""
        self._tail: _Pass | None = None
        self._sweep: _Pass | None = None
        self._next_sweep = 0
        self._skipped = False
        """Whether a tail began after the tip: what lies between is left to the sweep."""
        self._fruitless = 0
        """Polls in a row in which walks were broken off and none was finished."""
        self._gave_up = False
        """Whether this poll has given up history."""
        self._future = 0
        self._trusted_from = 0.0
        """From when on a clock is trusted that is behind the frontier; 0 before the first Date."""
        self._set_back: int | None = None
        """The API's time when it first was behind the frontier."""
        self._passes = RecentPasses()

    async def update(self, publish: Publish) -> None:
        """One poll. Raises ApiError or StateError; what was read before it is committed."""
        self._publish, self._gave_up = publish, False
        await self._ledger.start()
        now = await self._probe.now()
        await self._ledger.begin(self._probe.likely_now(now))
        await self._follow_step_back(now)
        await self._learn_dates(now)
        self._choose(now)
        try:
            await self._work(now)
        except (ApiError, StateError):
            self._log_progress()
            raise
        await self._ledger.settle_unseen(self._passes)
        publish(self.resource, ())
        self._log_progress()

    async def _learn_dates(self, now: int) -> None:
        """Find out whether date filters are exact, with a few sessions, recent or old.

        Where that stays unknown, walks are wider than they might be; it is not a failure.
        """
        oldest = max(self._state().reach, self._served.documented_edge(now) + 2 * MARGIN)
        windows = ((None, None), (oldest, None), (oldest, SPARSE_WIDTH))
        for start, width in () if self._is_up_to_date(now) else windows:
            if self._dates.exact is None and not await self._probe.learn_dates():
                try:
                    await self._probe.ask(start, width)
                except ApiError as error:
                    _log.info("dates_unknown", error=str(error))
        await self._probe.learn_dates()

    async def _work(self, now: int) -> None:
        """Walk slice after slice until all is read, or for as long as a poll may last."""
        intervals = CATCH_UP_INTERVALS if self._behind(now) else WORKING_PART
        deadline = self._clock.monotonic() + self._interval * intervals
        finished = refusals = 0
        while (current := self._tail or self._sweep) is not None:
            try:
                await self._step(current)
            except ApiError as error:
                refusals += not isinstance(error, SliceTooLongError)
                late = self._clock.monotonic() >= deadline
                self._fruitless += late and not finished
                given_up = refusals > REFUSALS_A_POLL or (late and self._fruitless >= STUCK_POLLS)
                # Else the slice is narrower the next time.
                if not isinstance(error, CursorRefusedError) or given_up:
                    current.failures += 1
                    raise
            else:
                current.failures = 0
                finished += 1
                if current.done:
                    self._finished(current)
            if self._clock.monotonic() >= deadline:
                break
        if finished:
            self._fruitless = 0

    async def _follow_step_back(self, now: int) -> None:
        """Start anew where the API's clock was set back: what lies ahead of it was not read.

        Not soon after the first Date, which is believed at once where it agrees with our clock.
        """
        monotonic = self._clock.monotonic()
        if not self._trusted_from:
            self._trusted_from = monotonic + HELD_SECONDS
        likely = self._probe.likely_now(now)
        ahead = await self._ledger.is_ahead_of(likely)
        self._set_back = (self._set_back or likely) if ahead else None
        trusted = not self._probe.unsure and not self._probe.disputed
        if self._set_back and trusted and monotonic >= self._trusted_from:
            gap = await self._ledger.step_back(now, since=self._set_back)
            _log.warning("frontier_stepped_back", gap_seconds=round(gap))
            self._tail = self._sweep = self._tip = self._set_back = None
        if self._tip is not None:
            self._tip = min(self._tip, now)
        self._next_sweep = min(self._next_sweep, now + self._sweep_period)

    def _choose(self, now: int) -> None:
        """Begin a tail or a sweep, if one is due and the last ones are done."""
        state, up_to_date = self._state(), self._is_up_to_date(now)
        if not up_to_date:
            self._tail = None  # what it left unread is a sweep's work by now
        if self._sweep is None and self._sweep_is_due(state, now):
            self._sweep = self._new_pass(state.reach, now)
            self._tail = None
        elif self._tail is None and up_to_date and self._tip is not None and not self._behind(now):
            self._tail = self._new_pass(self._tip, now)
        elif self._tail is None and self._is_stuck():
            self._skipped = True
            self._tail = self._new_pass(now - self._longest_tail, now)

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

    def _new_pass(self, start: int, now: int) -> _Pass:
        """A pass from `start` to now; the recent rate says how wide its first slice is."""
        width = self._pace.first_width(self._state(), now)
        planner = SlicePlanner(start, self._pace.target(), width)
        return _Pass(planner, Coverage(start, start), began=now, earliest=now)

    def _sweep_is_due(self, state: LedgerState, now: int) -> bool:
        """Whether it is time, or a sweep costs no more than the tail that it would replace."""
        if now >= self._next_sweep or not self._is_up_to_date(now) or self._tip is None:
            return True
        return self._estimate(state.reach, now) <= self._estimate(self._tip, now)

    def _finished(self, done: _Pass) -> None:
        if done is self._tail:
            self._tail = None
            return
        self._sweep = None
        self._skipped = False
        self._passes = self._passes.extended(done.coverage.start, done.earliest)
        self._next_sweep = done.began + self._sweep_period

    async def _step(self, current: _Pass) -> None:
        """Walk one slice of the pass, and commit what it shows."""
        now = await self._probe.now()
        piece = self._next_slice(current.planner, now)
        walk = await self._walker.walk(current.planner, piece, self._ledger.count_pages)
        current.earliest = min(current.earliest, walk.earliest or now)
        if await self._probe.learn_dates():
            # By other filters less has to be read; what was read is counted already.
            self._tail = self._sweep = None
            self._choose(now)
            return
        judged = await self._served.judge(walk, current.unproven)
        current.unproven = judged.unproven
        if judged.lost is not None:
            await self._give_up(judged.lost)
        elif judged.grown:
            self._read_again(current)
        else:
            await self._cover(current, walk, walk.began or now)

    def _next_slice(self, planner: SlicePlanner, now: int) -> Slice:
        """The slice to walk now: all that is left, if that is known to be little."""
        known = self._is_up_to_date(now) and not self._skipped
        little = known and self._estimate(planner.position, now) <= 2 * planner.target
        piece = planner.next(now, coarse=self._dates.coarse, whole=little)
        return self._served.cut(piece, now)

    async def _cover(self, current: _Pass, walk: Walk, began: int) -> None:
        """Note what a whole walk adds to the pass, and commit the frontier that follows."""
        piece = walk.piece
        current.planner.walked(piece, walk.pages)
        current.coverage = current.coverage.extended(piece.end, began, self._ledger.rules)
        if current.unproven is None:
            await self._ledger.finish(piece, began, current.coverage)
        if piece.end is None:
            self._note_future(walk.future)
            current.done = True
            self._tip = max(self._tip or began, began)

    def _read_again(self, current: _Pass) -> None:
        """Begin the pass anew."""
        again = self._new_pass(current.coverage.start, current.began)
        if current is self._tail:
            self._tail = again
        else:
            self._sweep = again

    async def _give_up(self, lost: int) -> None:
        """Give up what is not served any more, and begin a new sweep over what is."""
        gap = await self._ledger.clamp(lost, self._served.history)
        if gap >= 1:
            _log.warning("sessions_gap", seconds=round(gap))
        self._tail = self._sweep = None
        if not self._gave_up:
            # At once, before the edge moves on; the next polls settle what was left behind it.
            self._gave_up = True
            start = max(self._state().reach, lost)
            self._sweep = self._new_pass(start, await self._probe.now())

    def _note_future(self, count: int) -> None:
        """Show how many listed sessions are to be created later; say so when there are some."""
        if count and not self._future:
            _log.warning(
                "sessions_created_in_future",
                sessions=count,
                message="they are counted once the API's clock comes near their createdAt",
            )
        self._future = count
        self._publish("future", (Sample(catalogue.FUTURE_SESSIONS, float(count)),))

    def _on_page(self, page: Page) -> None:
        self._publish(self.resource, ())
        self._pace.page_size = page.size or self._pace.page_size

    def _state(self) -> LedgerState:
        state = self._ledger.state
        if state is None:
            raise ValueError("the ledger was not prepared")
        return state

    def _is_up_to_date(self, now: int) -> bool:
        """Whether the last whole pass is so recent that little is new since."""
        return self._tip is not None and now - self._tip <= self._longest_tail

    def _estimate(self, start: int, now: int) -> int:
        """Pages that a walk from `start` to now will take."""
        return self._pace.estimate(self._state(), start, self._tip, now)

    def _log_progress(self) -> None:
        """Say how far a catch-up has come, once a poll while it lasts."""
        if self._sweep is None:
            return
        start, began = self._sweep.coverage.start, self._sweep.began
        done = min(self._sweep.coverage.end, began) - start
        _log.info(
            "catching_up",
            done_seconds=round(done / MICROSECONDS),
            total_seconds=round((began - start) / MICROSECONDS),
        )


def _collector(context: Context) -> Sessions:
    return Sessions(
        api=context.api,
        ledger=context.ledger,
        budget=context.budget,
        server_clock=context.server_clock,
        clock=context.clock,
        interval=context.settings.poll.sessions_interval,
        dates=context.dates,
    )


RESOURCE = Resource(
    "sessions",
    _collector,
    reads=lambda settings: (
        settings.sessions.overlap,
        settings.sessions.settle_after,
        settings.sessions.bot_score_scale,
        settings.sessions.places,
    ),
    requests=None,
)
