"""What the API serves of the list: from the edge of its history until its own now.

A startDate before the history gives an empty page, not an error. How long the history is depends on
the tier, which an answer may name wrongly, or not at all. So an empty answer proves nothing if its
startDate is older than the shortest history. Then the API is asked what it still shows.
"""

from contextlib import aclosing

from exporter.api import tiers
from exporter.api.answer import Api
from exporter.api.budget import Budget
from exporter.api.errors import InvalidResponseError, RequestTimeoutError, StatusError
from exporter.api.schema.session import InvalidSession, Session, decode_session
from exporter.api.serverclock import ServerClock
from exporter.api.times import DAY, HOUR, MICROSECONDS, MINUTE, format_time
from exporter.api.walk import walk
from exporter.clock import Clock
from exporter.collect.sessions.dates import PATH, RESOURCE, Dates
from exporter.collect.sessions.plan import FAILED_NARROWEST, FIRST_WIDTH
from exporter.ledger.rules import Slice

PROBES = 3
"""Requests made, at most, to learn the API's time."""

MARGIN = MINUTE
LONGEST_MARGIN = HOUR
"""How far inside the edge of the history a walk begins: a minute, and more if walks are slow."""

FUTURE = DAY
"""A session created so far ahead of the API's clock is not counted yet. If it is less, a time zone
that was left out may be the reason, or a clock that is a little off."""


