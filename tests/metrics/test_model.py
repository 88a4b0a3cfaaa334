"""Histograms: every observation in the bucket it belongs to, none lost, none changed after."""

import math

from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics import catalogue
from exporter.metrics.model import Exemplar, Histogram

BOUNDS = st.lists(st.floats(-100, 100), min_size=1, max_size=6, unique=True).map(sorted).map(tuple)
VALUES = st.lists(st.floats(-1000, 1000))


@given(BOUNDS, VALUES)
def test_a_bucket_holds_what_is_at_or_below_its_bound(
    bounds: tuple[float, ...], values: list[float]
) -> None:
    histogram = Histogram.empty(bounds)
    for value in values:
        histogram = histogram.observe(value)

    expected = [sum(value <= bound for value in values) for bound in (*bounds, math.inf)]
    assert list(histogram.cumulative) == expected
    assert histogram.count == len(values)
    assert math.isclose(histogram.sum, math.fsum(values), abs_tol=1e-6)


def test_a_score_at_the_threshold_is_in_the_bucket_of_the_threshold() -> None:
    bounds = catalogue.SCORE_BOUNDS

    histogram = Histogram.empty(bounds).observe(0.7)

    assert histogram.cumulative[bounds.index(0.7)] == 1
    assert histogram.cumulative[bounds.index(0.6)] == 0


def test_observing_changes_no_histogram_that_was_handed_out() -> None:
    before = Histogram.empty((1.0,))

    after = before.observe(0.5, Exemplar((("session_id", "s"),), 0.5, 1.0))

    assert before == Histogram.empty((1.0,))
    assert after != before


def test_each_bucket_keeps_its_last_exemplar() -> None:
    first, last = (Exemplar((("session_id", name),), 0.5, 1.0) for name in ("a", "b"))
    histogram = Histogram.empty((1.0,)).observe(0.5, first).observe(0.5, last)

    assert histogram.observe(2.0).exemplars == (last, None)
    assert Histogram.empty((1.0,)).observe(0.5).exemplars == ()
