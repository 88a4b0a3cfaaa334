"""Counters and histograms that the exporter keeps about itself; they start anew with the process.

What is counted about sessions is not here: the ledger keeps that, with its state.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from exporter.metrics.model import Histogram, Metric, Sample


def _known(metric: Metric, known: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    values = [known.get(label, metric.known.get(label)) for label in metric.labels]
    if all(value is not None for value in values):
        yield from product(*(value for value in values if value is not None))


class Counter:
    """A family of counters, one per tuple of label values; known ones are 0 from the start.

    created: Unix seconds of the start of counting.
    known: label values known only at run time, on top of those of the catalogue.
    """

    def __init__(
        self, metric: Metric, created: float, known: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self.metric = metric
        self._created = created
        self._values: dict[tuple[str, ...], float] = {}
        self.expose(known or {})

    def expose(self, known: Mapping[str, tuple[str, ...]]) -> None:
        """Have a series for these label values, at 0 where there is none yet."""
        for labels in _known(self.metric, known):
            self._values.setdefault(labels, 0.0)

    def inc(self, *labels: str, by: float = 1.0) -> None:
        self._values[labels] = self._values.get(labels, 0.0) + by

    def value(self, *labels: str) -> float:
        return self._values.get(labels, 0.0)

    def samples(self) -> Iterable[Sample]:
        for labels, value in self._values.items():
            yield Sample(self.metric, value, labels, self._created)


class HistogramInstrument:
    """A family of histograms over the metric's bounds, one per tuple of label values."""

    def __init__(
        self, metric: Metric, created: float, known: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self.metric = metric
        self._created = created
        self._values: dict[tuple[str, ...], Histogram] = {}
        self.expose(known or {})

    def expose(self, known: Mapping[str, tuple[str, ...]]) -> None:
        """Have a series for these label values, empty where there is none yet."""
        for labels in _known(self.metric, known):
            self._values.setdefault(labels, Histogram.empty(self.metric.buckets))

    def observe(self, value: float, *labels: str) -> None:
        before = self._values.get(labels) or Histogram.empty(self.metric.buckets)
        self._values[labels] = before.observe(value)

    def samples(self) -> Iterable[Sample]:
        for labels, value in self._values.items():
            yield Sample(self.metric, value, labels, self._created)
