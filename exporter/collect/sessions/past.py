"""The past: every session of a finished range, once each, for backfill and audit.

It uses the session collector's walker, but keeps no state. A slice is handed over once it was read
to its last page, and holds each id once. So memory is bounded by a slice, never by the range.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from exporter.api.budget import Budget
from exporter.api.errors import (
    ApiError,
    CursorRefusedError,
    KeyMissingError,
    KeyRefusedError,
    SliceTooLongError,
    StatusError,
)
from exporter.api.retry import RetryPolicy
from exporter.api.schema.session import Session
from exporter.api.walk import Page
from exporter.clock import Clock
from exporter.collect.sessions.pace import target_pages
from exporter.collect.sessions.plan import SlicePlanner
from exporter.collect.sessions.probe import Probe
from exporter.collect.sessions.walk import Batch, Walker
from exporter.ledger.rules import Slice
from exporter.polling.collector import Api

REFUSALS = 30
"""More walks in a row than this that broke off end the reading; after each the slice is halved."""

FAILURES = 8
"""So many failed walks in a row end the reading; each but the last is followed by a pause."""

LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Part:
    """All sessions created in [start, end), oldest first, each once. Times: microseconds.

    invalid: items that did not decode, which no count includes.
    """

    start: int
    end: int
    sessions: tuple[Session, ...]
    invalid: int


class Past:
    """Reads the sessions created in [start, end), both microseconds by the API's clock.

    on_page: called after each page, for whoever shows how far it has come.
    """

    def __init__(
        self,
        api: Api,
        probe: Probe,
        budget: Budget,
        clock: Clock,
        *,
        start: int,
        end: int,
        score_scale: float = 1.0,
        on_page: Callable[[Page], None] = lambda page: None,
    ) -> None:
        self._probe = probe
        self._walker = Walker(api, probe, budget, on_page, score_scale=score_scale)
        self._clock = clock
        self._end = end
        self._planner = SlicePlanner(start, target_pages(budget))

    async def parts(self) -> AsyncIterator[Part]:
        """The range, part by part, without a hole. Raises ApiError when retries do not help."""
        refusals = failures = 0
        while self._planner.position < self._end:
            try:
                part = await self._read()
            except ApiError as error:
                if isinstance(error, CursorRefusedError):
                    refusals += not isinstance(error, SliceTooLongError)
                    if refusals > REFUSALS:
                        raise
                    continue
                failures += 1
                if failures >= FAILURES or not _is_transient(error):
                    raise
                await self._clock.sleep(min(LONGEST_PAUSE_SECONDS, 2.0**failures))
                continue
            refusals = failures = 0
            yield part
            if part.end == self._end:
                return

    async def _read(self) -> Part:
        """The next slice. Raises ApiError."""
        found: dict[str, Session] = {}
        invalid: set[str | None] = set()
        coarse = self._probe.dates.coarse
        piece = self._planner.next(await self._probe.now(), coarse=coarse)
        if not coarse and (piece.end is None or piece.end > self._end):
            piece = Slice(piece.start, self._end)
        limit = self._end if piece.end is None else min(piece.end, self._end)

        async def accept(batch: Batch) -> None:
            for items, _ in batch:
                for session in items:
                    if session.created is None or not piece.start <= session.created < limit:
                        continue
                    if isinstance(session, Session):
                        found[session.id] = session
                    else:
                        invalid.add(session.id)

        walk = await self._walker.walk(self._planner, piece, accept)
        self._planner.walked(piece, walk.pages)
        sessions = tuple(sorted(found.values(), key=lambda session: session.created))
        return Part(piece.start, limit, sessions, len(invalid))


def _is_transient(error: ApiError) -> bool:
    """Whether the failure may pass by itself."""
    if isinstance(error, StatusError):
        return RetryPolicy.retryable(error.status)
    return not isinstance(error, KeyMissingError | KeyRefusedError)
