"""The snapshot: whole, ordered, counted, and the same for everybody who holds it."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics import catalogue
from exporter.metrics.model import Histogram, Metric, Sample
from exporter.metrics.snapshot import DuplicateSeriesError, Group, Part, build, build_part


def test_an_empty_snapshot_counts_only_itself() -> None:
    snapshot = build((), 5.0)

    assert snapshot.taken == 5.0
    assert snapshot.series == 1
    family = snapshot.family(catalogue.EXPORTER_SERIES)
    assert family is not None
    assert [point.value for point in family.points] == [1.0]


def test_series_count_buckets_sum_and_count() -> None:
    histogram = Histogram.empty((1.0, 2.0))
    samples = [
        Sample(catalogue.SESSION_BOT_SCORE, histogram),
        Sample(catalogue.UP, 1.0),
    ]

    snapshot = build([Group("default", samples)], 0.0)

    # Three buckets, sum, count; up; and the number itself.
    assert snapshot.series == 7
    family = snapshot.family(catalogue.EXPORTER_SERIES)
    assert family is not None
    assert family.points[0].value == 7.0


def test_families_come_in_the_catalogues_order_and_series_by_their_labels() -> None:
    def samples(*stats: str) -> list[Sample]:
        found = [Sample(catalogue.STATS, 1.0, (name,)) for name in stats]
        return [*found, Sample(catalogue.UP, 1.0), Sample(catalogue.SESSIONS, 2.0, created=1.0)]

    groups = [Group("b", samples("y", "x")), Group("a", samples("z"))]
    snapshot = build([*groups, Group(None, [Sample(catalogue.EXPORTER_RELOAD_OK, 1.0)])], 0.0)
    turned = build([Group(None, [Sample(catalogue.EXPORTER_RELOAD_OK, 1.0)]), *groups[::-1]], 0.0)

    names = [family.metric for family in snapshot.families]
    assert names == sorted(names, key=lambda metric: catalogue.ORDER[metric])
    stats = snapshot.family(catalogue.STATS)
    assert stats is not None
    assert [point.labels for point in stats.points] == [("a", "z"), ("b", "x"), ("b", "y")]
    assert snapshot == turned


def test_a_family_without_series_is_not_there() -> None:
    assert build((), 0.0).family(catalogue.UP) is None


def test_a_series_that_is_read_twice_is_a_defect_that_is_named() -> None:
    twice = [Sample(catalogue.STATS, value, ("a",)) for value in (1.0, 2.0)]

    with pytest.raises(DuplicateSeriesError, match="isnotai_stats"):
        build([Group("default", twice)], 0.0)


def test_two_integrations_may_have_the_same_series() -> None:
    groups = [Group(name, [Sample(catalogue.UP, 1.0)]) for name in ("a", "b")]

    family = build(groups, 0.0).family(catalogue.UP)

    assert family is not None
    assert family.series == 2


@pytest.mark.parametrize(
    ("metric", "integration", "labels"),
    [
        (catalogue.STATS, "default", ()),
        (catalogue.STATS, "default", ("a", "b")),
        (catalogue.UP, None, ()),
        (catalogue.EXPORTER_RELOAD_OK, "default", ()),
    ],
)
def test_a_reading_with_other_labels_than_declared_is_a_defect_that_is_named(
    metric: Metric, integration: str | None, labels: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match=metric.name):
        build([Group(integration, [Sample(metric, 1.0, labels)])], 0.0)


def test_nobody_can_change_a_snapshot() -> None:
    snapshot = build([Group("default", [Sample(catalogue.UP, 1.0)])], 0.0)

    with pytest.raises(dataclasses.FrozenInstanceError):
        snapshot.taken = 1.0  # type: ignore[misc]  # mypy knows that it cannot be
    assert isinstance(snapshot.families, tuple)
    assert all(isinstance(family.points, tuple) for family in snapshot.families)


def test_a_part_of_which_nothing_changed_stays_as_it_is() -> None:
    def read(stats: float) -> Part:
        found = (Sample(catalogue.UP, 1.0), Sample(catalogue.STATS, stats, ("a",)))
        return build_part(Group("campus", found), before)

    before: Part | None = None
    before = read(1.0)
    assert read(1.0) is before
    up, stats = before.families

    changed = read(2.0)

    assert changed.families[0] is up
    assert changed.families[1].values == (2.0,)
    assert stats.values == (1.0,)


samples_of_stats = st.lists(
    st.builds(
        Sample,
        st.just(catalogue.STATS),
        st.sampled_from((0.0, 1.0)),
        st.sampled_from("abc").map(lambda name: (name,)),
        st.sampled_from((None, 5.0)),
    ),
    unique_by=lambda sample: sample.labels,
)
samples_of_up = st.lists(st.builds(Sample, st.just(catalogue.UP), st.floats(0, 1)), max_size=1)


@given(st.lists(st.tuples(samples_of_stats, samples_of_up, st.booleans()), max_size=6))
def test_a_part_made_from_the_one_before_is_as_if_made_anew(
    readings: list[tuple[list[Sample], list[Sample], bool]],
) -> None:
    last: Part | None = None
    for stats, up, up_first in readings:
        samples = [*up, *stats] if up_first else [*stats, *up]
        last = build_part(Group("campus", samples), last)
        assert last == build_part(Group("campus", samples))


def test_a_series_that_is_read_twice_is_a_defect_also_beside_the_part_before() -> None:
    once = Sample(catalogue.STATS, 1.0, ("a",))
    before = build_part(Group("default", [once, Sample(catalogue.STATS, 1.0, ("b",))]))

    with pytest.raises(DuplicateSeriesError, match="isnotai_stats"):
        build_part(Group("default", [once, once]), before)