class Served:
    """What one key may read of the session list, and what is known of its date filters."""

    def __init__(
        self, api: Api, *, dates: Dates, budget: Budget, server_clock: ServerClock, clock: Clock
    ) -> None:
        self.dates = dates
        self._api = api
        self._budget = budget
        self._server_clock = server_clock
        self._clock = clock
        self._margin = MARGIN
        self._probe_width = FIRST_WIDTH

    async def now(self) -> int:
        """The API's time, Unix microseconds. Probes for it if no answer has told it yet.

        Raises ApiError.
        """
        for _ in range(PROBES):
            now = self._server_clock.at(self._clock.monotonic())
            if now is not None:
                return now
            try:
                await self.probe()
            except StatusError:
                # An error has a Date too, which may have set the clock.
                if self._server_clock.at(self._clock.monotonic()) is None:
                    raise
        raise InvalidResponseError(f"{RESOURCE}: no answer has carried a Date to be believed")

    def likely(self, now: int) -> int:
        """The likeliest time of the API; `now`, which it has surely reached, where none is."""
        return self._server_clock.likely(self._clock.monotonic()) or now

    @property
    def unsure(self) -> bool:
        """Whether the API's time is taken from our own clock, as no Date is believed yet."""
        return self._server_clock.by_ours

    async def probe(self, start: int | None = None, width: int | None = None) -> None:
        """Ask for a page of a narrow window; learn the API's time and a few sessions from it.

        start: where the window begins; None: it ends now.
        width: in microseconds; None: FIRST_WIDTH, halved each time that the server fails on it.
        Raises ApiError.
        """
        now = self._server_clock.at(self._clock.monotonic())
        now = round(self._clock.now() * MICROSECONDS) if now is None else now
        wide = width or self._probe_width
        filters = {"startDate": format_time(now - wide if start is None else start)}
        if start is not None:
            filters["endDate"] = format_time(start + wide)
        try:
            async with aclosing(walk(self._api, PATH, filters, resource=RESOURCE)) as pages:
                page = await anext(pages)
        except (StatusError, RequestTimeoutError):
            # Even this window may be too wide for the server.
            if width is None:
                self._probe_width = max(FAILED_NARROWEST, self._probe_width // 2)
            raise
        items = [decode_session(item) for item in page.items]
        self.dates.note(items)
        at = self._server_clock.at(self._clock.monotonic())
        present = [it for it in items if at is None or not self.is_future(it, at)]
        self.saw(max((it.created for it in present if isinstance(it, Session)), default=0))

    async def learn_dates(self) -> bool:
        """Find out whether date filters are exact, unless that is known.

        True only if this call found that they are.
        """
        if self.dates.exact is not None:
            return False
        await self.dates.ask(self._api)
        return not self.dates.coarse

    def is_future(self, item: Session | InvalidSession, at: int) -> bool:
        """Whether a session read at the API's time `at` is not created yet, by that time.

        Our own clock in the API's place may be wrong by years, so then none is.
        """
        return isinstance(item, Session) and not self.unsure and item.created > at + FUTURE

    def saw(self, created: int) -> None:
        """Tell the clock that a session created then was listed: the API's clock has shown it."""
        self._server_clock.witness(created, self._clock.monotonic(), created=True)

    @property
    def history(self) -> int:
        """How long the tier's history is, in microseconds; an unknown tier counts as free."""
        return tiers.limits(self._budget.tier).history_days * DAY

    def edge(self, now: int) -> int:
        """From when on the tier's history holds sessions."""
        return now - self.history

    def surely(self, start: int, now: int) -> bool:
        """Whether all from `start` on is surely served, as the shortest history holds it."""
        shortest = now - tiers.FREE.history_days * DAY
        return self.dates.earliest(start) - MICROSECONDS >= shortest

    def within(self, piece: Slice, now: int) -> Slice:
        """The slice, cut where what is surely served begins, if it has no end of its own.

        So the last slice of a pass holds only what is surely served.
        """
        sure = now - tiers.FREE.history_days * DAY + self.dates.slack + 2 * MICROSECONDS
        sure += -sure % MICROSECONDS
        return Slice(piece.start, sure) if piece.start < sure and piece.end is None else piece

    async def shows(self, start: int, until: int) -> bool:
        """Whether a walk from `start` shows anything, given a session created at `until`.

        Raises ApiError.
        """
        filters = self.dates.filters(Slice(start, max(start, until) + 1))
        async with aclosing(walk(self._api, PATH, filters, resource=RESOURCE)) as pages:
            async for page in pages:
                if page.items:
                    return True
        return False

    async def shows_within(self, start: int, end: int) -> bool:
        """Whether a walk shows an item created in [start, end); filters may show more than that.

        Raises ApiError.
        """
        filters = self.dates.filters(Slice(start, end))
        async with aclosing(walk(self._api, PATH, filters, resource=RESOURCE)) as pages:
            async for page in pages:
                created = (decode_session(item).created for item in page.items)
                if any(time is not None and start <= time < end for time in created):
                    return True
        return False

    async def readable(self, start: int, end: int, now: int) -> int:
        """From when on sessions of [start, end) are served: `start`, or the edge of the history.

        Raises ApiError.
        """
        if self.surely(start, now) or await self.shows(start, end):
            return start
        within = self.edge(now) + 2 * MARGIN
        shown = await self.shows(max(start, within), end)
        if shown and within - 10 * MARGIN <= start < within:
            # So near to the documented edge that it is not worth the requests to find the real one.
            return within
        return max(start, await self.first(start, end if shown else None, now) or start)

    async def first(self, start: int, until: int | None, now: int) -> int | None:
        """The edge: the time from which on sessions are served, if those from `start` on are not.

        until: createdAt of a session that is served; None: none is shown, so the tier's documented
        history counts. Gives None if nothing is lost. Raises ApiError.
        """
        if until is None:
            edge = self.edge(now)
            lost = edge + self.dates.slack + self._margin
            return lost if self.dates.earliest(start) < edge else None
        shortest = now - tiers.FREE.history_days * DAY + 2 * MICROSECONDS
        low, high = start, max(start, min(until, shortest) + self.dates.slack)
        for days in (tiers.limits(self._budget.tier), tiers.PRO, tiers.FREE):
            edge = now - days.history_days * DAY
            for guess in (edge + MARGIN, edge - MARGIN):
                if low < guess < high:
                    low, high = await self._halved(low, high, guess, until)
        while high - low > 2 * MARGIN:
            low, high = await self._halved(low, high, (low + high) // 2, until)
        return high + self._margin - MARGIN

    async def _halved(self, low: int, high: int, middle: int, until: int) -> tuple[int, int]:
        return (low, middle) if await self.shows(middle, until) else (middle, high)

    def took(self, micros: int) -> None:
        """The edge overtook a walk that lasted `micros`: begin further inside it from now on."""
        self._margin = min(LONGEST_MARGIN, max(self._margin, 2 * micros))
