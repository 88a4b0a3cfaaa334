"""Pages of the session list: order, filters, cursors and clamps.

Everything that the documentation leaves open is a choice here (order, paging, how coarse the date
filter is), so that a reader can be shown to hold under each. Pure: a query and an instant give a
page. It never sorts the whole list for a request.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol

from exporter.simulator.clock import instant, micros
from exporter.simulator.rollup import BOT
from exporter.simulator.sessions import Session, is_hidden
from exporter.simulator.world import ORDERS, Index, Key

PAGING: Final = ("keyset", "offset")
EMPTY: Final = ("page", "no_content", "null", "bare")
DATE_FILTERS: Final = ("exact", "day", "midnight")
DAY_OF: Final = ("written", "moment")
HISTORY_CHECKS: Final = ("asked", "cut")
_HOUR: Final = 3_600_000_000
_DAY: Final = 86_400_000_000
_FOREVER: Final = 1 << 62
_DEFAULT_PAGE_SIZE: Final = 50


class Tier(NamedTuple):
    """What a tier may do."""

    name: str
    requests_per_minute: int
    max_page_size: int
    history: timedelta


TIERS: Final = {
    "free": Tier("free", 60, 50, timedelta(days=7)),
    "pro": Tier("pro", 600, 100, timedelta(days=30)),
    "enterprise": Tier("enterprise", 6000, 100, timedelta(days=7 * 365)),
}


class Listed(Protocol):
    """Sessions by their orders, as `World` has them."""

    def index(self, order: str) -> Index:
        """All of them, by that order's key."""
        ...

    def window(self, order: str, low: int, high: int) -> Index:
        """Those at these places by creation, by another order's key."""
        ...


class BadParameterError(ValueError):
    """A query parameter that the API answers with 400; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class ListSettings:
    """How this server happens to page. Raises ValueError that names a bad value."""

    order: str = "newest"
    """newest, oldest, updated, random (stable per session) or by_id."""
    paging: str = "keyset"
    """keyset, or offset: an insert then shifts the pages that follow."""
    date_filter: str = "exact"
    """exact: times count; day: whole days; midnight: both dates fall back to their midnight."""
    day_begins: float = 0.0
    """When the days of a filter that is not exact begin, in hours after UTC midnight."""
    day_of: str = "written"
    """Which day a time is in: the date as it is written (in UTC), or the day of that moment."""
    history_check: str = "asked"
    """What must lie within the history: the startDate as asked, or cut to the start of its day."""
    last_cursor: str = "absent"
    """nextCursor on the last page: absent, null or empty."""
    empty: str = "page"
    """An empty list: a page without items, no_content (204), null (for the items), or bare (without
    pagination)."""
    cursor_seconds: float = 0.0
    """Lifetime of a cursor, of the server's time; 0 for ever."""
    strict_cursors: bool = False
    """Refuse a cursor beside other filters than those that it came from."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        choices = {
            "order": tuple(ORDERS),
            "paging": PAGING,
            "date_filter": DATE_FILTERS,
            "day_of": DAY_OF,
            "history_check": HISTORY_CHECKS,
            "last_cursor": ("absent", "null", "empty"),
            "empty": EMPTY,
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}")
        if self.cursor_seconds < 0:
            raise ValueError(f"cursor_seconds must not be negative: {self.cursor_seconds!r}")
        if not -24 < self.day_begins < 24:
            raise ValueError(f"day_begins must lie within a day: {self.day_begins!r}")

    def day(self, moment: int) -> int:
        """When the day of a time in a filter begins."""
        offset = round(self.day_begins * _HOUR)
        if self.day_of == "written":
            return moment // _DAY * _DAY + offset
        return (moment - offset) // _DAY * _DAY + offset


@dataclass(frozen=True, slots=True)
class Query:
    """A request for a page, checked. Times are microseconds since the epoch, both inclusive.

    checked: what must lie within the history; None without a startDate.
    """

    limit: int
    start: int
    end: int
    checked: int | None
    status: str | None
    bots_only: bool
    cursor: str | None

    @property
    def filters(self) -> str:
        """The filters, for a cursor to remember."""
        return f"{self.start}/{self.end}/{self.status}/{self.bots_only}"


def parse_query(parameters: Mapping[str, str], tier: Tier, settings: ListSettings) -> Query:
    """Read the parameters of /v1/sessions. Raises BadParameterError."""
    date_filter = settings.date_filter
    asked = parameters.get("startDate")
    checked = None if asked is None else _date("startDate", asked)[0]
    start, end = 0 if checked is None else checked, _FOREVER
    until = parameters.get("endDate")
    if until is not None:
        end, whole_day = _date("endDate", until)
        if whole_day and date_filter == "exact":
            end = end // _DAY * _DAY + _DAY - 1
        elif date_filter == "day":
            end = settings.day(end) + _DAY - 1
        elif date_filter == "midnight":
            end = settings.day(end)
    if checked is not None and date_filter != "exact":
        start = settings.day(start)
        if settings.history_check == "cut":
            checked = start
    bots = parameters.get("botOnly", "false").lower()
    if bots not in ("true", "false"):
        raise BadParameterError("botOnly", "must be true or false")
    return Query(
        limit=page_size(parameters, tier.max_page_size),
        start=start,
        end=end,
        checked=checked,
        status=parameters.get("status"),
        bots_only=bots == "true",
        cursor=parameters.get("cursor") or None,
    )


def page_size(parameters: Mapping[str, str], cap: int, default: int = _DEFAULT_PAGE_SIZE) -> int:
    """The page size really used: what was asked, clamped. Raises BadParameterError."""
    text = parameters.get("pageSize", str(default))
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise BadParameterError("pageSize", "must be a whole number from 1")
    return min(int(text), cap)


def _date(field: str, text: str) -> tuple[int, bool]:
    """Microseconds since the epoch, and whether only a date was given."""
    try:
        if len(text) == 10:
            return date.fromisoformat(text).toordinal() * _DAY - _EPOCH_DAY, True
        moment = datetime.fromisoformat(text)
        return micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC)), False
    except ValueError as error:
        raise BadParameterError(field, "must be an ISO 8601 date or time") from error


_EPOCH_DAY: Final = date(1970, 1, 1).toordinal() * _DAY


class Page(NamedTuple):
    """Sessions, and the cursor to the following page: None on the last one."""

    sessions: list[Session]
    next_cursor: str | None


def window_size(listed: Listed, query: Query, tier: Tier, now: datetime) -> int:
    """How many sessions lie in the query's window of createdAt, whatever else it asks."""
    created = listed.index("newest")
    start = max(query.start, micros(now - tier.history))
    return max(0, created.position((query.end + 1, 0)) - created.position((start, 0)))


