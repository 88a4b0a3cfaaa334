"""The instruments that watch one integration: its requests, its polls, what did not decode."""

from collections.abc import Iterable
from itertools import chain

from exporter.metrics import catalogue
from exporter.metrics.instruments import Counter, HistogramInstrument
from exporter.metrics.model import Reading


class Telemetry:
    """Counters and histograms of one integration.

    created: Unix seconds of the process's start.
    resources: the resources that are polled; their series are 0 from the start.
    expected: by when each resource's last request should be done (monotonic), waits included.
    dropped: the exporter-wide counter of folded label values, shared by all integrations.
    """

    def __init__(self, created: float, resources: tuple[str, ...], dropped: Counter) -> None:
        known = {"resource": resources}
        self.polls = Counter(catalogue.POLLS, created, known)
        self.poll_duration = HistogramInstrument(catalogue.POLL_DURATION, created, known)
        self.requests = Counter(catalogue.API_REQUESTS, created, known)
        self.request_duration = HistogramInstrument(catalogue.API_REQUEST_DURATION, created, known)
        self.invalid_responses = Counter(catalogue.API_INVALID_RESPONSES, created, known)
        self.invalid_items = Counter(catalogue.API_INVALID_ITEMS, created, known)
        self.dropped = dropped
        self.expected: dict[str, float] = {}

    def expect(self, resource: str, by: float) -> None:
        """A request of the resource may rightly take until then, waits included (monotonic)."""
        self.expected[resource] = by

    def readings(self) -> Iterable[Reading]:
        return chain(
            self.polls.readings(),
            self.poll_duration.readings(),
            self.requests.readings(),
            self.request_duration.readings(),
            self.invalid_responses.readings(),
            self.invalid_items.readings(),
        )


def dropped_counter(created: float) -> Counter:
    """The counter of label values that a bound folded, 0 for every bounded family."""
    families = tuple(metric.name for metric in catalogue.BOUNDED)
    return Counter(catalogue.EXPORTER_SERIES_DROPPED, created, {"family": families})
