"""The instruments that watch one integration: its requests, its polls, what did not decode."""

from collections.abc import Iterator

from exporter.metrics import catalogue
from exporter.metrics.instruments import Counter, HistogramInstrument
from exporter.metrics.model import Sample


class Telemetry:
    """Counters and histograms of one integration.

    created: Unix seconds of the process's start.
    resources: the resources that are polled; their series are 0 from the start.
    dropped: the exporter-wide counter of folded label values, shared by all integrations.
    """

    def __init__(self, created: float, resources: tuple[str, ...], dropped: Counter) -> None:
        self.polls = Counter(catalogue.POLLS, created)
        self.poll_duration = HistogramInstrument(catalogue.POLL_DURATION, created)
        self.requests = Counter(catalogue.API_REQUESTS, created)
        self.request_duration = HistogramInstrument(catalogue.API_REQUEST_DURATION, created)
        self.invalid_responses = Counter(catalogue.API_INVALID_RESPONSES, created)
        self.invalid_items = Counter(catalogue.API_INVALID_ITEMS, created)
        self.dropped = dropped
        self.watch(resources)

    def watch(self, resources: tuple[str, ...]) -> None:
        """Show these resources from now on, and no other; what was counted before is kept."""
        self._resources = resources
        for instrument in self._instruments():
            instrument.expose({"resource": resources})

    def samples(self) -> Iterator[Sample]:
        for instrument in self._instruments():
            for sample in instrument.samples():
                if sample.labels[0] in self._resources:
                    yield sample

    def _instruments(self) -> tuple[Counter | HistogramInstrument, ...]:
        """Those whose first label is the resource."""
        return (
            self.polls,
            self.poll_duration,
            self.requests,
            self.request_duration,
            self.invalid_responses,
            self.invalid_items,
        )


def dropped_counter(created: float) -> Counter:
    """The counter of label values that a bound folded, 0 for every bounded family."""
    families = tuple(metric.name for metric in catalogue.BOUNDED)
    return Counter(catalogue.EXPORTER_SERIES_DROPPED, created, {"family": families})
