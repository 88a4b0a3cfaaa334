"""The past: every session of a finished range, once each, for whoever writes history.

It walks as the session collector does (whole slices, own filter on createdAt, slices that halve
where a cursor is refused), but keeps no state: a slice is handed over once it was read to its last
page, and holds each id once. So memory is bounded by a slice, never by the range.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from exporter.api.errors import (
    ApiError,
    CursorRefusedError,
    KeyMissingError,
    KeyRefusedError,
    StatusError,
)
from exporter.api.retry import RetryPolicy
from exporter.api.schema.session import Session, decode_session
from exporter.api.times import DAY, MICROSECONDS, format_time
from exporter.api.walk import walk
from exporter.clock import Clock
from exporter.collect.sessions.plan import EndDates, SlicePlanner, midnight_before
from exporter.ledger.rules import Slice
from exporter.polling.collector import Api

PATH = "/v1/sessions"
RESOURCE = "sessions"

TOO_LONG = 4
"""A walk of more than so many times the pages it was cut for is broken off and cut again."""

REFUSALS = 30
"""So many refused cursors in a row, each answered by a narrower slice, end the reading."""

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


class History:
    """Reads the sessions created in [start, end) by the API's clock, which now shows `now`.

    target: pages that a slice should have. All times are microseconds.
    """

    def __init__(
        self,
        api: Api,
        clock: Clock,
        *,
        start: int,
        end: int,
        now: int,
        target: int,
        score_scale: float = 1.0,
    ) -> None:
        self._scale = score_scale
        self._api = api
        self._clock = clock
        self._end = end
        midnight = midnight_before(end - 1) + DAY
        # A midnight is a right end whatever the API makes of endDate; later than now is none.
        self._last: int | None = midnight if midnight < now else None
        self._now = now
        self._planner = SlicePlanner(start, target)
        self._ends = EndDates()

    async def parts(self) -> AsyncIterator[Part]:
        """The range, part by part, without a hole. Raises ApiError once trying again is futile."""
        planner = self._planner
        refusals = failures = 0
        while (start := planner.position) < self._end:
            piece = self._next()
            try:
                part = await self._read(piece)
            except CursorRefusedError:
                refusals += 1
                if refusals > REFUSALS:
                    raise
                planner.refused(piece, self._now)
                continue
            except ApiError as error:
                failures += 1
                if failures >= FAILURES or not _passing(error):
                    raise
                await self._clock.sleep(min(LONGEST_PAUSE_SECONDS, 2.0**failures))
                continue
            refusals = failures = 0
            if part is not None:
                yield part
            if planner.position == start and part is not None:
                return

    def _next(self) -> Slice:
        planned = self._planner.next(self._last or self._now, self._ends, whole=False)
        if planned.end is None:
            return Slice(planned.start, self._last)
        if self._ends.honoured and planned.end > self._end:
            return Slice(planned.start, self._end)
        return planned

    async def _read(self, piece: Slice) -> Part | None:
        """The slice, or None where it has to be walked again with another end."""
        filters = {"startDate": format_time(piece.start)}
        if piece.end is not None:
            filters["endDate"] = format_time(piece.end + MICROSECONDS - 1)
        limit = self._end if piece.end is None else min(piece.end, self._end)
        found: dict[str, Session] = {}
        invalid: set[str | None] = set()
        latest = pages = 0
        async for page in walk(self._api, PATH, filters, resource=RESOURCE):
            pages += 1
            for item in page.items:
                session = decode_session(item, self._scale)
                if session.created is not None:
                    latest = max(latest, session.created)
                    self._learn(piece, session.created)
                if session.created is None or not piece.start <= session.created < limit:
                    continue
                if isinstance(session, Session):
                    found[session.id] = session
                else:
                    invalid.add(session.id)
            too_long = pages >= TOO_LONG * self._planner.target and not page.last
            if too_long and self._planner.can_cut(piece, self._now, self._ends):
                raise CursorRefusedError("the walk is too long for its slice")
        proven = piece.end is not None and latest > midnight_before(piece.end)
        if piece.end is not None and not self._planner.walked(
            piece, pages, self._ends, proven=proven
        ):
            return None
        sessions = tuple(sorted(found.values(), key=lambda session: session.created))
        return Part(piece.start, limit, sessions, len(invalid))

    def _learn(self, piece: Slice, created: int) -> None:
        early = created < piece.start - MICROSECONDS
        late = piece.end is not None and created > piece.end + MICROSECONDS
        self._ends.days_only = self._ends.days_only or early or late


def _passing(error: ApiError) -> bool:
    """Whether the failure may pass by itself."""
    if isinstance(error, StatusError):
        return RetryPolicy.retryable(error.status)
    return not isinstance(error, KeyMissingError | KeyRefusedError)
