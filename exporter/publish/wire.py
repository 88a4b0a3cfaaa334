"""The families as prometheus-client has them, and what its own writers make of them."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Literal, cast

from prometheus_client import exposition as text_format
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as WireFamily
from prometheus_client.openmetrics import exposition as openmetrics_format
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar as WireExemplar
from prometheus_client.utils import floatToGoString

from exporter.metrics.model import Exemplar, Histogram, Metric
from exporter.metrics.snapshot import Family, Point
from exporter.publish.text import utf8

Format = Literal["text", "openmetrics"]

# The names that OpenMetrics wants a family's name to end in, by UCUM unit.
_UNIT_SUFFIXES = {"s": "seconds", "By": "bytes", "1": "ratio"}

# "The combined length of the label names and values of an Exemplar's LabelSet MUST NOT exceed
# 128 UTF-8 character code points" (OpenMetrics 1.0, Exemplars).
_EXEMPLAR_RUNES = 128

# prometheus-client leaves these untyped.
go_float = cast(Callable[[float], str], floatToGoString)
_write_openmetrics = cast(Callable[..., bytes], openmetrics_format.generate_latest)

END_MARK = b"# EOF\n"


@cache
def edges(bounds: tuple[float, ...]) -> tuple[str, ...]:
    """The bounds of a histogram's buckets as they are written, that of the last included."""
    return (*map(go_float, bounds), "+Inf")


@cache
def head(metric: Metric, form: Format) -> bytes:
    """The lines before a family's samples: help, type and, in OpenMetrics, unit."""
    empty = [wire_family(Family.of(metric, ()))]
    return text(empty) if form == "text" else openmetrics(empty)


def text(families: Sequence[WireFamily]) -> bytes:
    """The families in the text format."""
    return text_format.generate_latest(_Families([_without_created(one) for one in families]))


def openmetrics(families: Sequence[WireFamily]) -> bytes:
    """The families as OpenMetrics, without its end mark."""
    # Every name is valid as it is. Any other escaping gives the same bytes in twice the time.
    written = _write_openmetrics(_Families(families), escaping=openmetrics_format.ALLOWUTF8)
    return written.removesuffix(END_MARK)


class _Families(Collector):
    """Families ready made, in the shape that prometheus-client's writers ask for."""

    def __init__(self, families: Iterable[WireFamily]) -> None:
        self._families = families

    def collect(self) -> Iterable[WireFamily]:
        return self._families


def _unit(metric: Metric) -> str:
    """The OpenMetrics unit, where the name ends in it as the format requires."""
    unit = _UNIT_SUFFIXES.get(metric.unit, "")
    return unit if unit and metric.name.endswith(f"_{unit}") else ""


def wire_family(family: Family) -> WireFamily:
    """The family as the writers read it. Raises TypeError for a value of another kind."""
    metric = family.metric
    if metric.kind == "counter":
        counter = CounterMetricFamily(
            metric.name, metric.help, labels=metric.label_names, unit=_unit(metric)
        )
        for point in family.points:
            counter.add_metric(_labels(point), _number(metric, point), created=point.created)
        return counter
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(
            metric.name, metric.help, labels=metric.label_names, unit=_unit(metric)
        )
        for point in family.points:
            _add_histogram(histogram, metric, point)
        return histogram
    gauge = GaugeMetricFamily(
        metric.name, metric.help, labels=metric.label_names, unit=_unit(metric)
    )
    for point in family.points:
        gauge.add_metric(_labels(point), _number(metric, point))
    return gauge


def _add_histogram(family: HistogramMetricFamily, metric: Metric, point: Point) -> None:
    value = point.value
    if not isinstance(value, Histogram):
        raise TypeError(f"{metric.name} is a histogram, but holds {value!r}")
    bounds = edges(value.bounds)
    exemplars = value.exemplars or (None,) * len(bounds)
    buckets: list[tuple[str, float] | tuple[str, float, WireExemplar]] = []
    for edge, count, exemplar in zip(bounds, value.cumulative, exemplars, strict=True):
        wire = _wire_exemplar(exemplar)
        buckets.append((edge, count) if wire is None else (edge, count, wire))
    labels = _labels(point)
    family.add_metric(labels, buckets, value.sum)
    if point.created is not None:
        names = dict(zip(metric.label_names, labels, strict=True))
        family.add_sample(f"{metric.name}_created", names, point.created)


def _wire_exemplar(exemplar: Exemplar | None) -> WireExemplar | None:
    """The exemplar as the writer wants it; None where the format has no room for it."""
    if exemplar is None:
        return None
    labels = {name: utf8(value) for name, value in exemplar.labels}
    if sum(len(name) + len(value) for name, value in labels.items()) > _EXEMPLAR_RUNES:
        return None
    return WireExemplar(labels, exemplar.value, exemplar.timestamp)


def _number(metric: Metric, point: Point) -> float:
    if isinstance(point.value, Histogram):
        raise TypeError(f"{metric.name} is a {metric.kind}, but holds a histogram")
    return point.value


def _labels(point: Point) -> list[str]:
    return [utf8(value) for value in point.labels]


def _without_created(family: WireFamily) -> WireFamily:
    """`family` as the text format knows it, in which `_created` would be one more series."""
    if family.type not in ("counter", "histogram"):
        return family
    plain = WireFamily(family.name, family.documentation, family.type, family.unit)
    created = f"{family.name}_created"
    plain.samples = [sample for sample in family.samples if sample.name != created]
    return plain
