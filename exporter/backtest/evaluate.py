"""Computes expressions for each minute of a past, all minutes at once.

A vector is a list of values for each set of labels; NaN is none. Nothing here reads or prints.
"""

import re
from array import array
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from math import isnan, log, nan, sqrt
from operator import add, eq, ge, gt, le, lt, mul, ne, sub

from exporter.backtest.promql import (
    RANGE,
    SCALAR,
    Aggregation,
    Binary,
    Call,
    Node,
    Number,
    Range,
    Selector,
    Text,
    UnknownExpressionError,
    kind,
)

Labels = tuple[tuple[str, str], ...]
Column = list[float]
Vector = dict[Labels, Column]

ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {"+": add, "-": sub, "*": mul}
SITE_LABELS = ("cluster", "namespace", "job", "integration")
"""By which rules and dashboards tell sites apart: a site is one integration as one job scrapes it.
A label that a site does not have is empty."""
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip


class Past:
    """Series, each a column of `count` minutes, and what rules have recorded of them.

    start: of the first minute, in Unix seconds. What is kept is packed: a list takes four times as
    much.
    """

    def __init__(self, count: int, start: int = 0) -> None:
        self.count = count
        self.start = start
        self._series: dict[str, dict[Labels, array[float]]] = {}

    @property
    def names(self) -> set[str]:
        """The names of all series that were added or recorded."""
        return set(self._series)

    def copy(self) -> "Past":
        """The same series, for rules to record beside; columns are shared, for none is changed."""
        other = Past(self.count, self.start)
        other._series = {name: dict(vector) for name, vector in self._series.items()}
        return other

    def sites(self, shared: Container[str]) -> Iterator["Past"]:
        """The past of each site. To each belong series without `integration`, and those shared."""
        everywhere: list[tuple[str, Labels]] = []
        found: dict[Labels, list[tuple[str, Labels]]] = {}
        for name, vector in self._series.items():
            for labels in vector:
                common = name in shared or not any(one == "integration" for one, _ in labels)
                site = tuple(pair for pair in labels if pair[0] in SITE_LABELS)
                (everywhere if common else found.setdefault(site, [])).append((name, labels))
        for own in found.values() or [[]]:
            past = Past(self.count, self.start)
            for name, labels in (*own, *everywhere):
                past.add(name, labels, self._series[name][labels])
            yield past

    def add(self, name: str, labels: Labels, column: Sequence[float]) -> None:
        """Add a series; labels sorted, without the name."""
        packed = column if isinstance(column, array) else array("d", column)
        self._series.setdefault(name, {})[labels] = packed

    def record(self, name: str, extra: Mapping[str, str], vector: Vector) -> None:
        """Keep what a recording rule gave."""
        kept = self._series.setdefault(name, {})
        for labels, column in vector.items():
            kept[tuple(sorted({**dict(labels), **extra}.items()))] = array("d", column)

    def evaluate(self, node: Node) -> Vector:
        """The expression's value in each minute. Raises UnknownExpressionError."""
        match node:
            case Number():
                return {(): [node.value] * self.count}
            case Selector():
                return self._selected(node)
            case Aggregation():
                return self._aggregated(node)
            case Binary():
                return self._joined(node)
            case Call():
                return self._called(node)
            case _:
                raise UnknownExpressionError(f"{type(node).__name__} cannot stand here")

    def _selected(self, node: Selector) -> Vector:
        found = {}
        for labels, column in self._series.get(node.name, {}).items():
            values = dict(labels)
            if all(_matches(values.get(name, ""), how, text) for name, how, text in node.matchers):
                found[labels] = _shifted(column.tolist(), node.offset)
        return found

    def _aggregated(self, node: Aggregation) -> Vector:
        inner = self.evaluate(node.of)
        groups: dict[Labels, list[tuple[Labels, Column]]] = {}
        for labels, column in inner.items():
            key = tuple(pair for pair in labels if pair[0] in node.by)
            groups.setdefault(key, []).append((labels, column))
        parameter = node.parameter.value if isinstance(node.parameter, Number) else nan
        if node.name == "topk":
            kept: Vector = {}
            for members in groups.values():
                kept |= _highest(members, int(parameter))
            return kept
        return {
            key: members[0][1]
            if len(members) == 1 and node.name in ("sum", "max", "min")
            else [
                _together(node.name, row, parameter)
                for row in zip(*(c for _, c in members), strict=True)
            ]
            for key, members in groups.items()
        }

    def _called(self, node: Call) -> Vector:
        if node.name in OVER_TIME:
            return self._over_time(node)
        if node.name == "time":
            return {(): [self.start + 60.0 * at for at in range(self.count)]}
        first, *others = node.arguments
        inner = self.evaluate(first)
        match node.name:
            case "scalar":
                (column,) = inner.values() if len(inner) == 1 else ([nan] * self.count,)
                return {(): column}
            case "timestamp":
                return {
                    labels: [
                        nan if isnan(x) else self.start + 60.0 * at for at, x in enumerate(column)
                    ]
                    for labels, column in inner.items()
                }
            case "vector":
                return inner
            case "ln":
                return _mapped(inner, lambda x: log(x) if x > 0 else nan)
            case "sqrt":
                return _mapped(inner, lambda x: sqrt(x) if x >= 0 else nan)
            case "clamp_min" | "clamp_max":
                (limit,) = self.evaluate(others[0]).values()
                pick = max if node.name == "clamp_min" else min
                return {
                    labels: [
                        x if isnan(x) else pick(x, y) for x, y in zip(column, limit, strict=True)
                    ]
                    for labels, column in inner.items()
                }
            case "label_replace":
                name, value = (one.value for one in others[:2] if isinstance(one, Text))
                return {
                    tuple(sorted({**dict(labels), name: value}.items())): column
                    for labels, column in inner.items()
                }
            case other:
                raise UnknownExpressionError(f"the function {other} is not known")

    def _over_time(self, node: Call) -> Vector:
        *parameters, span = node.arguments
        if not isinstance(span, Range):
            raise UnknownExpressionError(f"{node.name} takes {RANGE}")
        number = parameters[0].value if parameters and isinstance(parameters[0], Number) else nan
        function = OVER_TIME[node.name]
        inner = self.evaluate(span.of)
        given = {}
        for labels, column in inner.items():
            sampled = column if span.step == 1 else _sampled(column, span.step)
            given[labels] = _shifted(function(sampled, span.minutes, number), span.offset)
        return given

    def _joined(self, node: Binary) -> Vector:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        if node.operator in ("and", "or", "unless"):
            return _set_operation(node, left, right, self.count)
        if kind(node.left) == SCALAR:
            (one,) = left.values()
            return {key: _pairwise(node, one, column, False) for key, column in right.items()}
        if kind(node.right) == SCALAR:
            (one,) = right.values()
            return {key: _pairwise(node, column, one, True) for key, column in left.items()}
        partners: dict[Labels, Column] = {}
        for labels, column in right.items():
            key = _key(labels, node.on)
            partners[key] = _first(partners[key], column) if key in partners else column
        return {
            labels: _pairwise(node, column, partners[_key(labels, node.on)], True)
            for labels, column in left.items()
            if _key(labels, node.on) in partners
        }


