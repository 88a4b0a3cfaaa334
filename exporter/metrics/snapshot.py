"""The snapshot: all that is exposed at one moment, immutable, shared by every output.

It is made of parts, one for each integration and one for the exporter itself. A poll makes one part
anew, whole, and the others stay as they are; no reader ever sees half of one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from msgspec import Struct

from exporter.metrics import catalogue
from exporter.metrics.model import Histogram, Metric, Sample, Value


class DuplicateSeriesError(ValueError):
    """Two samples of one snapshot name the same series; a defect of whoever made them."""


class Point(NamedTuple):
    """One series: all its label values in the order of `Metric.label_names`, and its value."""

    labels: tuple[str, ...]
    value: Value
    created: float | None = None


class Family(Struct, frozen=True, gc=False):
    """A metric and its series now, in a stable order: a column for each thing that they have.

    Plain tuples of plain values, at which the garbage collector does not look, as in `model`.
    """

    metric: Metric
    labels: tuple[tuple[str, ...], ...]
    values: tuple[Value, ...]
    created: tuple[float | None, ...]

    @classmethod
    def of(cls, metric: Metric, points: Iterable[Point]) -> "Family":
        points = [*points]
        return cls(metric, *(zip(*points, strict=True) if points else ((), (), ())))

    def changed(self, own: tuple[str, ...], samples: Iterable[Sample]) -> "Family":
        """The same series, some with other values. own: the first labels of each."""
        values, created = [*self.values], [*self.created]
        for sample in samples:
            place = self.labels.index((*own, *sample.labels))
            values[place], created[place] = sample.value, sample.created
        return Family(self.metric, self.labels, tuple(values), tuple(created))

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
    """The families of one integration, in the catalogue's order; None for the exporter's own.

    samples: what it was made of, by which the next one of that integration is seen to be the same.
    """

    integration: str | None
    families: tuple[Family, ...]
    samples: tuple[Sample, ...] = field(default=(), compare=False, repr=False)

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


def build_part(group: Group, last: Part | None = None) -> Part:
    """A part of all samples, families in the catalogue's order, series sorted by labels.

    last: the same integration's part before. Its families are taken over where no sample of theirs
    changed, and it is the part itself where none did.
    Raises DuplicateSeriesError where two samples name one series.
    """
    own = () if group.integration is None else (group.integration,)
    samples = tuple(group.samples)
    last = last or Part(group.integration, ())
    changed = _changed(samples, last.samples)
    if changed is None:
        return Part(group.integration, tuple(_families(own, samples, last)), samples)
    if not changed:
        return last
    families = (
        family.changed(own, changed[family.metric]) if family.metric in changed else family
        for family in last.families
    )
    return Part(group.integration, tuple(families), samples)


def _changed(
    samples: Sequence[Sample], last: Sequence[Sample]
) -> Mapping[Metric, Sequence[Sample]] | None:
    """The samples that changed, by metric; None where series came, went or changed places."""
    if len(samples) != len(last):
        return None
    changed = defaultdict[Metric, list[Sample]](list)
    for sample, before in zip(samples, last, strict=True):
        if sample is not before and sample != before:
            if sample.metric is not before.metric or sample.labels != before.labels:
                return None
            changed[sample.metric].append(sample)
    return changed


def _families(own: tuple[str, ...], samples: Iterable[Sample], last: Part) -> Iterator[Family]:
    """The families of these samples; those of `last` that had the same ones."""
    known = {family.metric: family for family in last.families}
    found, before = _by_metric(samples), _by_metric(last.samples)
    for metric in sorted(found, key=catalogue.ORDER.__getitem__):
        same = found[metric] == before.get(metric)
        yield known[metric] if same else _family(metric, own, found[metric])


def _by_metric(samples: Iterable[Sample]) -> Mapping[Metric, list[Sample]]:
    found = defaultdict[Metric, list[Sample]](list)
    for sample in samples:
        found[sample.metric].append(sample)
    return found


def _family(metric: Metric, own: tuple[str, ...], samples: Iterable[Sample]) -> Family:
    points: dict[tuple[str, ...], Point] = {}
    for sample in samples:
        labels = (*own, *sample.labels)
        if len(labels) != len(metric.label_names):
            raise ValueError(f"{metric.name} wants labels {metric.label_names}, got {labels}")
        if labels in points:
            raise DuplicateSeriesError(f"{metric.name}{labels} was read twice")
        points[labels] = Point(labels, sample.value, sample.created)
    return Family.of(metric, (points[labels] for labels in sorted(points)))


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
