"""Whole walks of a list for gauges over all of its items: all of them, or nothing is published.

A walk stands behind all else in the budget, so it may take long. It is bounded in pages, and one
that breaks off says how far it came.
"""

from collections.abc import Callable

from exporter.api.answer import Api
from exporter.api.budget import Budget
from exporter.api.errors import ApiError, EndlessListError
from exporter.api.walk import walk
from exporter.log import get_logger

log = get_logger(__name__)

MOST_PAGES = 20_000
LEAST_PAGES = 100
"""So many pages are read, whatever the budget."""

MOST_ITEMS = 1_000_000
"""Distinct items of one walk; what tells them apart is held in memory while it lasts."""


class Seen:
    """Which items of a walk were read before: lists repeat some when others are inserted."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def is_new(self, identity: int) -> bool:
        """Whether it is the first with that hash. Raises EndlessListError past MOST_ITEMS."""
        before = len(self._seen)
        self._seen.add(identity)
        if len(self._seen) > MOST_ITEMS:
            raise EndlessListError(f"the list holds more than {MOST_ITEMS:,} items")
        return len(self._seen) > before


def most_pages(budget: Budget, interval: float) -> int:
    """The bound of a walk: what the whole budget could read until the next, or in an hour."""
    pages = round(budget.per_minute * max(interval, 3600.0) / 60.0)
    return min(MOST_PAGES, max(LEAST_PAGES, pages))


async def read_whole(
    api: Api,
    path: str,
    accept: Callable[[object], None],
    *,
    resource: str,
    most: int,
    unpaged: bool = False,
) -> None:
    """Give every item of the list at `path` to `accept`, in the order in which they come.

    most: pages. unpaged: the list may also come without pagination, and is then whole.
    Raises ApiError where the walk was not whole; the log says how many pages and items were read.
    """
    pages = items = 0
    try:
        async for page in walk(api, path, {}, resource=resource, most=most, unpaged=unpaged):
            pages += 1
            items += len(page.items)
            for item in page.items:
                accept(item)
    except ApiError as error:
        log.warning("walk_not_whole", resource=resource, pages=pages, items=items, error=str(error))
        raise
    log.debug("walk_whole", resource=resource, pages=pages, items=items)
