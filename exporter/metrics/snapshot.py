"""The snapshot: all that is exposed at one moment, immutable, shared by every output.

It is built whole and swapped in one assignment, so that no reader ever sees half of one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from exporter.metrics import catalogue
from exporter.metrics.model import Histogram, Metric, Sample, Value


class DuplicateSeriesError(ValueError):
    """Two samples of one snapshot name the same series; a defect of whoever made them."""


@dataclass(frozen=True, slots=True)
class Point:
    """One series: all its label values in the order of `Metric.label_names`, and its value."""

    labels: tuple[str, ...]
    value: Value
    created: float | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """A metric and its series now, in a stable order."""

    metric: Metric
    points: tuple[Point, ...]

    @property
    def series(self) -> int:
        """How many Prometheus series the family makes, buckets, sum and count included."""
        return sum(
            len(point.value.counts) + 2 if isinstance(point.value, Histogram) else 1
            for point in self.points
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every family that has series. `taken` is Unix seconds of our clock."""

    families: tuple[Family, ...]
    taken: float

    def family(self, metric: Metric) -> Family | None:
        """The family of `metric`, or None while it has no series."""
        return next((family for family in self.families if family.metric is metric), None)

    @property
    def series(self) -> int:
        return sum(family.series for family in self.families)


@dataclass(frozen=True, slots=True)
class Group:
    """Readings that share the value of `integration`; None for the exporter's own."""

    integration: str | None
    samples: Iterable[Sample]


def build(groups: Iterable[Group], taken: float) -> Snapshot:
    """A snapshot of all samples, families in the catalogue's order, series sorted by labels.

    Adds `isnotai_exporter_series`, which counts the series of the snapshot, itself included.
    Raises DuplicateSeriesError where two samples name one series.
    """
    points: dict[Metric, dict[tuple[str, ...], Point]] = {}
    for group in groups:
        for sample in group.samples:
            metric = sample.metric
            own = (group.integration,) if group.integration is not None else ()
            labels = (*own, *sample.labels)
            if len(labels) != len(metric.label_names):
                raise ValueError(f"{metric.name} wants labels {metric.label_names}, got {labels}")
            series = points.setdefault(metric, {})
            if labels in series:
                raise DuplicateSeriesError(f"{metric.name}{labels} was read twice")
            series[labels] = Point(labels, sample.value, sample.created)
    families = [
        Family(metric, tuple(points[metric][labels] for labels in sorted(points[metric])))
        for metric in catalogue.METRICS
        if metric in points
    ]
    count = sum(family.series for family in families) + 1
    families.append(Family(catalogue.EXPORTER_SERIES, (Point((), float(count)),)))
    families.sort(key=lambda family: catalogue.ORDER[family.metric])
    return Snapshot(tuple(families), taken)
