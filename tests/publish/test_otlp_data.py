"""The snapshot as OTLP data: the same numbers, and names that translate to the contract's."""

import re

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.metrics.v1 import metrics_pb2 as wire
from opentelemetry.sdk.metrics.export import MetricsData
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from exporter.build import VERSION
from exporter.metrics import catalogue
from exporter.metrics.model import Exemplar, Histogram, Metric, Sample
from exporter.metrics.snapshot import Family, Group, Part, Point, Snapshot, build
from exporter.publish.exposition import Renderer
from exporter.publish.otlp_data import metrics_data, resource

TAKEN = 1_790_000_000.0
STARTED = 1_789_999_990.5
CREATED = 1_789_000_000.25
RESOURCE = resource({"service.name": "isnotai-exporter"}, "here-1")

Series = tuple[str, frozenset[tuple[str, str]]]


def whole_catalogue(taken: float = TAKEN, created: float = CREATED) -> Snapshot:
    """A snapshot with two series of each metric that has labels, all numbers different."""
    shared: list[Sample] = []
    own: list[Sample] = []
    for place, metric in enumerate(catalogue.METRICS, start=1):
        if metric is catalogue.EXPORTER_SERIES:
            continue
        for turn in range(2 if metric.labels else 1):
            # A bound has to be a number, also where it is a gauge's label.
            labels = tuple(
                metric.known[label][turn] if label == "le" else f'{label} {turn} "ü\\'
                for label in metric.labels
            )
            value: float | Histogram = place * 1.25 + turn
            if metric.buckets:
                value = Histogram.empty(metric.buckets)
                for seen in (0.05, 0.7, 0.7, place + 100.0):
                    value = value.observe(seen)
            start = None if metric.kind == "gauge" else created
            (shared if metric.per_integration else own).append(Sample(metric, value, labels, start))
    return build([Group("campus", shared), Group(None, own)], taken)


def encoded(data: MetricsData) -> dict[str, wire.Metric]:
    """What goes over the wire, metrics by name."""
    (resource_metrics,) = encode_metrics(data).resource_metrics
    (scope_metrics,) = resource_metrics.scope_metrics
    return {metric.name: metric for metric in scope_metrics.metrics}


def translated(name: str, unit: str, kind: str) -> str:
    """The Prometheus family name, counters with `_total`.

    After "Prometheus and OpenMetrics Compatibility", OTLP metric points to Prometheus: characters
    that are not allowed become `_`, several in a row one; units are spelled out and appended,
    annotations in braces dropped; `1` is a ratio where it is a gauge; monotonic sums end in
    `_total`.
    """
    words = {"s": "seconds", "By": "bytes", "1": "ratio" if kind == "gauge" else ""}
    unit = re.sub(r"\{[^}]*\}", "", unit)
    suffix = words[unit] if unit else ""
    parts = [re.sub(r"[^a-zA-Z0-9:]+", "_", name).strip("_"), suffix]
    if kind == "counter":
        parts.append("total")
    return "_".join(part for part in parts if part)


@pytest.mark.parametrize("metric", catalogue.METRICS, ids=lambda metric: metric.name)
def test_the_standard_translation_gives_the_contracts_name(metric: Metric) -> None:
    assert translated(metric.otel, metric.unit, metric.kind) == metric.exposed_name
    # As the semantic conventions want names: lower case, words with `_`, namespaces with dots.
    assert re.fullmatch(r"isnotai(\.[a-z][a-z0-9]*(_[a-z0-9]+)*)+", metric.otel)
    assert not metric.otel.endswith((".seconds", ".bytes", ".ratio", ".total"))


def test_otel_names_are_unique() -> None:
    names = [metric.otel for metric in catalogue.METRICS]
    assert len(set(names)) == len(names)


