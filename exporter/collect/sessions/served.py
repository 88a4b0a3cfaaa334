"""The stretch of time that the API serves: from the edge of its tier's history until its own now.

Both are learned from answers; where none has told them yet, the smallest page is asked for. It
decides nothing about what is read, or given up.
"""

from exporter.api import tiers
from exporter.api.budget import Budget
from exporter.api.errors import InvalidResponseError
from exporter.api.serverclock import ServerClock
from exporter.api.times import DAY, MICROSECONDS
from exporter.clock import Clock
from exporter.polling.collector import Api

DATES_WANTED = 2
"""A first Date that is far off our clock is believed when a second one agrees."""

TIER_PROBES = 3
"""So many answers without a tier, before history is given up as that of the smallest tier."""

HISTORY_MARGIN = 60 * MICROSECONDS
LONGEST_MARGIN = 3600 * MICROSECONDS
"""How near to the end of the history a walk begins: a minute, and twice as far each time that was
too near."""


def _doubled(margin: int) -> int:
    return min(2 * margin, LONGEST_MARGIN)


class Served:
    """What one key may read of a list.

    path, resource: of the list that is asked for its headers.
    """

    def __init__(
        self,
        api: Api,
        path: str,
        *,
        resource: str,
        budget: Budget,
        server_clock: ServerClock,
        clock: Clock,
    ) -> None:
        self._api = api
        self._path = path
        self._resource = resource
        self._budget = budget
        self._server_clock = server_clock
        self._clock = clock
        self._probed = False
        self._margin = self._lost_margin = HISTORY_MARGIN

    async def now(self) -> int:
        """The API's time, Unix microseconds; asked for where no answer has told it yet.

        The same answer tells the tier, on which the history depends. Raises ApiError.
        """
        if not self._probed:
            await self.probe()
            self._probed = True
        for _ in range(DATES_WANTED):
            if self._server_clock.at(self._clock.monotonic()) is None:
                await self.probe()
        now = self._server_clock.at(self._clock.monotonic())
        if now is None:
            raise InvalidResponseError(
                f"{self._resource}: no answer has carried a Date to be believed"
            )
        return now

    async def probe(self) -> None:
        """The smallest answer there is, for its headers. Raises ApiError."""
        await self._api.get(self._path, {"pageSize": "1"}, resource=self._resource)

    def edge(self, now: int) -> int:
        """From when on the API still serves sessions; an unknown tier counts as free."""
        return now - tiers.limits(self._budget.tier).history_days * DAY

    def serves(self, start: int, now: int) -> bool:
        """Whether a walk from `start` lies within the history; startDate has whole seconds only."""
        return start - MICROSECONDS >= self.edge(now)

    def start(self, now: int) -> int:
        """From when on they are read: what is about to leave the history is not begun with."""
        return self.edge(now) + self._margin

    def lost(self, now: int) -> int:
        """Before when all is given up that was never read."""
        return self.edge(now) + self._lost_margin

    async def surely_lost(self, now: int, reached: int) -> int:
        """As `lost`, where that may lie past `reached`.

        What is given up is lost, and one answer without the tier is not a reason for that; so a few
        more are asked for. Raises ApiError.
        """
        for _ in range(TIER_PROBES):
            if self._budget.tier is not None or reached >= self.lost(now):
                break
            await self.probe()
        return self.lost(now)

    def retreat(self, *, unread: bool) -> None:
        """Begin further within the history from now on; a walk was overtaken by its edge.

        unread: it began with what was never read, so that what is given up begins further on, too.
        """
        if unread:
            self._lost_margin = _doubled(self._lost_margin)
        self._margin = max(_doubled(self._margin), self._lost_margin)