def read_page(
    world: Listed,
    settings: ListSettings,
    query: Query,
    tier: Tier,
    now: datetime,
    *,
    hidden_share: float = 0.0,
    repeat_last: bool = False,
    keep: int | None = None,
    endless: str = "",
) -> Page:
    """One page, as the world stands. Raises BadParameterError for a cursor that it did not give.

    `repeat_last` makes the following page begin with this page's last item, `keep` cuts the page
    to so many items without losing any. After the last page `endless` goes on for ever: with
    `empty` pages, or with the list from its beginning (`full`).
    """
    oldest = micros(now - tier.history)
    if query.checked is not None and query.checked < oldest:
        return Page([], None)  # documented: an empty page, not an error
    after, skip = _read_cursor(settings, query, now)
    start = max(query.start, oldest)
    order, places = _candidates(world, settings.order, start, query.end, after)
    found: Iterable[Session]
    if _is_plain(settings, query, hidden_share):
        found = (order[at] for at in places[skip : skip + query.limit + 1])
        skip_found = 0
    else:
        found = _matching((order[at] for at in places), query, start, hidden_share)
        skip_found = skip
    rows = list(islice(found, skip_found, skip_found + query.limit + 1))
    more = len(rows) > query.limit
    del rows[query.limit :]
    if keep is not None and keep < len(rows):
        more = True
        del rows[keep:]
    if not more and endless == "full":
        return Page(rows, _write_cursor(settings, query, now, None))
    if not more and not endless:
        return Page(rows, None)
    step = len(rows)
    if repeat_last and step > 1:
        step -= 1
    if settings.paging == "offset":
        place: Any = skip + step
    elif step:
        place = ORDERS[settings.order][0](rows[step - 1])
    else:
        place = after
    return Page(rows, _write_cursor(settings, query, now, place))


def _is_plain(settings: ListSettings, query: Query, hidden_share: float) -> bool:
    """Whether every candidate belongs to the page."""
    by_creation = settings.order in ("newest", "oldest")
    return by_creation and query.status is None and not query.bots_only and not hidden_share


def _matching(
    found: Iterable[Session], query: Query, start: int, hidden_share: float
) -> Iterator[Session]:
    for session in found:
        if not start <= session.created <= query.end:
            continue
        if query.bots_only and (session.score is None or session.score < BOT):
            continue
        if query.status is not None and session.status != query.status:
            continue
        if hidden_share and is_hidden(session.salt, hidden_share):
            continue
        yield session


def _candidates(
    world: Listed, order: str, start: int, end: int, after: Key | None
) -> tuple[Sequence[Session], range]:
    """Sessions in order, and the places of those beyond the key `after`.

    In an order by creation these are all in [start, end]; otherwise some may lie outside.
    """
    key, descending = ORDERS[order]
    created = world.index("newest")
    low, high = created.position((start, 0)), created.position((end + 1, 0))
    if order in ("newest", "oldest"):
        index = created
    elif (high - low) * 16 < len(created.rows):
        index = world.window(order, low, high)
        low, high = 0, len(index.rows)
    else:
        index = world.index(order)
        low, high = 0, len(index.rows)
    if after is not None and descending:
        high = min(high, index.position(after))
    elif after is not None:
        place = index.position(after)
        there = place < len(index.rows) and key(index.rows[place]) == after
        low = max(low, place + there)
    return index.rows, range(high - 1, low - 1, -1) if descending else range(low, high)


def _write_cursor(settings: ListSettings, query: Query, now: datetime, place: Any) -> str:
    content = [settings.order, settings.paging, place, micros(now), query.filters]
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def _read_cursor(settings: ListSettings, query: Query, now: datetime) -> tuple[Key | None, int]:
    """The key to go on from, and how many sessions to skip. Raises BadParameterError."""
    if query.cursor is None:
        return None, 0
    try:
        padded = query.cursor + "=" * (-len(query.cursor) % 4)
        content = json.loads(base64.urlsafe_b64decode(padded))
        order, paging, place, made, filters = content
    except (binascii.Error, TypeError, ValueError) as error:
        raise BadParameterError("cursor", "is not one of ours") from error
    if (order, paging) != (settings.order, settings.paging):
        raise BadParameterError("cursor", "belongs to another order")
    if settings.strict_cursors and filters != query.filters:
        raise BadParameterError("cursor", "belongs to other filters")
    lifetime = timedelta(seconds=settings.cursor_seconds)
    if lifetime and now - instant(made) > lifetime:
        raise BadParameterError("cursor", "has expired")
    if paging == "offset":
        return None, int(place or 0)
    return None if place is None else tuple(place), 0
