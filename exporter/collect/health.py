"""The health resource: is the API there, and which version. It needs no key.

An API that answers and calls itself unhealthy has answered: the poll is a success, and the log
says what the API said of itself.
"""

from collections.abc import Callable

from exporter.api.body import KIB, Bounds
from exporter.api.schema.health import read_health
from exporter.collect.resource import Context, Resource
from exporter.log import get_logger
from exporter.metrics import catalogue
from exporter.metrics.model import Sample
from exporter.polling.collector import Api, Publish

log = get_logger(__name__)


class Health:
    """Reads `/health`.

    on_time: told the API's time, as /health says it: a witness of the API's clock.

    Publishes `isnotai_api_info{version="1.0.17.0"} 1`.
    """

    resource = "health"

    def __init__(self, *, api: Api, on_time: Callable[[int], None] = lambda time: None) -> None:
        self._api = api
        self._on_time = on_time
        self._healthy = True

    async def update(self, publish: Publish) -> None:
        """Raises ApiError."""
        answer = await self._api.get("/health", resource=self.resource)
        report = read_health(answer.body)
        if report.healthy != self._healthy:
            self._healthy = report.healthy
            log.warning("api_health_changed", healthy=report.healthy)
        if report.time is not None:
            self._on_time(report.time)
        version = report.version_label
        samples = () if version is None else (Sample(catalogue.API_INFO, 1.0, (version,)),)
        publish(self.resource, samples)


def _collector(context: Context) -> Health:
    def witness(time: int) -> None:
        context.server_clock.witness(time, context.clock.monotonic())

    return Health(api=context.api, on_time=witness)


RESOURCE = Resource("health", _collector, bounds=Bounds(64 * KIB, 1_000), keyless=True)
