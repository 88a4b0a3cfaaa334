"""What the exposition promises: two formats with the same samples, in formats that parsers read."""

import gc
import gzip
import math
from collections.abc import Callable, Iterable
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as WireFamily
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.metrics import catalogue
from exporter.metrics.model import Exemplar, Histogram, Metric, Sample
from exporter.metrics.snapshot import Family, Group, Part, Point, Snapshot, build, build_part
from exporter.publish import exposition as exposition_module
from exporter.publish import rendering, wire
from exporter.publish.exposition import CONTENT_TYPES, Exposition, Renderer, runtime_registry
from exporter.publish.rendering import Lines, RenderedPart

TAKEN = 1_790_000_000.0
CREATED = 1_789_999_000.25

# prometheus-client leaves this one untyped.
parse_openmetrics = cast(
    Callable[[str], Iterable[WireFamily]], openmetrics_parser.text_string_to_metric_families
)

WireSample = tuple[str, tuple[tuple[str, str], ...], float]


def scores(*values: float, exemplar: Exemplar | None = None) -> Histogram:
    histogram = Histogram.empty(catalogue.SCORE_BOUNDS)
    for value in values:
        histogram = histogram.observe(value, exemplar)
    return histogram


def snapshot(*samples: Sample) -> Snapshot:
    return build([Group("campus", samples)], TAKEN)


def render(*samples: Sample) -> Exposition:
    return Renderer(CollectorRegistry()).render(snapshot(*samples))


def everything() -> Snapshot:
    """A snapshot with one series of each metric in the catalogue."""
    shared: list[Sample] = []
    own: list[Sample] = []
    for metric in catalogue.METRICS:
        if metric is catalogue.EXPORTER_SERIES:
            continue
        labels = tuple(f"{label}-value" for label in metric.labels)
        value = Histogram.empty(metric.buckets).observe(0.7) if metric.buckets else 12.5
        created = None if metric.kind == "gauge" else CREATED
        (shared if metric.per_integration else own).append(Sample(metric, value, labels, created))
    return build([Group("campus", shared), Group(None, own)], TAKEN)


def samples(families: Iterable[WireFamily]) -> list[WireSample]:
    """Every sample but `_created`, sorted, with OpenMetrics' and text's spellings of it equal."""
    return sorted(
        (sample.name, tuple(sorted(sample.labels.items())), float(sample.value))
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    )


def test_both_faces_hold_the_same_samples_with_process_and_python_metrics() -> None:
    exposition = Renderer(runtime_registry()).render(everything())
    text = samples(parse_text(exposition.text.decode()))
    openmetrics = samples(parse_openmetrics(exposition.openmetrics.decode()))
    assert text == openmetrics
    names = {name for name, _, _ in text}
    assert {metric.exposed_name for metric in catalogue.METRICS if metric.kind != "histogram"} <= (
        names
    )
    assert {"process_resident_memory_bytes", "process_open_fds", "python_info"} <= names
    assert "python_gc_collections_total" in names


def test_text_has_neither_created_series_nor_exemplars() -> None:
    exemplar = Exemplar((("session_id", "s-1"),), 0.9, TAKEN)
    exposition = render(
        Sample(catalogue.SESSIONS, 3.0, created=CREATED),
        Sample(catalogue.SESSION_BOT_SCORE, scores(0.9, exemplar=exemplar), created=CREATED),
    )
    assert b"_created" not in exposition.text
    assert b"s-1" not in exposition.text
    assert b"\nisnotai_sessions_total" in exposition.text


def test_openmetrics_says_since_when_counters_and_histograms_count() -> None:
    exposition = render(
        Sample(catalogue.SESSIONS, 3.0, created=CREATED),
        Sample(catalogue.SESSION_BOT_SCORE, scores(0.9), created=CREATED),
    )
    created = {
        sample.name: sample.value
        for family in parse_openmetrics(exposition.openmetrics.decode())
        for sample in family.samples
        if sample.name.endswith("_created")
    }
    assert created == {
        "isnotai_sessions_created": CREATED,
        "isnotai_session_bot_score_created": CREATED,
    }


def test_a_bucket_carries_its_exemplar_in_openmetrics() -> None:
    exemplar = Exemplar((("session_id", 'an "odd"\nid'),), 0.93, TAKEN)
    exposition = render(
        Sample(catalogue.SESSION_BOT_SCORE, scores(0.93, exemplar=exemplar), created=CREATED)
    )
    found = [
        (sample.labels["le"], one.labels, one.value, float(one.timestamp or 0))
        for family in parse_openmetrics(exposition.openmetrics.decode())
        for sample in family.samples
        if (one := sample.exemplar) is not None
    ]
    assert found == [("1.0", {"session_id": 'an "odd"\nid'}, 0.93, TAKEN)]


