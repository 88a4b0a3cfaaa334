"""Service discovery: each integration as a target of its own, for Prometheus' http_sd_configs.

So each is scraped alone, with its own time-out, and by whichever of several Prometheus servers it
is assigned to. Source: prometheus.io/docs/prometheus/latest/http_sd.
"""

import re
from collections.abc import Iterable

PARAMETER = "integration"
"""The query parameter of the metrics path that names what is wanted."""

_HOST = re.compile(r"[A-Za-z0-9_.~%-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.%]+\](:[0-9]{1,5})?")


class UnusableHostError(ValueError):
    """The request does not say under which address it reached us."""


def targets(
    host: str | None, scheme: str, telemetry_path: str, integrations: Iterable[str]
) -> list[dict[str, object]]:
    """The target groups, one for each integration.

    host: the Host header of the request: where Prometheus reached this exporter, and so can
    scrape it. Raises UnusableHostError where it names no host.
    """
    if host is None or len(host) > 260 or not _HOST.fullmatch(host):
        raise UnusableHostError("the Host header names no host")
    common = {}
    # What differs from Prometheus' own defaults; set here, it wins over the scrape configuration.
    if scheme != "http":
        common["__scheme__"] = scheme
    if telemetry_path != "/metrics":
        common["__metrics_path__"] = telemetry_path
    return [
        {
            "targets": [host],
            "labels": {
                f"__param_{PARAMETER}": name,
                # Else the series that Prometheus makes itself, such as `up`, would be the same.
                "instance": f"{host}/{name}",
                **common,
            },
        }
        for name in integrations
    ]
