"""The bounds of open labels: which values keep a series of their own, and what becomes of the rest.

The one place that folds into `other` and counts it. Each poll counts what it folded, so that
`isnotai_exporter_series_dropped_total` rises for as long as a bound cuts something off.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from exporter.metrics.instruments import Counter
from exporter.metrics.model import OTHER, Metric

Value = TypeVar("Value")


def kept(metric: Metric, names: Iterable[str], rank: Callable[[str], Any]) -> frozenset[str]:
    """The first names by `rank`, as many as the metric's bound allows; `other` takes no place.

    Names of equal rank go by the alphabet, so that the choice never flickers.
    """
    candidates = sorted(set(names) - {OTHER}, key=lambda name: (rank(name), name))
    return frozenset(candidates[: metric.max_values])


def fold(
    metrics: Collection[Metric],
    values: Mapping[str, Value],
    names: Collection[str],
    merge: Callable[[Value, Value], Value],
    dropped: Counter,
) -> dict[str, Value]:
    """`values` with all but `names` merged into `other`, which is absent when nothing goes there.

    What is folded counts as dropped once for each of `metrics`, the families it would have been in.
    """
    folded: dict[str, Value] = {}
    lost = 0
    for name, value in values.items():
        if name not in names and name != OTHER:
            name, lost = OTHER, lost + 1
        folded[name] = merge(folded[name], value) if name in folded else value
    _count(metrics, lost, dropped)
    return folded


def first_by_name(
    metric: Metric, values: Mapping[str, Value], dropped: Counter
) -> dict[str, Value]:
    """As many of `values` as the bound allows, the first by the alphabet; the rest is left out.

    For numbers of different kinds, which no `other` could hold.
    """
    names = sorted(values)[: metric.max_values]
    _count((metric,), len(values) - len(names), dropped)
    return {name: values[name] for name in names}


def _count(metrics: Collection[Metric], lost: int, dropped: Counter) -> None:
    if lost:
        for metric in metrics:
            dropped.inc(metric.name, by=lost)
