"""Reads a site's counters of the past: a file that `backfill` wrote, or a Prometheus.

Of a Prometheus only the few series that the alerts are about are asked for, a few days at a time,
each answer within a time-out and a bound.
"""

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from math import ceil, isfinite, isinf, isnan, nan
from pathlib import Path

import msgspec
from msgspec import Struct

from exporter.backtest.evaluate import Labels, Past
from exporter.net.http import httpx

MINUTE = 60
SESSIONS = "isnotai_sessions_total"
COUNTERS = (
    SESSIONS,
    "isnotai_bot_sessions_total",
    "isnotai_session_flags_total",
    "isnotai_session_bot_score_count",
    "isnotai_session_bot_score_sum",
)
GAUGES = (
    "isnotai_up",
    "isnotai_session_frontier_timestamp_seconds",
    "isnotai_api_clock_skew_seconds",
    "isnotai_analytics_user_match_ratio",
    "isnotai_analytics_sessions",
    "isnotai:holiday",
)
"""What else the alerts read: an outage shows in these. A Prometheus holds them, and so does what
`promtool tsdb dump-openmetrics` wrote of one; `backfill` writes counters alone."""
NAMES = frozenset((*COUNTERS, *GAUGES))
NAME = re.compile(r"[\w:]*")
LINE = re.compile(
    r'[\w:]+(?:\{(?P<labels>(?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (?P<value>\S+) (?P<time>\S+)'
)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
PART_SECONDS = 5 * 86400
TIMEOUT_SECONDS = 60.0
LONGEST_PAST = 5 * 366 * 1440
"""Minutes. What spans more has other times than Unix seconds."""
LONGEST_STEP = 5
"""Minutes between the samples of a file; with more, the short windows of the rules hold none."""
LONGEST_GAP = 15
"""Minutes between two samples of a file, over which a counter is taken to stand still. What an
exporter showed to Prometheus has gaps where it was down."""

Sample = tuple[str, Labels, float, float]
Series = Mapping[tuple[str, Labels], "tuple[array[float], array[float]]"]
"""Times and values by name and labels."""


class PastError(Exception):
    """The past could not be read; the message says why."""


class _Matrix(Struct):
    """A series of Prometheus' answer; a value is a text, since JSON has no NaN."""

    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Result(Struct):
    result: list[_Matrix]


class _Answer(Struct):
    data: _Result


def read_file(path: Path) -> Past:
    """The past in an OpenMetrics file. Raises PastError."""
    try:
        with path.open(encoding="utf-8") as file:
            return _past(_gathered(_samples(file)), fill=True)
    except (OSError, UnicodeDecodeError, PastError) as error:
        raise PastError(f"{path}: {error}") from error


def read_prometheus(url: str, start: float, end: float, client: httpx.Client | None = None) -> Past:
    """The past that a Prometheus holds, [start, end) in Unix seconds. Raises PastError."""
    with client or httpx.Client(timeout=TIMEOUT_SECONDS) as asked:
        return _past(_gathered(_asked(asked, url.rstrip("/"), start, end)))


def _asked(client: httpx.Client, url: str, start: float, end: float) -> Iterator[Sample]:
    for name in (*COUNTERS, *GAUGES):
        at = start
        while at < end:
            until = min(at + PART_SECONDS, end)
            query = {"query": name, "start": f"{at}", "end": f"{until}", "step": f"{MINUTE}"}
            try:
                answer = client.post(f"{url}/api/v1/query_range", data=query)
                if answer.status_code != 200:
                    raise ValueError(f"status {answer.status_code}")
                found = msgspec.json.decode(answer.content, type=_Answer)
                for one in found.data.result:
                    labels = tuple(sorted(one.metric.items()))
                    named = tuple(pair for pair in labels if pair[0] != "__name__")
                    for time, value in one.values:
                        yield name, named, time, float(value)
            except (httpx.HTTPError, msgspec.DecodeError, ValueError) as error:
                raise PastError(f"the Prometheus does not answer {name}: {error}") from None
            at = until + MINUTE


def _samples(lines: Iterable[str]) -> Iterator[Sample]:
    """The samples of what the alerts read; NaN, with which Prometheus ends a series, is none."""
    for number, line in enumerate(lines, 1):
        name = NAME.match(line)
        if name is None or name[0] not in NAMES:
            continue
        found = LINE.match(line)
        try:
            if found is None:
                raise ValueError
            labels = tuple(sorted(LABEL.findall(found["labels"] or "")))
            time, value = float(found["time"]), float(found["value"])
            if not isfinite(time) or isinf(value):
                raise ValueError
        except ValueError:
            raise PastError(
                f"line {number}: {line.strip()[:80]!r} is not a series, its value and its time in "
                "Unix seconds: write the file anew with backfill"
            ) from None
        if not isnan(value):
            yield name[0], labels, time, value


def _gathered(samples: Iterable[Sample]) -> Series:
    """The samples by their series. Raises PastError where there are none."""
    series: dict[tuple[str, Labels], tuple[array[float], array[float]]] = {}
    for name, labels, time, value in samples:
        times, values = series.setdefault((name, labels), (array("d"), array("d")))
        times.append(time)
        values.append(value)
    if not any(name == SESSIONS for name, _ in series):
        raise PastError(f"there are no sessions in it: {SESSIONS} is missing")
    return series


def _check_step(series: Series) -> None:
    """Raises PastError where most samples are further apart than the rules can use."""
    gaps = Counter(
        round(after - before)
        for (name, _), (times, _) in series.items()
        if name == SESSIONS
        for before, after in pairwise(sorted(times))
    )
    step = gaps.most_common(1)[0][0] if gaps else 0
    if step > LONGEST_STEP * MINUTE:
        raise PastError(
            f"it has a sample each {step / MINUTE:g} min, and rules look at windows of 5: "
            "write it anew with backfill --step 1m"
        )


def _past(series: Series, *, fill: bool = False) -> Past:
    """The samples on an even grid of minutes. fill: counters also between those of a longer step.

    Raises PastError.
    """
    first = ceil(min(min(times) for times, _ in series.values()) / MINUTE)
    last = ceil(max(max(times) for times, _ in series.values()) / MINUTE)
    if last - first > LONGEST_PAST:
        raise PastError("it spans more than five years: times have to be Unix seconds")
    if fill:
        _check_step(series)
    past = Past(last - first + 1, first * MINUTE)
    for (name, labels), (times, values) in series.items():
        column = [nan] * past.count
        for time, value in sorted(zip(times, values, strict=True)):
            column[ceil(time / MINUTE) - first] = value
        past.add(name, labels, _filled(column) if fill and name in COUNTERS else column)
    return past


def _filled(column: list[float]) -> list[float]:
    """The column without the short gaps between the samples of a longer step."""
    at = 0
    while at < len(column):
        if isnan(column[at]) and at and not isnan(column[at - 1]):
            end = at
            while end < len(column) and isnan(column[end]):
                end += 1
            if end < len(column) and end - at < LONGEST_GAP:
                column[at:end] = [column[at - 1]] * (end - at)
            at = end
        at += 1
    return column