@pytest.mark.parametrize(("length", "kept"), [(118, True), (119, False)])
def test_an_exemplar_that_the_format_has_no_room_for_is_left_out(length: int, kept: bool) -> None:
    exemplar = Exemplar((("session_id", "é" * length),), 0.93, TAKEN)
    exposition = render(
        Sample(catalogue.SESSION_BOT_SCORE, scores(0.93, exemplar=exemplar), created=CREATED)
    )
    assert (b"session_id" in exposition.openmetrics) is kept
    assert list(parse_openmetrics(exposition.openmetrics.decode()))


def test_buckets_are_cumulative_and_a_score_on_the_bound_falls_into_it() -> None:
    exposition = render(Sample(catalogue.SESSION_BOT_SCORE, scores(0.05, 0.7, 0.71, 1.0)))
    buckets = {
        sample.labels["le"]: sample.value
        for family in parse_text(exposition.text.decode())
        for sample in family.samples
        if sample.name.endswith("_bucket")
    }
    assert [buckets[edge] for edge in ("0.1", "0.6", "0.7", "0.8", "1.0", "+Inf")] == [
        1,
        1,
        2,
        3,
        4,
        4,
    ]
    assert b'isnotai_session_bot_score_count{integration="campus"} 4.0\n' in exposition.text
    assert b'isnotai_session_bot_score_sum{integration="campus"} 2.46\n' in exposition.text


def test_every_metric_has_its_help_and_its_type_in_both_faces() -> None:
    exposition = Renderer(CollectorRegistry()).render(everything())
    for metric in catalogue.METRICS:
        help_text = metric.help.encode()
        assert b"# HELP %s %s\n" % (metric.exposed_name.encode(), help_text) in exposition.text
        assert (
            b"# TYPE %s %s\n" % (metric.exposed_name.encode(), metric.kind.encode())
            in exposition.text
        )
        assert b"# HELP %s %s\n" % (metric.name.encode(), help_text) in exposition.openmetrics
        assert (
            b"# TYPE %s %s\n" % (metric.name.encode(), metric.kind.encode())
            in exposition.openmetrics
        )


def test_openmetrics_names_the_unit_where_the_name_ends_in_it() -> None:
    lines = Renderer(CollectorRegistry()).render(everything()).openmetrics.decode().splitlines()
    units = dict(line.split()[2:] for line in lines if line.startswith("# UNIT "))
    assert units["isnotai_poll_duration_seconds"] == "seconds"
    assert units["isnotai_session_gap_seconds"] == "seconds"
    assert units["isnotai_usage_storage_bytes"] == "bytes"
    assert units["isnotai_session_coverage_ratio"] == "ratio"
    assert "isnotai_session_bot_score" not in units
    assert "isnotai_sessions" not in units


def test_openmetrics_ends_with_its_end_mark_and_text_has_none() -> None:
    exposition = render(Sample(catalogue.UP, 1.0))
    assert exposition.openmetrics.endswith(b"\n# EOF\n")
    assert b"EOF" not in exposition.text


def test_the_gzipped_bodies_are_the_plain_ones_and_always_the_same_bytes() -> None:
    one, other = render(Sample(catalogue.UP, 1.0)), render(Sample(catalogue.UP, 1.0))
    for form in CONTENT_TYPES:
        assert one.ready(form, gzipped=True) is None
        gzipped = one.body(form, gzipped=True)
        assert gzipped == other.body(form, gzipped=True) == one.ready(form, gzipped=True)
        # The time in the gzip header (RFC 1952) says nothing.
        assert gzipped[4:8] == bytes(4)
        assert gzip.decompress(gzipped) == one.body(form, gzipped=False)
    assert one.body("text", gzipped=False) == one.text
    assert one.body("openmetrics", gzipped=False) == one.openmetrics
    assert one.taken == TAKEN


def test_the_content_types_are_those_of_the_two_formats() -> None:
    assert CONTENT_TYPES == {
        "text": "text/plain; version=0.0.4; charset=utf-8",
        "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
    }


