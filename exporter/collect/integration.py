"""The integration resource: does the key resolve. It publishes nothing of what the answer says.

The region and the tier, which `isnotai_integration_info` shows, come from the settings and from a
header; the answer may hold names, so none of it is read.
"""

from exporter.api.body import KIB, Bounds
from exporter.api.schema.integration import check_integration
from exporter.collect.resource import Resource
from exporter.polling.collector import Api, Publish


class Integration:
    """Reads `/v1/integration`, for `isnotai_resource_up{resource="integration"}` alone."""

    resource = "integration"

    def __init__(self, *, api: Api) -> None:
        self._api = api

    async def update(self, publish: Publish) -> None:
        """Raises ApiError."""
        answer = await self._api.get("/v1/integration", resource=self.resource)
        check_integration(answer.body)
        publish(self.resource, ())


RESOURCE = Resource(
    "integration",
    lambda context: Integration(api=context.api),
    bounds=Bounds(256 * KIB, 5_000),
)
