"""Whether startDate and endDate are exact or coarse: asked once, by an experiment, never guessed.

They are documented as filters on createdAt. It is not documented whether their time counts or only
their date, nor in which zone a day begins.

The experiment asks for a known session by the second in which it was created. Its neighbours on
both sides are known too, and so near that every day which holds it holds one of them. If it is
shown alone, dates are exact; if it is missing, or others are shown, they are coarse. Until that is
known they count as coarse. Then startDate is early enough and endDate late enough for every zone,
and each item's own createdAt decides.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from contextlib import aclosing

from exporter.api.answer import Api
from exporter.api.errors import ApiError
from exporter.api.schema.session import InvalidSession, Session, decode_session
from exporter.api.times import DAY, HOUR, MICROSECONDS, format_time
from exporter.api.walk import walk
from exporter.ledger.rules import Slice
from exporter.log import get_logger

PATH = "/v1/sessions"
RESOURCE = "sessions"

EARLIER = 12 * HOUR
"""A day of UTC-12 begins so long after that day of UTC."""

LATER = DAY + 14 * HOUR
"""A day of UTC+14 begins so long before that day of UTC; and endDate may fall back to its start."""

SHORTEST_DAY = 23 * HOUR
"""Where clocks are put forward."""

MISSES = 3
"""One missing session may have left the list; so many experiments without one mean coarse dates."""

MOST_PAGES = 5
"""Pages read of the experiment's answer; a longer one shows more than one second."""

REMEMBERED = 200
"""Sessions kept, at most, to find one that the experiment can ask for."""

_log = get_logger(__name__)


class Dates:
    """What is known of the API's date filters, and the filters that follow from it.

    exact: whether the time counts; None while that is not known.
    """

    def __init__(self) -> None:
        self.exact: bool | None = None
        self._seen: dict[str, Session] = {}
        self._misses = 0

    @property
    def coarse(self) -> bool:
        """Whether filters may work by whole days, in an unknown zone, rather than by time."""
        return not self.exact

    def filters(self, piece: Slice) -> dict[str, str]:
        """The filters with which an answer surely shows all of the slice."""
        start, end = piece.start, piece.end
        if self.coarse:
            start, end = start - EARLIER, None if end is None else end + LATER
        filters = {"startDate": format_time(start)}
        if end is not None:
            filters["endDate"] = format_time(end + MICROSECONDS - 1)
        return filters

    @property
    def slack(self) -> int:
        """By how much a startDate may stand for an earlier time than its slice's start, at most."""
        return EARLIER + DAY + 14 * HOUR if self.coarse else 0

    def earliest(self, start: int) -> int:
        """The earliest time that the startDate of a slice may stand for."""
        if not self.coarse:
            return start - start % MICROSECONDS
        asked = start - EARLIER
        return min(asked - asked % DAY - 14 * HOUR, asked - DAY)

    def note(self, items: Iterable[Session | InvalidSession]) -> None:
        """Remember sessions that were just shown, for the experiment, until it is decided."""
        if self.exact is None:
            self._seen.update((it.id, it) for it in items if isinstance(it, Session))
            for identity in list(self._seen)[:-REMEMBERED]:
                del self._seen[identity]

    async def ask(self, api: Api) -> None:
        """Do the experiment, once there is a session for it. If it fails, a later one will do.

        The failure is not raised: the walks that follow ask the same API, and will raise theirs.
        """
        subject = self._subject()
        if self.exact is not None or subject is None:
            return
        self._seen.clear()
        try:
            self.exact = await self._is_shown_alone(api, subject)
        except ApiError:
            return
        if self.exact is None:
            self._misses += 1
            self.exact = False if self._misses >= MISSES else None
        if self.exact is not None:
            _log.info("date_filters", exact=self.exact)

    def _subject(self) -> Session | None:
        """A session to ask for: amid a minute, with neighbours less than a day apart."""
        found = sorted(self._seen.values(), key=lambda session: session.created)
        times = [session.created for session in found]
        for session in found:
            start, end = _second(session)
            before, after = bisect_left(times, start) - 1, bisect_right(times, end)
            alone = before < 0 or after == len(times)
            if alone or times[after] - times[before] >= SHORTEST_DAY:
                continue
            if 1 <= start // MICROSECONDS % 60 <= 58:
                return session
        return None

    async def _is_shown_alone(self, api: Api, subject: Session) -> bool | None:
        """Whether the session is shown without others when its second is asked for.

        None where it is not shown at all. Raises ApiError.
        """
        start, end = _second(subject)
        filters = {"startDate": format_time(start), "endDate": format_time(end)}
        shown = None
        walked = walk(api, PATH, filters, resource=RESOURCE, most=MOST_PAGES)
        async with aclosing(walked) as pages:
            async for page in pages:
                for session in filter(_is_session, map(decode_session, page.items)):
                    if not start <= (session.created or 0) <= end:
                        return False
                    shown = shown or session.id == subject.id or None
        return shown


def _second(session: Session) -> tuple[int, int]:
    """The second in which it was created, as filters can ask for it."""
    start = session.created - session.created % MICROSECONDS
    return start, start + MICROSECONDS


def _is_session(item: Session | InvalidSession) -> bool:
    return isinstance(item, Session)