def test_the_process_is_read_anew_at_each_render() -> None:
    def cpu_seconds(exposition: Exposition) -> float:
        return next(
            sample.value
            for family in parse_text(exposition.text.decode())
            for sample in family.samples
            if sample.name == "process_cpu_seconds_total"
        )

    renderer = Renderer(runtime_registry())
    before = cpu_seconds(renderer.render(snapshot()))
    for _ in range(200):
        renderer.render(everything())
        if cpu_seconds(renderer.render(snapshot())) > before:
            return
    raise AssertionError("process_cpu_seconds_total never moved")


def both(exposition: Exposition) -> tuple[bytes, bytes]:
    return exposition.text, exposition.openmetrics


def test_a_family_is_written_anew_when_it_changed_and_gone_when_it_went() -> None:
    renderer = Renderer(CollectorRegistry())
    up = Sample(catalogue.UP, 1.0)
    last: RenderedPart | None = None

    def again(*found: Sample) -> tuple[bytes, bytes]:
        nonlocal last
        last = renderer.part(build_part(Group("campus", found)), last)
        return both(Exposition([last], TAKEN))

    for sessions, created in ((1.0, None), (1.0, None), (2.0, None), (2.0, CREATED)):
        shown = (up, Sample(catalogue.SESSIONS, sessions, created=created))
        assert again(*shown) == both(render(*shown).only(["campus"]))
    assert again(up) == both(render(up).only(["campus"]))


def test_only_the_series_that_changed_are_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = Renderer(CollectorRegistry())
    written: list[tuple[str, ...]] = []
    make = rendering._lines

    def watched(metric: Metric, point: Point) -> Lines:
        written.append(point.labels)
        return make(metric, point)

    monkeypatch.setattr(rendering, "_lines", watched)
    last: RenderedPart | None = None
    for value in (1.0, 2.0):
        stats = [Sample(catalogue.STATS, value, ("a",)), Sample(catalogue.STATS, 1.0, ("b",))]
        part = build_part(Group("campus", [Sample(catalogue.UP, 1.0), *stats]))
        last = renderer.part(part, last)
    assert sorted(written) == [("campus",), *[("campus", "a")] * 2, ("campus", "b")]


def test_the_garbage_collector_looks_at_little_of_a_part_however_many_series_it_has() -> None:
    def tracked(series: int) -> int:
        made = []
        gc.collect()
        before = len(gc.get_objects())
        for number in range(20):
            samples = [Sample(catalogue.STATS, float(n), (f"s{n}",)) for n in range(series)]
            samples.append(Sample(catalogue.POLL_DURATION, scores(0.5), ("stats",), CREATED))
            made.append(renderer.part(build_part(Group(f"campus-{number}", samples))))
        gc.collect()
        return len(gc.get_objects()) - before

    renderer = Renderer(CollectorRegistry())
    tracked(1)  # what is kept for all parts is made once
    assert tracked(100) <= 20 * 6


def test_a_part_that_did_not_change_is_not_rendered_again() -> None:
    renderer = Renderer(CollectorRegistry())
    part = build_part(Group("campus", [Sample(catalogue.UP, 1.0)]))
    rendered = renderer.part(part)

    assert renderer.changed_series(part, None) == 1
    assert renderer.changed_series(part, rendered) == 0
    assert renderer.part(part, rendered) is rendered


def by_prometheus_client(whole: Snapshot) -> tuple[bytes, bytes]:
    """The snapshot as prometheus-client writes it, all at once."""
    families = [wire.wire_family(family) for family in whole.families]
    text = wire.text(families)
    return text, wire.openmetrics(families) + b"# EOF\n"


def test_parts_are_joined_family_by_family_to_what_prometheus_client_would_write() -> None:
    exemplar = Exemplar((("session_id", "s-1"),), 0.9, TAKEN)
    found = [
        Sample(catalogue.UP, 1.0),
        Sample(catalogue.SESSIONS, 3.0, created=CREATED),
        Sample(catalogue.POLL_DURATION, scores(0.9), ("stats",), CREATED),
    ]
    marked = Sample(catalogue.SESSION_BOT_SCORE, scores(0.9, exemplar=exemplar), created=CREATED)
    plain = Sample(catalogue.SESSION_BOT_SCORE, scores(0.2), created=CREATED)
    groups = [Group("b", [*found, marked]), Group("a", [*found, plain])]
    for together in (build(groups, TAKEN), everything()):
        exposition = Renderer(CollectorRegistry()).render(together)
        assert both(exposition) == by_prometheus_client(together)


