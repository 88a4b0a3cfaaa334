"""A snapshot as OpenTelemetry's metrics data, ready for the SDK's OTLP exporters.

The same numbers as the exposition: counters are cumulative monotonic sums, histograms keep their
explicit buckets, gauges are gauges. It is pure: no clock, no environment, no socket. It imports the
OpenTelemetry SDK, so only a process that pushes may import it.
"""

from collections.abc import Mapping
from typing import cast

from opentelemetry.sdk.metrics import Exemplar as SdkExemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    DataT,
    Gauge,
    HistogramDataPoint,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Histogram as SdkHistogram
from opentelemetry.sdk.metrics.export import Metric as SdkMetric
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.sdk.version import __version__ as sdk_version

from exporter.build import VERSION
from exporter.metrics.model import Exemplar, Histogram, Metric
from exporter.metrics.snapshot import Family, Point, Snapshot
from exporter.publish.text import utf8

SCOPE = InstrumentationScope("isnotai-exporter", VERSION)

# HistogramDataPoint's `min` and `max` are optional in OTLP, though the SDK types them as float;
# over a histogram's whole life nobody keeps them.
_UNKNOWN = cast(float, None)


def resource(attributes: Mapping[str, str], instance: str) -> Resource:
    """What sends the numbers; `attributes`, which the user set, win over `instance`.

    instance: `service.instance.id`, one value for as long as the process lives.
    """
    return Resource(
        {
            "service.instance.id": instance,
            "service.version": VERSION,
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": sdk_version,
            **attributes,
        }
    )


def metrics_data(snapshot: Snapshot, resource: Resource, started: float) -> MetricsData:
    """Every family of the snapshot, at the time at which it was taken.

    started: Unix seconds at which counting began where a point does not say itself.
    """
    metrics = [_metric(family, snapshot.taken, started) for family in snapshot.families]
    scope = ScopeMetrics(scope=SCOPE, metrics=metrics, schema_url="")
    return MetricsData([ResourceMetrics(resource=resource, scope_metrics=[scope], schema_url="")])


def _metric(family: Family, taken: float, started: float) -> SdkMetric:
    metric = family.metric
    time = _nanoseconds(taken)
    data: DataT
    match metric.kind:
        case "gauge":
            data = Gauge([_number_point(metric, point, 0, time) for point in family.points])
        case "counter":
            data = Sum(
                [
                    _number_point(metric, point, _start(point, taken, started), time)
                    for point in family.points
                ],
                AggregationTemporality.CUMULATIVE,
                is_monotonic=True,
            )
        case "histogram":
            data = SdkHistogram(
                [
                    _histogram_point(metric, point, _start(point, taken, started), time)
                    for point in family.points
                ],
                AggregationTemporality.CUMULATIVE,
            )
    return SdkMetric(metric.otel, metric.help, metric.unit, data)


def _start(point: Point, taken: float, started: float) -> int:
    """When the point began at 0, in Unix nanoseconds; never after `taken`, as OTLP demands."""
    return _nanoseconds(min(started if point.created is None else point.created, taken))


def _number_point(metric: Metric, point: Point, start: int, time: int) -> NumberDataPoint:
    if isinstance(point.value, Histogram):
        raise TypeError(f"{metric.name} is a {metric.kind}, but holds a histogram")
    return NumberDataPoint(
        attributes=_attributes(metric, point),
        start_time_unix_nano=start,
        time_unix_nano=time,
        # Always a double: a series must not change its type with its value.
        value=float(point.value),
    )


def _histogram_point(metric: Metric, point: Point, start: int, time: int) -> HistogramDataPoint:
    value = point.value
    if not isinstance(value, Histogram):
        raise TypeError(f"{metric.name} is a histogram, but holds {value!r}")
    return HistogramDataPoint(
        attributes=_attributes(metric, point),
        start_time_unix_nano=start,
        time_unix_nano=time,
        count=value.count,
        sum=float(value.sum),
        bucket_counts=value.counts,
        explicit_bounds=value.bounds,
        min=_UNKNOWN,
        max=_UNKNOWN,
        exemplars=[_exemplar(exemplar) for exemplar in value.exemplars if exemplar is not None],
    )


def _exemplar(exemplar: Exemplar) -> SdkExemplar:
    return SdkExemplar(
        {name: utf8(value) for name, value in exemplar.labels},
        float(exemplar.value),
        _nanoseconds(exemplar.timestamp),
    )


def _attributes(metric: Metric, point: Point) -> dict[str, str]:
    return {name: utf8(value) for name, value in zip(metric.label_names, point.labels, strict=True)}


def _nanoseconds(seconds: float) -> int:
    """Unix nanoseconds; whole microseconds, which is what a double of Unix seconds can hold."""
    return round(seconds * 1e6) * 1000
