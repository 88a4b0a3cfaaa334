"""The session list as an API may serve it, in memory and on a test's clock, with its bad habits.

Times are microseconds since 1970 by the API's own clock, which is `skew` off from ours.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache
from zlib import crc32

from exporter.api.answer import Answer
from exporter.api.errors import StatusError
from exporter.api.serverclock import ServerClock
from exporter.api.times import MICROSECONDS, parse_time
from tests.clocks import FakeClock

DAY = 86_400 * MICROSECONDS


@dataclass
class Fake:
    """A session as the API holds it. visible: from when the list shows it."""

    id: str
    created: int
    visible: int
    updated: int
    status: str | None = "active"
    score: float | None = None
    flags: list[str] = field(default_factory=list)
    broken: bool = False

    def item(self) -> dict[str, object]:
        return {
            "id": self.id,
            "createdAt": iso(self.created),
            "updatedAt": iso(self.updated),
            "status": self.status,
            "botScore": "high" if self.broken else self.score,
            "detectionFlags": list(self.flags),
        }


@lru_cache(4096)
def iso(micros: int) -> str:
    """With seven fractional digits, as the vendor's documentation shows."""
    seconds, rest = divmod(micros, MICROSECONDS)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:06d}0Z"


class Listing:
    """Serves `/v1/sessions` to an `Api` caller; each request takes some time of the clock.

    order: newest, oldest, by_id, updated (the last change first), updated_oldest, or random, which
        is any order, but the same for a session each time.
    offsets: cursors are positions in the list; else they are the place of the last item in the
        order, as it was when the page was made.
    dates: what startDate and endDate honour: exact, day, or midnight (an endDate's date alone, cut
        down to its beginning).
    history: microseconds; what was created before is no longer served.
    latency: seconds that a request takes.
    """

    def __init__(
        self,
        clock: FakeClock,
        server_clock: ServerClock,
        *,
        skew: float = 0.0,
        page_size: int = 3,
        order: str = "newest",
        offsets: bool = False,
        dates: str = "exact",
        history: int = 7 * DAY,
        latency: float = 0.05,
    ) -> None:
        self.clock = clock
        self.server_clock = server_clock
        self.skew = skew
        self.page_size = page_size
        self.order = order
        self.offsets = offsets
        self.dates = dates
        self.history = history
        self.latency = latency
        self.sessions: dict[str, Fake] = {}
        self.requests = 0
        self.refuse: Callable[[int], bool] = lambda _: False
        """Whether the request of that number is refused its cursor."""
        self.fail: Callable[[int], bool] = lambda _: False
        """Whether the request of that number gives a 503."""
        self.bearable: int | None = None
        """A window of more sessions than that gives a 503 in place of its first page."""
        self.repeat = False
        """Each page begins with the last item of the one before."""
        self.on_request: Callable[[], None] = lambda: None
        self.short: Callable[[int], int | None] = lambda _: None
        """How many items the request of that number gets at most, though there are more."""
        self.date: Callable[[int, int], int | None] = lambda _, right: right
        """The Date that the request of that number gets, from the right one; None for none."""
        self.tier: str | None = None
        """What the header says; None for no such header."""
        self.tell: Callable[[str], None] = lambda _: None
        """Who learns of the header."""
        self.depth = 0
        """Pages of the walk under way."""
        self._places: dict[str, tuple[object, ...]] = {}

    def now(self) -> int:
        return round((self.clock.now() + self.skew) * MICROSECONDS)

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, resource: str
    ) -> Answer:
        assert path == "/v1/sessions"
        params = params or {}
        sent = self.clock.monotonic()
        self.requests += 1
        if "cursor" not in params:
            self.depth = 0
            self._places.clear()
        self.depth += 1
        self.on_request()
        self.clock.advance(self.latency / 2)
        now = self.now()
        date = self.date(self.requests, now // MICROSECONDS)
        self.clock.advance(self.latency / 2)
        header = None if date is None else formatdate(date, usegmt=True)
        at = self.server_clock.observe(header, sent, self.clock.monotonic())
        if self.tier is not None:
            self.tell(self.tier)
        if self.fail(self.requests):
            raise StatusError(503)
        if "cursor" in params and self.refuse(self.requests):
            raise StatusError(400)
        return Answer(self._page(params, now), at)

    def _page(self, params: Mapping[str, str], now: int) -> dict[str, object]:
        start, end = self._window(params, now)
        start = max(start, now - self.history)
        shown = self.sessions.values()
        rows = [it for it in shown if start <= it.created <= end and it.visible <= now]
        if "startDate" in params and parse_time(params["startDate"]) < now - self.history:
            rows = []
        wide = self.bearable is not None and len(rows) > self.bearable
        if wide and "startDate" in params and "cursor" not in params:
            raise StatusError(503)
        rows.sort(key=self._key)
        first = self._position(rows, params.get("cursor"))
        size = min(int(params.get("pageSize", "20")), self.page_size)
        short = self.short(self.requests)
        last = first + (size if short is None else min(size, short))
        page = rows[first:last]
        more = last < len(rows)
        items = [it.item() for it in page]
        if self.repeat and 0 < first <= len(rows):
            items.insert(0, rows[first - 1].item())
        cursor = None
        if more:
            # Each its own, also where a page was empty: a cursor that comes round again is a fault.
            cursor = f"{last}:{self.requests}"
            if page:
                self._places[cursor] = self._key(page[-1])
            elif "cursor" in params and not self.offsets:
                self._places[cursor] = self._places[params["cursor"]]
        return {
            "data": items,
            "pagination": {"nextCursor": cursor, "hasMore": more, "limit": size},
        }

    def _window(self, params: Mapping[str, str], now: int) -> tuple[int, int]:
        start = parse_time(params["startDate"]) if "startDate" in params else 0
        end = parse_time(params["endDate"]) if "endDate" in params else now
        if self.dates != "exact":
            start -= start % DAY
        if self.dates == "day" and "endDate" in params:
            end += DAY - 1 - end % DAY
        if self.dates == "midnight" and "endDate" in params:
            end -= end % DAY
        return start, end

    def _key(self, it: Fake) -> tuple[object, ...]:
        match self.order:
            case "newest":
                return (-it.created, it.id)
            case "oldest":
                return (it.created, it.id)
            case "by_id":
                return (it.id,)
            case "updated":
                return (-it.updated, it.id)
            case "updated_oldest":
                return (it.updated, it.id)
            case "random":
                return (crc32(it.id.encode()), it.id)
        raise ValueError(self.order)

    def _position(self, rows: list[Fake], cursor: str | None) -> int:
        if cursor is None:
            return 0
        if self.offsets:
            return int(cursor.partition(":")[0])
        place = self._places.get(cursor)
        return 0 if place is None else bisect_right(rows, place, key=self._key)
