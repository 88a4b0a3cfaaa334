"""Counters and histograms that the exporter keeps about itself; they start anew with the process.

What is counted about sessions is not here: the ledger keeps that, with its state. A series is the
same sample, the object itself, for as long as it does not change: so nothing of it is made anew.
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import product
from typing import cast

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
        self._samples: dict[tuple[str, ...], Sample] = {}
        self.expose(known or {})

    def expose(self, known: Mapping[str, tuple[str, ...]]) -> None:
        """Have a series for these label values, at 0 where there is none yet."""
        for labels in _known(self.metric, known):
            if labels not in self._samples:
                self.inc(*labels, by=0.0)

    def inc(self, *labels: str, by: float = 1.0) -> None:
        value = self.value(*labels) + by
        self._samples[labels] = Sample(self.metric, value, labels, self._created)

    def value(self, *labels: str) -> float:
        sample = self._samples.get(labels)
        return 0.0 if sample is None else cast(float, sample.value)

    def samples(self) -> Collection[Sample]:
        return self._samples.values()


class HistogramInstrument:
    """A family of histograms over the metric's bounds, one per tuple of label values."""

    def __init__(
        self, metric: Metric, created: float, known: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self.metric = metric
        self._created = created
        self._samples: dict[tuple[str, ...], Sample] = {}
        self.expose(known or {})

    def expose(self, known: Mapping[str, tuple[str, ...]]) -> None:
        """Have a series for these label values, empty where there is none yet."""
        for labels in _known(self.metric, known):
            if labels not in self._samples:
                self._show(Histogram.empty(self.metric.buckets), labels)

    def observe(self, value: float, *labels: str) -> None:
        sample = self._samples.get(labels)
        empty = Histogram.empty(self.metric.buckets)
        before = empty if sample is None else cast(Histogram, sample.value)
        self._show(before.observe(value), labels)

    def _show(self, value: Histogram, labels: tuple[str, ...]) -> None:
        self._samples[labels] = Sample(self.metric, value, labels, self._created)

    def samples(self) -> Collection[Sample]:
        return self._samples.values()
