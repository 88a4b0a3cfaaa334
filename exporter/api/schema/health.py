"""`GET /health`: a flat object, without envelope, that needs no key."""

import re

from exporter.api.schema.decode import Shape, decoded
from exporter.api.times import parse_time
from exporter.metrics.model import OTHER

# It begins with a number, as no name and no key does.
_VERSION = re.compile(r"v?[0-9][0-9A-Za-z.+_-]{0,63}")


class HealthReport(Shape):
    """How the API says it is; each field may be missing."""

    status: str | None = None
    version: str | None = None
    timestamp: object = None

    @property
    def healthy(self) -> bool:
        """False only where the API gives a status and it is not `healthy`."""
        return self.status is None or self.status.lower() == "healthy"

    @property
    def time(self) -> int | None:
        """The API's time, microseconds since 1970, where it gives one that can be read."""
        try:
            return parse_time(self.timestamp) if isinstance(self.timestamp, str) else None
        except ValueError:
            return None

    @property
    def version_label(self) -> str | None:
        """The version, fit for a label: a digit and at most 63 of `0-9A-Za-z.+_-`, else `other`."""
        if self.version is None:
            return None
        return self.version if _VERSION.fullmatch(self.version) else OTHER


def read_health(body: object) -> HealthReport:
    """Raises InvalidResponseError where `body` is not such an object."""
    return decoded(HealthReport, body, "health")
