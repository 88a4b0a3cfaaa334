"""The vocabulary of measurement: a declared metric, one sample of it, and a histogram's value.

Plain immutable values. Nothing here knows the Not AI API, a wire format or a clock.

What there is once for each series is a struct of msgspec's that the garbage collector does not
look at: none can be part of a cycle, and a pass over objects for a million series would hold the
process up for a second.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct

Kind = Literal["counter", "gauge", "histogram"]

INTEGRATION = "integration"
OTHER = "other"


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric, declared once; the docs, the OTel name and the drift checks follow from it.

    name: the Prometheus family name; a counter's without `_total`.
    otel: the OpenTelemetry name, which Prometheus' standard translation turns into `name`.
    unit: UCUM: `s`, `By`, `1`, an annotation such as `{session}`, or empty.
    labels: besides `integration`, which every metric has unless `per_integration` is false.
    buckets: of a histogram: upper bounds, ascending, without +Inf.
    max_values: how many values the open label may have; more are folded into `other`.
    known: values of a label that are exposed from the start, at 0.
    """

    name: str
    kind: Kind
    help: str
    otel: str
    unit: str = ""
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    max_values: int | None = None
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    per_integration: bool = True
    label_names: tuple[str, ...] = field(init=False)
    """All label names in exposition order, `integration` first where it is carried."""

    def __post_init__(self) -> None:
        own = (INTEGRATION,) if self.per_integration else ()
        object.__setattr__(self, "label_names", (*own, *self.labels))

    @property
    def exposed_name(self) -> str:
        """The name that queries use: a counter's ends in `_total`."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


class Exemplar(Struct, frozen=True, gc=False):
    """One observation that stands for its bucket. `timestamp` is Unix seconds."""

    labels: tuple[tuple[str, str], ...]
    value: float
    timestamp: float


def bucket(bounds: tuple[float, ...], value: float) -> int:
    """The index of the first bucket whose bound is not below the value; the last is +Inf's."""
    return bisect_left(bounds, value)


class Histogram(Struct, frozen=True, gc=False):
    """A histogram's state. `counts` holds one number a bucket, not cumulated, +Inf last."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float
    exemplars: tuple[Exemplar | None, ...] = ()

    @classmethod
    def empty(cls, bounds: tuple[float, ...]) -> "Histogram":
        return cls(bounds, (0,) * (len(bounds) + 1), 0.0)

    @property
    def count(self) -> int:
        return sum(self.counts)

    @property
    def cumulative(self) -> tuple[int, ...]:
        """Counts of observations at or below each bound, the last being all of them."""
        total, running = [], 0
        for count in self.counts:
            running += count
            total.append(running)
        return tuple(total)

    def observe(self, value: float, exemplar: Exemplar | None = None) -> "Histogram":
        """A new histogram with `value` in the first bucket whose bound is not below it."""
        index = bisect_left(self.bounds, value)
        counts = list(self.counts)
        counts[index] += 1
        exemplars = list(self.exemplars or (None,) * len(counts))
        if exemplar is not None:
            exemplars[index] = exemplar
        kept = tuple(exemplars) if any(exemplars) else ()
        return Histogram(self.bounds, tuple(counts), self.sum + value, kept)


Value = float | Histogram


class Sample(Struct, frozen=True, gc=False):
    """One number read: the metric, its label values (without `integration`) and the value.

    created: when a counter or histogram started at 0, Unix seconds; None for gauges.
    """

    metric: Metric
    value: Value
    labels: tuple[str, ...] = ()
    created: float | None = None