def _matches(value: str, how: str, text: str) -> bool:
    match how:
        case "=":
            return value == text
        case "!=":
            return value != text
        case "=~":
            return re.fullmatch(text, value) is not None
        case _:
            return re.fullmatch(text, value) is None


def _key(labels: Labels, on: tuple[str, ...] | None) -> Labels:
    return labels if on is None else tuple(pair for pair in labels if pair[0] in on)


def _shifted(column: Column, offset: int) -> Column:
    if not offset:
        return column
    return [nan] * min(offset, len(column)) + column[: max(0, len(column) - offset)]


def _sampled(column: Column, step: int) -> Column:
    return [value if at % step == 0 else nan for at, value in enumerate(column)]


def _mapped(vector: Vector, function: Callable[[float], float]) -> Vector:
    return {labels: [function(x) for x in column] for labels, column in vector.items()}


def _first(left: Column, right: Column) -> Column:
    return [y if isnan(x) else x for x, y in zip(left, right, strict=True)]


def _pairwise(node: Binary, left: Column, right: Column, keeps_left: bool) -> Column:
    operator = node.operator
    if operator == "/":
        return [
            nan if isnan(x) or isnan(y) or y == 0 else x / y
            for x, y in zip(left, right, strict=True)
        ]
    if operator in ARITHMETIC:
        function = ARITHMETIC[operator]
        return [function(x, y) for x, y in zip(left, right, strict=True)]
    compare = COMPARISONS[operator]
    if node.gives_bool:
        return [
            nan if isnan(x) or isnan(y) else float(compare(x, y))
            for x, y in zip(left, right, strict=True)
        ]
    kept = left if keeps_left else right
    return [
        value if not isnan(x) and not isnan(y) and compare(x, y) else nan
        for x, y, value in zip(left, right, kept, strict=True)
    ]


