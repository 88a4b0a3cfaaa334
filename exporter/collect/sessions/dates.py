"""What the API makes of startDate and endDate: asked once, in place of guessing.

They are documented as filters on createdAt, but not whether their time counts or only their date,
nor in which zone a day begins. The experiment: a session that is known is asked for by the second
in which it was created. Shown alone, although its neighbours on both sides are known and lie so
near that every day which holds it holds one of them, dates are exact. Missing, or in company, they
are coarse; and until that is known they are taken for coarse: then startDate is early and endDate
late enough for every zone, and each item's own createdAt decides.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from contextlib import aclosing

from exporter.api.answer import Api
from exporter.api.errors import ApiError
from exporter.api.schema.session import InvalidSession, Session, decode_session
from exporter.api.times import DAY, MICROSECONDS, format_time
from exporter.api.walk import walk
from exporter.ledger.rules import Slice
from exporter.log import get_logger

PATH = "/v1/sessions"
RESOURCE = "sessions"

HOUR = 3600 * MICROSECONDS
EARLIER = 12 * HOUR
"""A day of UTC-12 begins so long after that day of UTC."""

LATER = DAY + 14 * HOUR
"""A day of UTC+14 begins so long before that day of UTC; and endDate may fall back to its start."""

SHORTEST_DAY = 23 * HOUR
"""Where clocks are put forward."""

MISSES = 3
"""A session may vanish from the list; so many that are missing show that dates are coarse."""

MOST_PAGES = 5
"""Of the answer to the experiment; one that is longer is not a second's."""

REMEMBERED = 200
"""Sessions among which one is looked for that can be asked for."""

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
        """Whether an answer may show less, or days more, than the times in the filters say."""
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
        """By so much at most a startDate may stand for an earlier time than its slice's start."""
        return EARLIER + DAY + 14 * HOUR if self.coarse else 0

    def earliest(self, start: int) -> int:
        """The earliest time that the startDate of a slice may stand for."""
        if not self.coarse:
            return start - start % MICROSECONDS
        asked = start - EARLIER
        return min(asked - asked % DAY - 14 * HOUR, asked - DAY)

    def note(self, items: Iterable[Session | InvalidSession]) -> None:
        """Remember sessions that were just shown, while one may have to be asked for."""
        if self.exact is None:
            self._seen.update((it.id, it) for it in items if isinstance(it, Session))
            for identity in list(self._seen)[:-REMEMBERED]:
                del self._seen[identity]

    async def ask(self, api: Api) -> None:
        """The experiment, once there is a session for it; where it fails, the next one will do.

        That it failed is not told: the walks that follow ask the same API for more.
        """
        subject = self._subject()
        if self.exact is not None or subject is None:
            return
        self._seen.clear()
        try:
            self.exact = await self._alone(api, subject)
        except ApiError:
            return
        if self.exact is None:
            self._misses += 1
            self.exact = False if self._misses >= MISSES else None
        if self.exact is not None:
            _log.info("date_filters", exact=self.exact)

    def _subject(self) -> Session | None:
        """A session in the middle of a minute, with neighbours that a day with it cannot miss."""
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

    async def _alone(self, api: Api, subject: Session) -> bool | None:
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
