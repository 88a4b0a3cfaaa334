"""The stats resource: whatever numbers the API counts, each named by its path in the answer.

Which ones are kept does not depend on their values, so that no series comes and goes.
"""

from fnmatch import fnmatchcase

from exporter.api.body import KIB, Bounds
from exporter.api.schema.stats import read_stats
from exporter.collect.resource import Context, Resource
from exporter.log import get_logger
from exporter.metrics import bounds, catalogue
from exporter.metrics.model import Sample
from exporter.metrics.telemetry import Telemetry
from exporter.polling.collector import Api, Publish

log = get_logger(__name__)

MOST_REPORTED = 20
"""So many ambiguous names are logged at once."""


class Stats:
    """Reads `/v1/stats`.

    include: patterns (`*`, `?`, `[a-z]`) of the stat names to keep; None keeps all.

    `{"totalSessions": 9, "bots": {"high": 2}}` gives `isnotai_stats{stat="total_sessions"} 9` and
    `isnotai_stats{stat="bots_high"} 2`.
    """

    resource = "stats"

    def __init__(
        self, *, api: Api, telemetry: Telemetry, include: tuple[str, ...] | None = None
    ) -> None:
        self._api = api
        self._telemetry = telemetry
        self._include = include
        self._ambiguous: frozenset[str] = frozenset()

    async def update(self, publish: Publish) -> None:
        """Raises ApiError."""
        answer = await self._api.get("/v1/stats", resource=self.resource)
        stats = read_stats(answer.body)
        self._report(frozenset(filter(self._wanted, stats.ambiguous)))
        wanted = {name: stats.values[name] for name in filter(self._wanted, stats.values)}
        values = bounds.first_by_name(catalogue.STATS, wanted, self._telemetry.dropped)
        publish(
            self.resource,
            [Sample(catalogue.STATS, value, (name,)) for name, value in values.items()],
        )

    def _wanted(self, name: str) -> bool:
        return self._include is None or any(fnmatchcase(name, glob) for glob in self._include)

    def _report(self, ambiguous: frozenset[str]) -> None:
        """Name each stat that two paths share, once for as long as they do."""
        for name in sorted(ambiguous - self._ambiguous)[:MOST_REPORTED]:
            log.warning("stat_ambiguous", stat=name)
        self._ambiguous = ambiguous


def _collector(context: Context) -> Stats:
    include = context.settings.stats.include
    return Stats(api=context.api, telemetry=context.telemetry, include=include)


RESOURCE = Resource(
    "stats",
    _collector,
    reads=lambda settings: settings.stats,
    bounds=Bounds(256 * KIB, 10_000),
)
