"""The session list as the simulator serves it, of sessions that a test made, on a test's clock.

Times are microseconds since 1970 by the API's own clock, which is `skew` off from ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from exporter.api.answer import Answer
from exporter.api.errors import StatusError
from exporter.api.serverclock import ServerClock
from exporter.api.times import DAY, MICROSECONDS
from exporter.simulator.clock import instant
from exporter.simulator.lists import (
    BadParameterError,
    ListSettings,
    Tier,
    parse_query,
    read_page,
    window_size,
)
from exporter.simulator.world import ORDERS, Index
from tests.clocks import FakeClock


@dataclass(eq=False)
class Fake:
    """A session as the API holds it. visible: from when the list shows it.

    id and created stay as they are. salt: a number that tells sessions apart, as the simulator's
    have.
    """

    id: str
    created: int
    visible: int
    updated: int
    status: str | None = "active"
    score: float | None = None
    flags: list[str] = field(default_factory=list)
    broken: bool = False
    page: object = None
    user: object = None
    id_written: object = None
    """What stands for the id in the list, where that is odd."""
    salt: int = field(init=False)

    def __post_init__(self) -> None:
        self.salt = salt_of(self.id)

    def item(self) -> dict[str, object]:
        return {
            "id": self.id if self.id_written is None else self.id_written,
            "createdAt": iso(self.created),
            "updatedAt": iso(self.updated),
            "status": self.status,
            "botScore": "high" if self.broken else self.score,
            "detectionFlags": list(self.flags),
            "pageUrl": self.page,
            "userId": self.user,
        }


@lru_cache(1 << 16)
def salt_of(identity: str) -> int:
    return int.from_bytes(blake2b(identity.encode(), digest_size=7).digest(), "big") + 1


class Rows:
    """Sessions by their orders, as the simulator's world has them."""

    def __init__(self, rows: list[Any]) -> None:
        self.of = rows
        self._created = Index(ORDERS["newest"][0], rows)

    def index(self, order: str) -> Index:
        return (
            self._created if order in ("newest", "oldest") else self._by(order, self._created.rows)
        )

    def window(self, order: str, low: int, high: int) -> Index:
        return self._by(order, self._created.rows[low:high])

    def _by(self, order: str, rows: Any) -> Index:
        return Index(ORDERS[order][0], rows)


@lru_cache(4096)
def iso(micros: int) -> str:
    """With seven fractional digits, as the vendor's documentation shows."""
    seconds, rest = divmod(micros, MICROSECONDS)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:06d}0Z"


class Listing:
    """Serves `/v1/sessions` to an `Api` caller; each request takes some time of the clock.

    lists: how the simulator pages: order, paging, date_filter and so on.
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
        history: int = 7 * DAY,
        latency: float = 0.05,
        **lists: Any,
    ) -> None:
        self.clock = clock
        self.server_clock = server_clock
        self.skew = skew
        self.page_size = page_size
        self.lists = ListSettings(**lists)
        self.history = history
        self.latency = latency
        self.sessions: dict[str, Fake] = {}
        self.requests = 0
        self.refuse: Callable[[int], bool] = lambda _: False
        """Whether the request of that number is refused its cursor."""
        self.fail: Callable[[int], bool] = lambda _: False
        """Whether the request of that number gives a 503."""
        self.most: int | None = None
        """A window of more sessions than that gives a 503 in place of its first page."""
        self.repeat = False
        """Each page begins with the last item of the one before."""
        self.endless = ""
        """Pages that never end: `empty` or `full` ones."""
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
        self._rows = Rows([])

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

    def _visible(self, now: int) -> Rows:
        """What the list shows now; sorted anew only where that is not what it showed last."""
        shown = [it for it in self.sessions.values() if it.visible <= now]
        if shown != self._rows.of:
            self._rows = Rows(shown)
        return self._rows

    def _page(self, params: Mapping[str, str], now: int) -> dict[str, object]:
        rows = self._visible(now)
        tier = Tier("", 0, self.page_size, timedelta(microseconds=self.history))
        query = parse_query(params, tier, self.lists)
        size = window_size(rows, query, tier, instant(now))
        if self.most is not None and query.cursor is None and size > self.most:
            raise StatusError(503)
        try:
            page = read_page(
                rows,
                self.lists,
                query,
                tier,
                instant(now),
                repeat_last=self.repeat,
                keep=self.short(self.requests),
                endless=self.endless,
            )
        except BadParameterError:
            raise StatusError(400) from None
        items: list[Any] = page.sessions
        return {
            "data": [it.item() for it in items],
            "pagination": {
                "nextCursor": page.next_cursor,
                "hasMore": page.next_cursor is not None,
                "limit": query.limit,
            },
        }
