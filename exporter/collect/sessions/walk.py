"""The walk over one slice of the session list, to its last page; the daemon and backfill use it.

What is read is handed over in batches, as it comes. When a walk breaks off, the planner is told, so
that the next slice is one that can be read.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from exporter.api.answer import Api
from exporter.api.budget import Budget
from exporter.api.errors import (
    ApiError,
    CursorRefusedError,
    InvalidResponseError,
    RequestTimeoutError,
    SliceTooLongError,
    StatusError,
)
from exporter.api.schema.session import decode_session
from exporter.api.walk import Page
from exporter.api.walk import walk as walk_list
from exporter.collect.sessions.dates import PATH, RESOURCE
from exporter.collect.sessions.plan import SlicePlanner
from exporter.collect.sessions.probe import Items, Probe, created
from exporter.ledger.rules import Slice
from exporter.places import NO_PLACES, Places

BATCH_ITEMS = 500
"""Items handed over at once; fewer when a walk ends, or when the budget makes it wait."""

TOO_LONG = 4
"""A walk of so many times the pages that its slice was cut for breaks off; the slice is halved."""

LONGEST_WALK_MINUTES = 60
"""A walk that takes more than this of the whole budget has no end."""

Batch = list[tuple[Items, int]]
"""Pages, each as (items, the API's time of the reading)."""


@dataclass(slots=True)
class Walk:
    """What one walk over a slice has shown so far. Times: microseconds, by the API's clock.

    began: when its first request left; None before the first page.
    earliest: the earliest time of a reading; it may lie before `began`, as each answer has its own.
    oldest: createdAt of the oldest session shown; None: none was.
    newest: createdAt of the newest session shown; 0: none was.
    future: sessions shown with a createdAt in the future; they are not counted yet.
    """

    piece: Slice
    began: int | None = None
    earliest: int | None = None
    oldest: int | None = None
    pages: int = 0
    newest: int = 0
    future: int = 0

    def page(self, items: Items, at: int, present: Callable[[Items, int], Items]) -> Items:
        """Note one page, read at the API's time `at`; gives what of it is to be counted.

        present: what of a page was created by the time that it is given.
        """
        began = self.began = at if self.began is None else self.began
        self.earliest = at if self.earliest is None else min(self.earliest, at)
        self.pages += 1
        # By the walk's begin, as the frontier is: so it never passes what is left out here.
        counted = present(items, began)
        self.future += len(items) - len(counted)
        shown = created(items)
        if shown:
            self.oldest = min(shown) if self.oldest is None else min(self.oldest, *shown)
        self.newest = max([self.newest, *created(counted)])
        return counted


class Walker:
    """Walks slices of one integration's list.

    score_scale: the API's score of a certain bot, 1 or 100. places: what of a page counts.
    on_page: called after each page, as a sign of life: with a small budget a slice lasts long.
    """

    def __init__(
        self,
        api: Api,
        probe: Probe,
        budget: Budget,
        on_page: Callable[[Page], None],
        *,
        score_scale: float,
        places: Places = NO_PLACES,
    ) -> None:
        self._api = api
        self._probe = probe
        self._budget = budget
        self._on_page = on_page
        self._scale = score_scale
        self._places = places

    async def walk(
        self,
        planner: SlicePlanner,
        piece: Slice,
        accept: Callable[[Batch], Awaitable[None]],
    ) -> Walk:
        """Read a slice to its last page, and hand what was read to `accept`, batch by batch.

        Raises ApiError, once what was read before it was handed over; and what `accept` raises.
        """
        walk = Walk(piece)
        batch: Batch = []
        now = await self._probe.now()
        dates = self._probe.dates

        async def hand_over() -> None:
            await accept(batch)
            batch.clear()

        try:
            pages = walk_list(
                self._api,
                PATH,
                dates.filters(piece),
                resource=RESOURCE,
                most=max(100, round(LONGEST_WALK_MINUTES * self._budget.per_minute)),
            )
            async for page in pages:
                if page.server_time is None:
                    raise InvalidResponseError("sessions: no answer has carried a Date")
                # Decoded at once: what waits to be committed is small, whatever the page held.
                items = [decode_session(it, self._scale, self._places) for it in page.items]
                items = walk.page(items, page.server_time, self._probe.present)
                dates.note(items)
                self._on_page(page)
                batch.append((items, page.server_time))
                if _full(batch) or not self._budget.room():
                    await hand_over()
                too_long = walk.pages >= TOO_LONG * planner.target and not page.last
                if too_long and planner.can_cut(piece, now, coarse=dates.coarse):
                    raise SliceTooLongError("the walk is too long for its slice")
        except ApiError as error:
            await hand_over()
            await self._narrow(planner, walk, now, error)
            raise
        await hand_over()
        self._probe.note_created(walk.newest)
        return walk

    async def _narrow(self, planner: SlicePlanner, walk: Walk, now: int, error: ApiError) -> None:
        """Have the planner make the next slice narrower, where that may help."""
        if isinstance(error, CursorRefusedError) or walk.pages:
            planner.refused(walk.piece, now)
        elif may_be_too_wide(error) and planner.failed():
            await self._probe.ask()  # raises if the API is down, so width was not to blame
            planner.too_wide(walk.piece, now)


def _full(batch: Batch) -> bool:
    return sum(len(items) for items, _ in batch) >= BATCH_ITEMS


def may_be_too_wide(error: ApiError) -> bool:
    """Whether the server may have failed because it cannot read so wide a window in time."""
    server_error = isinstance(error, StatusError) and error.status >= 500
    return server_error or isinstance(error, RequestTimeoutError)
