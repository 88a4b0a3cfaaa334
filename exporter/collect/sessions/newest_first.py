"""The list from now backwards: the newest slice first, for whoever follows up an alert.

Each slice is read to its last page, since the order of the list is unknown, and its sessions are
then given newest first. The first slice is narrow; the next ones are as wide as what was found
suggests. A slice that turns out too long, whose cursor is refused, or that the server cannot read,
though it answers, is halved and read again. Nothing is kept but the ids of one slice.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from exporter.api.answer import Api
from exporter.api.errors import ApiError, CursorRefusedError, SliceTooLongError
from exporter.api.schema.session import Session, decode_session
from exporter.api.times import DAY, MICROSECONDS, MINUTE
from exporter.api.walk import Page, walk
from exporter.collect.sessions.dates import PATH, RESOURCE
from exporter.collect.sessions.probe import Probe
from exporter.collect.sessions.walk import TOO_LONG, may_be_too_wide
from exporter.collect.sessions.widths import FAILED_NARROWEST, NARROWEST, Widest
from exporter.ledger.rules import Slice

FIRST_WIDTH = MINUTE
GROWTH = 64
"""A slice is at most so many times as wide as the one before."""

REFUSALS = 12
"""More slices in a row than this that broke off end the reading."""


@dataclass(frozen=True, slots=True)
class Found:
    """A session, and the item as the API wrote it."""

    session: Session
    item: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class NewestPart:
    """All sessions created in [start, end), newest first, each once. Times: microseconds."""

    start: int
    end: int
    found: tuple[Found, ...]


class NewestFirst:
    """Reads the sessions created since `start`, microseconds by the API's clock, backwards.

    filters: what the API is asked to leave out, such as botOnly. pages, items: what a slice should
    have.
    scale: of the API's scores, as in `decode_session`. on_page: called after each page.
    """

    def __init__(
        self,
        api: Api,
        probe: Probe,
        *,
        start: int,
        now: int,
        pages: int,
        items: int,
        filters: Mapping[str, str],
        scale: float = 1.0,
        on_page: Callable[[Page], None] = lambda page: None,
    ) -> None:
        self._api = api
        self._probe = probe
        self._dates = probe.dates
        self._start = start
        self._now = now
        self._most = TOO_LONG * pages
        self._items = items
        self._filters = filters
        self._scale = scale
        self._on_page = on_page
        self._width = DAY if probe.dates.coarse else FIRST_WIDTH
        self._widest = Widest()

    async def parts(self) -> AsyncGenerator[NewestPart, None]:
        """The range, part by part, without a hole. Raises ApiError."""
        end: int | None = None
        refusals = 0
        while (until := self._now if end is None else end) > self._start:
            begin = max(self._start, until - self._width)
            begin -= begin % MICROSECONDS if begin > self._start else 0
            try:
                found = await self._read(Slice(begin, end))
            except ApiError as error:
                refusals += 1
                if refusals > REFUSALS or not await self._may_be_halved(error, until - begin):
                    raise
                self._width = max(NARROWEST, (until - begin) // 2)
                continue
            refusals = 0
            self._width = self._next_width(until - begin, len(found))
            yield NewestPart(begin, until, found)
            end = begin

    async def _may_be_halved(self, error: ApiError, width: int) -> bool:
        """Whether half of a slice that failed so may be read. Raises ApiError if nothing may."""
        if isinstance(error, CursorRefusedError):
            return True
        if self._dates.coarse or width <= FAILED_NARROWEST or not may_be_too_wide(error):
            return False
        await self._probe.ask(width=FAILED_NARROWEST)
        self._widest.too_wide(width // 2)
        return True

    def _next_width(self, width: int, found: int) -> int:
        if self._dates.coarse:
            # Narrower slices would read the same days again.
            return width * 2
        return self._widest.following(width * min(GROWTH, self._items / max(1, found)))

    async def _read(self, piece: Slice) -> tuple[Found, ...]:
        """The sessions of a slice, newest first. Raises ApiError."""
        found: dict[str, Found] = {}
        read = 0
        filters = {**self._dates.filters(piece), **self._filters}
        async with aclosing(walk(self._api, PATH, filters, resource=RESOURCE)) as pages:
            async for page in pages:
                read += 1
                self._on_page(page)
                for item in page.items:
                    session = decode_session(item, self._scale)
                    if isinstance(session, Session) and _within(session, piece):
                        found[session.id] = Found(session, cast("Mapping[str, object]", item))
                if read >= self._most and not page.last and not self._dates.coarse:
                    raise SliceTooLongError("the slice is too long")
        return tuple(sorted(found.values(), key=lambda one: (-one.session.created, one.session.id)))


def _within(session: Session, piece: Slice) -> bool:
    if session.created < piece.start:
        return False
    return piece.end is None or session.created < piece.end