def exposed(snapshot: Snapshot) -> dict[Series, float]:
    """What the exposition holds."""
    text = Renderer(CollectorRegistry()).render(snapshot).text.decode()
    return {
        (sample.name, frozenset(sample.labels.items())): float(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def pushed(data: MetricsData) -> dict[Series, float]:
    """What the push holds, in Prometheus' terms."""
    series: dict[Series, float] = {}
    for metric in encoded(data).values():
        kind = {"gauge": "gauge", "sum": "counter", "histogram": "histogram"}[
            str(metric.WhichOneof("data"))
        ]
        name = translated(metric.name, metric.unit, kind)
        for number in (*metric.gauge.data_points, *metric.sum.data_points):
            series[name, _labels(number)] = number.as_double
        for point in metric.histogram.data_points:
            labels = _labels(point)
            series[f"{name}_count", labels] = point.count
            series[f"{name}_sum", labels] = point.sum
            total = 0
            for bound, count in zip(
                (*map(str, point.explicit_bounds), "+Inf"), point.bucket_counts, strict=True
            ):
                total += count
                series[f"{name}_bucket", labels | {("le", bound)}] = total
    return series


def _labels(point: wire.NumberDataPoint | wire.HistogramDataPoint) -> frozenset[tuple[str, str]]:
    return frozenset((item.key, item.value.string_value) for item in point.attributes)


def test_push_and_exposition_hold_the_same_series_and_values() -> None:
    snapshot = whole_catalogue()
    assert pushed(metrics_data(snapshot, RESOURCE, STARTED)) == exposed(snapshot)
    assert {family.metric for family in snapshot.families} == set(catalogue.METRICS)


def test_units_and_descriptions_go_along() -> None:
    metrics = encoded(metrics_data(whole_catalogue(), RESOURCE, STARTED))
    for metric in catalogue.METRICS:
        assert metrics[metric.otel].unit == metric.unit
        assert metrics[metric.otel].description == metric.help


def test_counters_and_histograms_are_cumulative_and_counters_monotonic() -> None:
    metrics = encoded(metrics_data(whole_catalogue(), RESOURCE, STARTED))
    for metric in catalogue.METRICS:
        found = metrics[metric.otel]
        match metric.kind:
            case "counter":
                assert found.sum.is_monotonic
                assert found.sum.aggregation_temporality == wire.AGGREGATION_TEMPORALITY_CUMULATIVE
            case "histogram":
                temporality = found.histogram.aggregation_temporality
                assert temporality == wire.AGGREGATION_TEMPORALITY_CUMULATIVE
                assert found.histogram.data_points[0].explicit_bounds == list(metric.buckets)
            case "gauge":
                assert found.WhichOneof("data") == "gauge"


def counter(value: float, created: float | None) -> Snapshot:
    return build([Group("campus", [Sample(catalogue.SESSIONS, value, (), created)])], TAKEN)


def sum_point(snapshot: Snapshot) -> wire.NumberDataPoint:
    metrics = encoded(metrics_data(snapshot, RESOURCE, STARTED))
    point: wire.NumberDataPoint = metrics["isnotai.sessions"].sum.data_points[0]
    return point


def test_start_times_are_the_points_own_and_else_the_processs() -> None:
    assert sum_point(counter(3, CREATED)).start_time_unix_nano == 1_789_000_000_250_000_000
    assert sum_point(counter(3, None)).start_time_unix_nano == 1_789_999_990_500_000_000
    assert sum_point(counter(3, CREATED)).time_unix_nano == 1_790_000_000_000_000_000


def test_a_start_time_is_never_after_the_time() -> None:
    point = sum_point(counter(3, TAKEN + 60))
    assert point.start_time_unix_nano == point.time_unix_nano


def test_gauges_have_no_start_time() -> None:
    snapshot = build([Group("campus", [Sample(catalogue.UP, 1.0)])], TAKEN)
    metrics = encoded(metrics_data(snapshot, RESOURCE, STARTED))
    (point,) = metrics["isnotai.up"].gauge.data_points
    assert point.start_time_unix_nano == 0


def test_exemplars_stand_beside_their_histogram() -> None:
    exemplar = Exemplar((("session_id", "s-1"),), 0.93, TAKEN - 5)
    score = Histogram.empty(catalogue.SCORE_BOUNDS).observe(0.2).observe(0.93, exemplar)
    sample = Sample(catalogue.SESSION_BOT_SCORE, score, (), CREATED)
    metrics = encoded(metrics_data(build([Group("c", [sample])], TAKEN), RESOURCE, STARTED))
    (point,) = metrics["isnotai.session.bot_score"].histogram.data_points
    (found,) = point.exemplars
    assert found.as_double == 0.93
    assert found.time_unix_nano == int(TAKEN - 5) * 10**9
    assert [(item.key, item.value.string_value) for item in found.filtered_attributes] == [
        ("session_id", "s-1")
    ]


def test_a_histograms_unknown_extremes_are_left_out() -> None:
    metrics = encoded(metrics_data(whole_catalogue(), RESOURCE, STARTED))
    (point,) = metrics["isnotai.session.bot_score"].histogram.data_points
    assert not point.HasField("min")
    assert not point.HasField("max")


def test_a_lone_surrogate_is_spelled_as_in_the_exposition() -> None:
    sample = Sample(catalogue.STATS, 1.0, ("bad \ud800",))
    snapshot = build([Group("campus", [sample])], TAKEN)
    assert pushed(metrics_data(snapshot, RESOURCE, STARTED)) == exposed(snapshot)


def test_a_value_of_the_wrong_kind_is_a_defect_that_is_named() -> None:
    histogram = Histogram.empty(catalogue.SCORE_BOUNDS)
    for metric, value in ((catalogue.UP, histogram), (catalogue.SESSION_BOT_SCORE, 1.0)):
        snapshot = Snapshot(
            (Part("campus", (Family.of(metric, [Point(("campus",), value)]),)),), TAKEN
        )
        with pytest.raises(TypeError, match=metric.name):
            metrics_data(snapshot, RESOURCE, STARTED)


def test_the_resource_names_the_service_and_this_process() -> None:
    attributes = resource({"service.name": "mine", "team": "x"}, "host-1").attributes
    assert attributes["service.name"] == "mine"
    assert attributes["service.instance.id"] == "host-1"
    assert attributes["service.version"] == VERSION
    assert attributes["team"] == "x"


def test_an_instance_id_of_the_users_wins() -> None:
    attributes = resource({"service.name": "a", "service.instance.id": "pod-1"}, "h").attributes
    assert attributes["service.instance.id"] == "pod-1"