def _set_operation(node: Binary, left: Vector, right: Vector, count: int) -> Vector:
    there: dict[Labels, Column] = {}
    for labels, column in (left if node.operator == "or" else right).items():
        key = _key(labels, node.on)
        there[key] = _first(there[key], column) if key in there else column
    none = [nan] * count
    given: Vector = {}
    if node.operator == "or":
        given |= left
        for labels, column in right.items():
            other = there.get(_key(labels, node.on), none)
            fill = [y if isnan(x) else nan for x, y in zip(other, column, strict=True)]
            given[labels] = _first(given[labels], fill) if labels in given else fill
        return given
    wanted = node.operator == "and"
    for labels, column in left.items():
        other = there.get(_key(labels, node.on), none)
        given[labels] = [
            x if isnan(y) is not wanted else nan for x, y in zip(column, other, strict=True)
        ]
    return given


def _together(name: str, row: Iterable[float], parameter: float) -> float:
    values = [value for value in row if not isnan(value)]
    if not values:
        return nan
    match name:
        case "sum":
            return sum(values)
        case "max":
            return max(values)
        case "min":
            return min(values)
        case "count":
            return float(len(values))
        case "quantile":
            return _quantile(sorted(values), parameter)
        case other:
            raise UnknownExpressionError(f"the aggregation {other} is not known")


def _quantile(ordered: list[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _highest(members: list[tuple[Labels, Column]], count: int) -> Vector:
    kept: Vector = {labels: [nan] * len(column) for labels, column in members}
    for at, row in enumerate(zip(*(column for _, column in members), strict=True)):
        order = sorted((n for n, x in enumerate(row) if not isnan(x)), key=lambda n: -row[n])
        for number in order[:count]:
            kept[members[number][0]][at] = row[number]
    return kept


def _sum_over_time(column: Column, span: int, _: float) -> Column:
    total, there, given = 0.0, 0, []
    for at, value in enumerate(column):
        if not isnan(value):
            total, there = total + value, there + 1
        if at >= span and not isnan(column[at - span]):
            total, there = total - column[at - span], there - 1
        given.append(total if there else nan)
    return given


def _count_over_time(column: Column, span: int, _: float) -> Column:
    ones = [nan if isnan(value) else 1.0 for value in column]
    return _sum_over_time(ones, span, nan)


def _avg_over_time(column: Column, span: int, _: float) -> Column:
    sums = _sum_over_time(column, span, nan)
    return [x / y for x, y in zip(sums, _count_over_time(column, span, nan), strict=True)]


def _max_over_time(column: Column, span: int, _: float) -> Column:
    candidates: deque[int] = deque()
    given = []
    for at, value in enumerate(column):
        if not isnan(value):
            while candidates and column[candidates[-1]] <= value:
                candidates.pop()
            candidates.append(at)
        while candidates and candidates[0] <= at - span:
            candidates.popleft()
        given.append(column[candidates[0]] if candidates else nan)
    return given


def _last_over_time(column: Column, span: int, _: float) -> Column:
    last, seen, given = nan, -span, []
    for at, value in enumerate(column):
        if not isnan(value):
            last, seen = value, at
        given.append(last if at - seen < span else nan)
    return given


def _quantile_over_time(column: Column, span: int, share: float) -> Column:
    given = []
    for at in range(len(column)):
        values = sorted(x for x in column[max(0, at - span + 1) : at + 1] if not isnan(x))
        given.append(_quantile(values, share) if values else nan)
    return given


OVER_TIME: Mapping[str, Callable[[Column, int, float], Column]] = {
    "sum_over_time": _sum_over_time,
    "count_over_time": _count_over_time,
    "avg_over_time": _avg_over_time,
    "max_over_time": _max_over_time,
    "last_over_time": _last_over_time,
    "quantile_over_time": _quantile_over_time,
}