def test_a_body_of_many_parts_is_joined_in_small_blocks() -> None:
    """While one is joined, nothing else runs."""
    parts = 2 * exposition_module.PARTS_AT_ONCE + 1
    together = build((Group(f"{n:03d}", [Sample(catalogue.UP, 1.0)]) for n in range(parts)), TAKEN)
    exposition = Renderer(CollectorRegistry()).render(together)

    blocks = [*exposition._blocks("text")]

    lines = [block.count(b"isnotai_up{") for block in blocks]
    assert sum(lines) == parts
    assert max(lines) == exposition_module.PARTS_AT_ONCE
    assert b"".join(blocks) == exposition.text == by_prometheus_client(together)[0]


@given(
    st.text(st.characters(), max_size=12),
    st.floats(),
    st.floats(min_value=0, max_value=2e9),
    st.lists(st.floats(min_value=-1, max_value=40), max_size=5),
)
def test_each_series_is_written_as_prometheus_client_writes_it(
    label: str, value: float, created: float, observed: list[float]
) -> None:
    histogram = Histogram.empty(catalogue.POLL_BOUNDS)
    for one in observed:
        histogram = histogram.observe(one)
    found = (
        Sample(catalogue.STATS, value, (label,)),
        Sample(catalogue.SESSION_FLAGS, value, (label,), created),
        Sample(catalogue.POLL_DURATION, histogram, (label,), created),
        Sample(catalogue.API_REQUEST_DURATION, histogram, (label,)),
    )
    assert both(render(*found)) == by_prometheus_client(snapshot(*found))


def test_some_integrations_alone_come_without_the_others_and_the_exporter() -> None:
    groups = [Group(name, [Sample(catalogue.UP, 1.0)]) for name in ("a", "b", "c")]
    exposition = Renderer(runtime_registry()).render(build([*groups, Group(None, ())], TAKEN))

    assert exposition.only(["c", "a", "a"]).text.splitlines()[2:] == [
        b'isnotai_up{integration="a"} 1.0',
        b'isnotai_up{integration="c"} 1.0',
    ]
    with pytest.raises(KeyError):
        exposition.only(["a", "d"])


def test_renderers_do_not_share_the_global_registry() -> None:
    runtime_registry()
    runtime_registry()  # would raise for a duplicate in a shared one
    exposition = render(Sample(catalogue.UP, 1.0))
    assert b"python_info" not in exposition.text


@example(["\ud800", 'a\\b\n"c"', ""])
@given(st.lists(st.text(st.characters(), max_size=12), unique=True, max_size=8))
def test_any_label_value_survives_and_both_faces_agree(flags: list[str]) -> None:
    exposition = render(*(Sample(catalogue.SESSION_FLAGS, 1.0, (flag,), CREATED) for flag in flags))
    formats = (
        parse_text(exposition.text.decode("utf-8")),
        parse_openmetrics(exposition.openmetrics.decode("utf-8")),
    )
    expected = sorted(flag.encode("utf-8", "backslashreplace").decode() for flag in flags)
    for families in formats:
        values = [
            dict(labels)["flag"]
            for name, labels, _ in samples(families)
            if name == "isnotai_session_flags_total"
        ]
        assert sorted(values) == expected


@given(st.floats(allow_nan=False))
def test_any_number_is_written_without_loss(value: float) -> None:
    exposition = render(Sample(catalogue.STATS, value, ("total_sessions",)))
    for families in (
        parse_text(exposition.text.decode()),
        parse_openmetrics(exposition.openmetrics.decode()),
    ):
        found = [
            number for name, _, number in samples(families) if name == catalogue.STATS.exposed_name
        ]
        assert found == [value]


def test_a_number_that_is_none_is_written_as_such() -> None:
    exposition = render(Sample(catalogue.STATS, math.nan, ("total_sessions",)))
    assert b'{integration="campus",stat="total_sessions"} NaN\n' in exposition.text


@pytest.mark.parametrize(
    ("metric", "value"),
    [(catalogue.UP, scores(0.1)), (catalogue.SESSIONS, scores(0.1))],
)
def test_a_histogram_where_a_number_belongs_is_refused(metric: Metric, value: Histogram) -> None:
    with pytest.raises(TypeError, match=metric.name):
        render(Sample(metric, value))


def test_a_number_where_a_histogram_belongs_is_refused() -> None:
    family = Family.of(catalogue.SESSION_BOT_SCORE, [Point(("campus",), 1.0)])
    with pytest.raises(TypeError, match="isnotai_session_bot_score"):
        Renderer(CollectorRegistry()).part(Part("campus", (family,)))
