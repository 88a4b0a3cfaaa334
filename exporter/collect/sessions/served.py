"""What the API serves of the list: from the edge of its history until its own now.

A startDate before the history gives an empty page, not an error. How long the history is depends on
the tier, which an answer may name wrongly, or not at all. So an empty answer proves nothing if its
startDate is older than the shortest history. Then the API is asked what it still shows.
"""

from contextlib import aclosing
from dataclasses import dataclass

from exporter.api import tiers
from exporter.api.answer import Api
from exporter.api.budget import Budget
from exporter.api.schema.session import decode_session
from exporter.api.times import DAY, HOUR, MICROSECONDS, MINUTE
from exporter.api.walk import walk
from exporter.collect.sessions.dates import PATH, RESOURCE
from exporter.collect.sessions.probe import Probe
from exporter.collect.sessions.walk import Walk
from exporter.ledger.rules import Slice

MARGIN = MINUTE
LONGEST_MARGIN = HOUR
"""How far inside the edge of the history a walk begins: a minute, and more if walks are slow."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a whole walk, and those before it that showed nothing, tell of the edge.

    unproven: from this createdAt on nothing was shown yet, so that it may not be served at all;
    None: all that was walked is served.
    lost: what was created before it is not served any more; None: nothing is lost.
    grown: what showed nothing is served by now, as the tier is a better one since.
    """

    unproven: int | None = None
    lost: int | None = None
    grown: bool = False


class Served:
    """From when on one key may read the session list."""

    def __init__(self, api: Api, probe: Probe, budget: Budget) -> None:
        self.probe = probe
        self._dates = probe.dates
        self._api = api
        self._budget = budget
        self._margin = MARGIN

    @property
    def history(self) -> int:
        """How long the tier's history is, in microseconds; an unknown tier counts as free."""
        return tiers.limits(self._budget.tier).history_days * DAY

    def documented_edge(self, now: int) -> int:
        """From when on the tier's history holds sessions, as it is documented."""
        return now - self.history

    def always_serves(self, start: int, now: int) -> bool:
        """Whether all from `start` on is served whatever the tier: the shortest holds it."""
        shortest = now - tiers.FREE.history_days * DAY
        return self._dates.earliest(start) - MICROSECONDS >= shortest

    def cut(self, piece: Slice, now: int) -> Slice:
        """The slice, cut where the shortest history begins, if it has no end of its own.

        So the last slice of a pass holds only what is served whatever the tier.
        """
        sure = now - tiers.FREE.history_days * DAY + self._dates.slack + 2 * MICROSECONDS
        sure += -sure % MICROSECONDS
        return Slice(piece.start, sure) if piece.start < sure and piece.end is None else piece

    async def judge(self, walk: Walk, unproven: int | None) -> Judged:
        """What a whole walk tells of the edge, after slices from `unproven` on showed nothing.

        Where its start is old, the API has to show something from there on, after the walk. A slice
        that shows nothing is judged by the next one that does. Raises ApiError.
        """
        now = await self.probe.now()
        start = walk.piece.start if unproven is None else unproven
        if unproven is None and self.always_serves(start, now):
            return Judged()
        if walk.oldest is None and walk.piece.end is not None:
            return Judged(unproven=start)
        if walk.oldest is None or not await self.shows(start, walk.oldest):
            lost = await self.find_edge(start, walk.oldest, now)
            if lost is not None:
                if walk.oldest is not None:
                    # The edge overtook the walk: begin further inside it from now on.
                    lasted = now - (walk.began or now)
                    self._margin = min(LONGEST_MARGIN, max(self._margin, 2 * lasted))
                return Judged(lost=lost)
        before = walk.piece.start
        return Judged(grown=start < before and await self.shows_within(start, before))

    async def shows(self, start: int, until: int) -> bool:
        """Whether a walk from `start` shows anything, given a session created at `until`.

        Raises ApiError.
        """
        filters = self._dates.filters(Slice(start, max(start, until) + 1))
        async with aclosing(walk(self._api, PATH, filters, resource=RESOURCE)) as pages:
            async for page in pages:
                if page.items:
                    return True
        return False

    async def shows_within(self, start: int, end: int) -> bool:
        """Whether a walk shows an item created in [start, end); filters may show more than that.

        Raises ApiError.
        """
        filters = self._dates.filters(Slice(start, end))
        async with aclosing(walk(self._api, PATH, filters, resource=RESOURCE)) as pages:
            async for page in pages:
                created = (decode_session(item).created for item in page.items)
                if any(time is not None and start <= time < end for time in created):
                    return True
        return False

    async def readable_from(self, start: int, end: int, now: int) -> int:
        """From when on sessions of [start, end) are served: `start`, or the edge of the history.

        Raises ApiError.
        """
        if self.always_serves(start, now) or await self.shows(start, end):
            return start
        within = self.documented_edge(now) + 2 * MARGIN
        shown = await self.shows(max(start, within), end)
        if shown and within - 10 * MARGIN <= start < within:
            # So near to the documented edge that it is not worth the requests to find the real one.
            return within
        return max(start, await self.find_edge(start, end if shown else None, now) or start)

    async def find_edge(self, start: int, until: int | None, now: int) -> int | None:
        """The edge: the time from which on sessions are served, if those from `start` on are not.

        until: createdAt of a session that is served; None: none is shown, so the tier's documented
        history counts. Gives None if nothing is lost. Raises ApiError.
        """
        if until is None:
            edge = self.documented_edge(now)
            lost = edge + self._dates.slack + self._margin
            return lost if self._dates.earliest(start) < edge else None
        shortest = now - tiers.FREE.history_days * DAY + 2 * MICROSECONDS
        low, high = start, max(start, min(until, shortest) + self._dates.slack)
        for days in (tiers.limits(self._budget.tier), tiers.PRO, tiers.FREE):
            edge = now - days.history_days * DAY
            for guess in (edge + MARGIN, edge - MARGIN):
                if low < guess < high:
                    low, high = await self._halved(low, high, guess, until)
        while high - low > 2 * MARGIN:
            low, high = await self._halved(low, high, (low + high) // 2, until)
        return high + self._margin - MARGIN

    async def _halved(self, low: int, high: int, middle: int, until: int) -> tuple[int, int]:
        return (low, middle) if await self.shows(middle, until) else (middle, high)
