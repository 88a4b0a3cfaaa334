"""The backfill file: past values with their times, as OpenMetrics text that promtool reads.

`promtool tsdb create-blocks-from openmetrics` makes blocks for Prometheus of it. Family by family,
label set by label set, oldest first, `# EOF` at the end. A column of numbers is kept for each
series, so memory grows with steps and series, never with sessions. Knows no API, opens no file.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import cast

from prometheus_client.utils import floatToGoString

from exporter.metrics import catalogue
from exporter.metrics.model import INTEGRATION, Histogram, Metric, Sample

_Key = tuple[Metric, tuple[str, ...]]

_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_OWN_LABELS = frozenset({"le", *(it for metric in catalogue.METRICS for it in metric.label_names)})


class Columns:
    """The values of one integration's counters and histograms at each of `times`.

    times: Unix seconds, ascending, added step by step. A series that comes later was 0 before.
    """

    def __init__(self, integration: str) -> None:
        self.integration = integration
        self.times = array("d")
        self._columns: dict[_Key, list[array[float]]] = {}

    @property
    def series(self) -> int:
        """How many Prometheus series there are; a histogram has a count beside its columns."""
        return sum(len(parts) + (len(parts) > 1) for parts in self._columns.values())

    def add(self, time: float, samples: Iterable[Sample]) -> None:
        """Append the values at `time`, which is later than the last. Raises ValueError else."""
        if self.times and time <= self.times[-1]:
            raise ValueError("times must ascend")
        for sample in samples:
            values = _values(sample)
            parts = self._columns.get((sample.metric, sample.labels))
            if parts is None:
                zeros = bytes(8 * len(self.times))
                parts = [array("d", zeros) for _ in values]
                self._columns[sample.metric, sample.labels] = parts
            for part, value in zip(parts, values, strict=True):
                part.append(value)
        self.times.append(time)

    def lines(self, metric: Metric, more: Mapping[str, str]) -> Iterator[str]:
        """The samples of one family, each line ended. more: labels that each of them gets."""
        labelled = sorted(labels for known, labels in self._columns if known is metric)
        for labels in labelled:
            named = dict(zip(metric.label_names, (self.integration, *labels), strict=True))
            named |= more
            yield from self._samples(metric, named, self._columns[metric, labels])

    def _samples(
        self, metric: Metric, named: dict[str, str], columns: Sequence["array[float]"]
    ) -> Iterator[str]:
        """Time by time, all numbers of a histogram together, as the format wants it."""
        if metric.kind == "histogram":
            edges = map(_number, (*metric.buckets, float("inf")))
            names = [_series(f"{metric.name}_bucket", {**named, "le": edge}) for edge in edges]
            names += [_series(f"{metric.name}_count", named), _series(f"{metric.name}_sum", named)]
            *buckets, total = columns
            columns = (*buckets, buckets[-1], total)
        else:
            names = [_series(metric.exposed_name, named)]
        for time, *values in zip(self.times, *columns, strict=True):
            for name, value in zip(names, values, strict=True):
                yield f"{name} {_number(value)} {time:.3f}\n"


def read_labels(given: Iterable[str]) -> dict[str, str]:
    """Labels that every series of a file gets, of texts such as `job=isnotai`.

    Raises ValueError that says what is wrong with one.
    """
    labels: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (equals and value and _LABEL.fullmatch(name)):
            raise ValueError(f"must be name=value, such as job=isnotai, got {text!r}")
        if name in _OWN_LABELS or name in labels:
            raise ValueError(f"{name} is already a label of the series")
        labels[name] = value
    return labels


def lines(
    integrations: Sequence[Columns], labels: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The whole file, line by line. labels: what scraping would add, such as job."""
    for metric in catalogue.METRICS:
        samples = (line for columns in integrations for line in columns.lines(metric, labels or {}))
        first = next(samples, None)
        if first is None:
            continue
        yield f"# HELP {metric.name} {_escaped(metric.help)}\n"
        yield f"# TYPE {metric.name} {metric.kind}\n"
        yield first
        yield from samples
    yield "# EOF\n"


def _values(sample: Sample) -> tuple[float, ...]:
    """A counter's value, or a histogram's cumulated buckets and its sum."""
    if INTEGRATION not in sample.metric.label_names or sample.metric.kind == "gauge":
        raise ValueError(f"{sample.metric.name} has no history to write")
    if isinstance(sample.value, Histogram):
        return (*map(float, sample.value.cumulative), sample.value.sum)
    return (sample.value,)


def _series(name: str, labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items())
    return f"{name}{{{pairs}}}"


# prometheus-client leaves this untyped.
_number = cast(Callable[[float], str], floatToGoString)


def _escaped(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return escaped.encode("utf-8", "backslashreplace").decode("utf-8")
