"""The session list as an API may serve it, in memory and on a test's clock, with its bad habits.

Times are microseconds since 1970 by the API's own clock, which is `skew` off from ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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


def iso(micros: int) -> str:
    """With seven fractional digits, as the vendor's documentation shows."""
    seconds, rest = divmod(micros, MICROSECONDS)
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:06d}0Z"


class Listing:
    """Serves `/v1/sessions` to an `Api` caller; each request takes some time of the clock."""

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
        self.repeat = False
        """Each page begins with the last item of the one before."""
        self.on_request: Callable[[], None] = lambda: None

    def now(self) -> int:
        return round((self.clock.now() + self.skew) * MICROSECONDS)

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, resource: str
    ) -> Answer:
        assert path == "/v1/sessions"
        params = params or {}
        sent = self.clock.monotonic()
        self.requests += 1
        self.on_request()
        self.clock.advance(self.latency / 2)
        now = self.now()
        date = now // MICROSECONDS
        self.clock.advance(self.latency / 2)
        from email.utils import formatdate

        self.server_clock.observe(formatdate(date, usegmt=True), sent, self.clock.monotonic())
        if self.fail(self.requests):
            raise StatusError(503)
        if "cursor" in params and self.refuse(self.requests):
            raise StatusError(400)
        return Answer(self._page(params, now), self.server_clock.at(sent))

    def _page(self, params: Mapping[str, str], now: int) -> dict[str, object]:
        rows = [it for it in self.sessions.values() if it.visible <= now]
        rows = [it for it in rows if it.created >= now - self.history]
        start, end = self._window(params, now)
        rows = [it for it in rows if start <= it.created <= end]
        if "startDate" in params and parse_time(params["startDate"]) < now - self.history:
            rows = []
        rows.sort(key=self._key)
        first = self._position(rows, params.get("cursor"))
        size = min(int(params.get("pageSize", "20")), self.page_size)
        page = rows[first : first + size]
        more = first + size < len(rows)
        items = [it.item() for it in page]
        if self.repeat and first:
            items.insert(0, rows[first - 1].item())
        cursor = None
        if more:
            cursor = str(first + size) if self.offsets else f"after:{page[-1].id}"
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
        raise ValueError(self.order)

    def _position(self, rows: list[Fake], cursor: str | None) -> int:
        if cursor is None:
            return 0
        if self.offsets:
            return int(cursor)
        last = self.sessions[cursor.removeprefix("after:")]
        key = self._key(last)
        return sum(self._key(it) <= key for it in rows)
