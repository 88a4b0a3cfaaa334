"""The walk over one slice of the session list, to its last page: the daemon's and backfill's.

What is read is handed over as it comes. Where the walk breaks off, the planner is told why, so that
the next slice is one that can be read.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from exporter.api.answer import Api
from exporter.api.budget import Budget
from exporter.api.errors import (
    ApiError,
    CursorRefusedError,
    InvalidResponseError,
    RequestTimeoutError,
    StatusError,
)
from exporter.api.schema.session import InvalidSession, Session, decode_session
from exporter.api.walk import Page
from exporter.api.walk import walk as walk_list
from exporter.collect.sessions.dates import PATH, RESOURCE
from exporter.collect.sessions.plan import SlicePlanner
from exporter.collect.sessions.served import Served
from exporter.ledger.rules import Slice

BATCH_ITEMS = 500
"""So many items are handed over at once, or fewer when a walk ends or the budget makes it wait."""

TOO_LONG = 4
"""A walk of more than so many times the pages it was cut for is broken off and cut again."""

LONGEST_WALK_MINUTES = 60
"""A walk that takes more than this of the whole budget has no end."""

Batch = list[tuple[list[Session | InvalidSession], int]]
"""Pages, each as (items, the API's time of the reading)."""


@dataclass(slots=True)
class Walk:
    """What one walk over a slice has shown so far. Times: microseconds, by the API's clock.

    began: when its first request left; None before the first page. earliest: of its readings.
    first, newest: createdAt of the earliest and the latest session that was shown; None, 0: none.
    """

    piece: Slice
    began: int | None = None
    earliest: int | None = None
    first: int | None = None
    pages: int = 0

    newest: int = 0

    def page(self, sessions: Iterable[Session | InvalidSession], at: int) -> None:
        """Take note of one page, read at the API's time `at`."""
        created = [it.created for it in sessions if isinstance(it, Session)]
        if created:
            self.first = min(created) if self.first is None else min(self.first, *created)
            self.newest = max(self.newest, *created)
        self.began = at if self.began is None else self.began
        self.earliest = at if self.earliest is None else min(self.earliest, at)
        self.pages += 1


class Walker:
    """Walks slices of one integration's list.

    score_scale: what a full score is in the API's answers.
    on_page: told of each page, as a sign of life, since a small budget makes a slice last long.
    """

    def __init__(
        self,
        api: Api,
        served: Served,
        budget: Budget,
        on_page: Callable[[Page], None],
        *,
        score_scale: float,
    ) -> None:
        self._api = api
        self._served = served
        self._budget = budget
        self._on_page = on_page
        self._scale = score_scale

    async def walk(
        self,
        planner: SlicePlanner,
        piece: Slice,
        take: Callable[[Batch], Awaitable[None]],
    ) -> Walk:
        """Read a slice to its last page.

        take: is handed what was read.
        Raises ApiError, after what was read until then was handed over, and what `take` raises.
        """
        walk = Walk(piece)
        batch: Batch = []
        now = await self._served.now()
        dates = self._served.dates

        async def hand_over() -> None:
            await take(batch)
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
                items = [decode_session(item, self._scale) for item in page.items]
                walk.page(items, page.server_time)
                dates.note(items)
                self._on_page(page)
                batch.append((items, page.server_time))
                if _full(batch) or not self._budget.room():
                    await hand_over()
                too_long = walk.pages >= TOO_LONG * planner.target and not page.last
                if too_long and planner.can_cut(piece, now, coarse=dates.coarse):
                    raise CursorRefusedError("the walk is too long for its slice")
        except ApiError as error:
            await hand_over()
            await self._tell(planner, walk, now, error)
            raise
        await hand_over()
        self._served.saw(walk.newest)
        return walk

    async def _tell(self, planner: SlicePlanner, walk: Walk, now: int, error: ApiError) -> None:
        """Have the planner make the next slice narrower, where that may help."""
        if isinstance(error, CursorRefusedError) or walk.pages:
            planner.refused(walk.piece, now)
        elif _may_be_too_wide(error) and planner.failed():
            await self._served.probe()  # which fails as well where it is the API that is down
            planner.too_wide(walk.piece, now)


def _full(batch: Batch) -> bool:
    return sum(len(items) for items, _ in batch) >= BATCH_ITEMS


def _may_be_too_wide(error: ApiError) -> bool:
    """Whether a server may answer so because the window is more than it can read in time."""
    server_error = isinstance(error, StatusError) and error.status >= 500
    return server_error or isinstance(error, RequestTimeoutError)
