"""Bounds: what keeps a series, what is folded, and that folding is counted."""

from exporter.metrics import bounds
from exporter.metrics.instruments import Counter
from exporter.metrics.model import Metric
from exporter.metrics.telemetry import dropped_counter

METRIC = Metric("isnotai_m", "gauge", "M.", "isnotai.m", labels=("x",), max_values=2)
SECOND = Metric("isnotai_n", "gauge", "N.", "isnotai.n", labels=("x",), max_values=2)


def fold(values: dict[str, int], dropped: Counter) -> dict[str, int]:
    names = bounds.kept(METRIC, values, rank=lambda name: -values[name])
    return bounds.fold((METRIC, SECOND), values, names, int.__add__, dropped)


def test_the_highest_ranked_stay_and_the_rest_adds_up_in_other() -> None:
    dropped = dropped_counter(0)
    assert fold({"a": 1, "b": 9, "c": 5, "d": 2}, dropped) == {"b": 9, "c": 5, "other": 3}
    assert dropped.value("isnotai_m") == dropped.value("isnotai_n") == 2


def test_names_of_equal_rank_go_by_the_alphabet() -> None:
    assert fold({"c": 1, "b": 1, "a": 1}, dropped_counter(0)) == {"a": 1, "b": 1, "other": 1}


def test_other_takes_no_place_and_is_not_counted_as_dropped() -> None:
    dropped = dropped_counter(0)
    assert fold({"other": 99, "a": 1, "b": 1}, dropped) == {"other": 99, "a": 1, "b": 1}
    assert dropped.value("isnotai_m") == 0


def test_what_is_folded_joins_an_other_that_was_there() -> None:
    values = {"c": 1, "other": 99, "a": 2, "b": 2}
    assert fold(values, dropped_counter(0)) == {"other": 100, "a": 2, "b": 2}


def test_within_the_bound_nothing_is_folded() -> None:
    dropped = dropped_counter(0)
    assert fold({"a": 1, "b": 2}, dropped) == {"a": 1, "b": 2}
    assert dropped.value("isnotai_m") == 0


def test_each_time_counts_what_it_dropped() -> None:
    dropped = dropped_counter(0)
    for _ in range(2):
        left = bounds.first_by_name(METRIC, {"c": 1, "b": 2, "a": 3}, dropped)
        assert left == {"a": 3, "b": 2}
    assert dropped.value("isnotai_m") == 2
