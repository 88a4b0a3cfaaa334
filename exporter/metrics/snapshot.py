"""The snapshot: all that is exposed at one moment, immutable, shared by every output.

It is made of parts, one for each integration and one for the exporter itself. A poll makes one part
anew, whole, and the others stay as they are; no reader ever sees half of one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from exporter.metrics import catalogue
from exporter.metrics.model import Histogram, Metric, Sample, Value


class DuplicateSeriesError(ValueError):
    """Two samples of one snapshot name the same series; a defect of whoever made them."""


class Point(NamedTuple):
    """One series: all its label values in the order of `Metric.label_names`, and its value."""

    labels: tuple[str, ...]
    value: Value
    created: float | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """A metric and its series now, in a stable order: a column for each thing that they have.

    Plain tuples of plain values, as the garbage collector then has nothing to look at: objects for
    a million series would hold the process up for a second each time.
    """

    metric: Metric
    labels: tuple[tuple[str, ...], ...]
    values: tuple[Value, ...]
    created: tuple[float | None, ...]

    @classmethod
    def of(cls, metric: Metric, points: Iterable[Point]) -> "Family":
        points = [*points]
        return cls(metric, *(zip(*points, strict=True) if points else ((), (), ())))

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(map(Point, self.labels, self.values, self.created))

    @property
    def series(self) -> int:
        """How many Prometheus series the family makes, buckets, sum and count included."""
        return sum(
            len(value.counts) + 2 if isinstance(value, Histogram) else 1 for value in self.values
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Readings that share the value of `integration`; None for the exporter's own."""

    integration: str | None
    samples: Iterable[Sample]


@dataclass(frozen=True, slots=True)
class Part:
    """The families of one integration, in the catalogue's order; None for the exporter's own."""

    integration: str | None
    families: tuple[Family, ...]

    @property
    def series(self) -> int:
        return sum(family.series for family in self.families)


@dataclass(frozen=True)
class Snapshot:
    """All parts, by the integrations' names. `taken` is Unix seconds of our clock."""

    parts: tuple[Part, ...]
    taken: float

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """Every family that has series, in the catalogue's order, its series sorted by labels."""
        points: dict[Metric, list[Point]] = {}
        for part in self.parts:
            for family in part.families:
                points.setdefault(family.metric, []).extend(family.points)
        return tuple(
            Family.of(metric, points[metric]) for metric in catalogue.METRICS if metric in points
        )

    def family(self, metric: Metric) -> Family | None:
        """The family of `metric`, or None while it has no series."""
        return next((family for family in self.families if family.metric is metric), None)

    @property
    def series(self) -> int:
        return sum(part.series for part in self.parts)


def build_part(group: Group) -> Part:
    """A part of all samples, families in the catalogue's order, series sorted by labels.

    Raises DuplicateSeriesError where two samples name one series.
    """
    own = () if group.integration is None else (group.integration,)
    points: dict[Metric, dict[tuple[str, ...], Point]] = {}
    for sample in group.samples:
        metric = sample.metric
        labels = (*own, *sample.labels)
        if len(labels) != len(metric.label_names):
            raise ValueError(f"{metric.name} wants labels {metric.label_names}, got {labels}")
        series = points.setdefault(metric, {})
        if labels in series:
            raise DuplicateSeriesError(f"{metric.name}{labels} was read twice")
        series[labels] = Point(labels, sample.value, sample.created)
    families = (
        Family.of(metric, (points[metric][labels] for labels in sorted(points[metric])))
        for metric in sorted(points, key=catalogue.ORDER.__getitem__)
    )
    return Part(group.integration, tuple(families))


def with_series(own: Part, others: int) -> Part:
    """The exporter's own part with `isnotai_exporter_series`, which counts the series of all parts.

    others: how many series the other parts have; its own, and that number, come on top.
    """
    count = Family.of(catalogue.EXPORTER_SERIES, [Point((), float(others + own.series + 1))])
    families = (*own.families, count)
    return Part(None, tuple(sorted(families, key=lambda family: catalogue.ORDER[family.metric])))


def build(groups: Iterable[Group], taken: float) -> Snapshot:
    """A snapshot of these groups, of which no two have the same integration.

    Raises DuplicateSeriesError where two samples name one series.
    """
    parts: dict[str | None, Part] = {}
    for group in groups:
        if group.integration in parts:
            raise DuplicateSeriesError(f"{group.integration} was read twice")
        parts[group.integration] = build_part(group)
    own = parts.pop(None, Part(None, ()))
    names = sorted(name for name in parts if name is not None)
    others = sum(part.series for part in parts.values())
    return Snapshot((*(parts[name] for name in names), with_series(own, others)), taken)
