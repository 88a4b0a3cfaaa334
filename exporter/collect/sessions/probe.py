"""Narrow questions to the session list: what time it is by the API, and what its dates mean."""

from contextlib import aclosing

from exporter.api.answer import Api
from exporter.api.errors import InvalidResponseError, RequestTimeoutError, StatusError
from exporter.api.schema.session import InvalidSession, Session, decode_session
from exporter.api.serverclock import ServerClock
from exporter.api.times import DAY, MICROSECONDS, format_time
from exporter.api.walk import walk
from exporter.clock import Clock
from exporter.collect.sessions.dates import PATH, RESOURCE, Dates
from exporter.collect.sessions.widths import FAILED_NARROWEST, FIRST_WIDTH

REQUESTS = 3
"""Made, at most, to learn the API's time."""

SPARSE_WIDTH = 2 * DAY
"""Where sessions are few, a window so wide may hold enough of them to see what dates mean."""

FUTURE = DAY
"""A session created so far ahead of the API's clock is not counted yet. If it is less, a time zone
that was left out may be the reason, or a clock that is a little off."""

Items = list[Session | InvalidSession]
"""What a page shows."""


def created(items: Items) -> list[int]:
    """When the sessions among them were created."""
    return [it.created for it in items if isinstance(it, Session)]


class Probe:
    """Asks for one page of a narrow window, where nothing else has told what is to be known.

    dates: what is known of the API's date filters.
    """

    def __init__(self, api: Api, *, dates: Dates, server_clock: ServerClock, clock: Clock) -> None:
        self.dates = dates
        self._api = api
        self._server_clock = server_clock
        self._clock = clock
        self._width = FIRST_WIDTH

    async def now(self) -> int:
        """The API's time, Unix microseconds. Probes for it if no answer has told it yet.

        Raises ApiError.
        """
        for _ in range(REQUESTS):
            now = self._server_clock.at(self._clock.monotonic())
            if now is not None:
                return now
            try:
                await self.ask()
            except StatusError:
                # An error has a Date too, which may have set the clock.
                if self._server_clock.at(self._clock.monotonic()) is None:
                    raise
        raise InvalidResponseError(f"{RESOURCE}: no answer has carried a Date to be believed")

    def likely_now(self, now: int) -> int:
        """The likeliest time of the API; `now`, which it has surely reached, where none is."""
        return self._server_clock.likely(self._clock.monotonic()) or now

    @property
    def unsure(self) -> bool:
        """Whether something stands in for the API's clock, as no Date is believed yet."""
        return self._server_clock.stands_in

    @property
    def disputed(self) -> bool:
        """Whether the last Date was another than expected, and waits to be believed."""
        return self._server_clock.disputed

    async def ask(self, start: int | None = None, width: int | None = None) -> None:
        """Ask for a page of a narrow window; learn the API's time and a few sessions from it.

        start: where the window begins; None: it ends now.
        width: in microseconds; None: FIRST_WIDTH, halved each time that the server fails on it.
        Raises ApiError.
        """
        now = self._server_clock.at(self._clock.monotonic())
        now = round(self._clock.now() * MICROSECONDS) if now is None else now
        wide = width or self._width
        filters = {"startDate": format_time(now - wide if start is None else start)}
        if start is not None:
            filters["endDate"] = format_time(start + wide)
        try:
            async with aclosing(walk(self._api, PATH, filters, resource=RESOURCE)) as pages:
                page = await anext(pages)
        except (StatusError, RequestTimeoutError):
            # Even this window may be too wide for the server.
            if width is None:
                self._width = max(FAILED_NARROWEST, self._width // 2)
            raise
        items = [decode_session(item) for item in page.items]
        self.dates.note(items)
        at = self._server_clock.at(self._clock.monotonic())
        present = items if at is None else self.present(items, at)
        self.note_created(max(created(present), default=0))

    async def learn_dates(self) -> bool:
        """Find out whether date filters are exact, unless that is known.

        True only if this call found that they are.
        """
        if self.dates.exact is not None:
            return False
        await self.dates.ask(self._api)
        return not self.dates.coarse

    def present(self, items: Items, at: int) -> Items:
        """Those of a page read at the API's time `at` that were created by then.

        What stands in for the API's clock may be wrong by years, so then all are.
        """
        if self.unsure:
            return items
        last = at + FUTURE
        return [it for it in items if not isinstance(it, Session) or it.created <= last]

    def note_created(self, created: int) -> None:
        """Tell the clock that a session created then was listed: the API's clock has shown it."""
        self._server_clock.witness(created, self._clock.monotonic(), created=True)
