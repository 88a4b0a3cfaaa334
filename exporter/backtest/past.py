"""Reads a site's counters of the past: a file that `backfill` wrote, or a Prometheus.

Of a Prometheus only the few series that the alerts are about are asked for, a few days at a time,
each answer within a time-out and a bound.
"""

import re
from array import array
from collections.abc import Iterable, Iterator
from math import ceil, isfinite, isnan, nan
from pathlib import Path

from exporter.backtest.evaluate import Labels, Past
from exporter.net.http import httpx

MINUTE = 60
COUNTERS = (
    "isnotai_sessions_total",
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
"""What else the alerts read, and only a Prometheus holds: an outage shows in these."""
LINE = re.compile(
    r'(?P<name>\w+)(?:\{(?P<labels>(?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (?P<value>\S+) (?P<time>\S+)'
)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
PART_SECONDS = 5 * 86400
TIMEOUT_SECONDS = 60.0
LONGEST_PAST = 5 * 366 * 1440
"""Minutes. What spans more has other times than Unix seconds."""
LONGEST_GAP = 15
"""Minutes between two samples of a file, over which a counter is taken to stand still."""

Sample = tuple[str, Labels, float, float]


class PastError(Exception):
    """The past could not be read; the message says why."""


def read_file(path: Path) -> tuple[Past, int]:
    """The past in an OpenMetrics file, and its first minute in Unix seconds. Raises PastError."""
    try:
        with path.open(encoding="utf-8") as file:
            return _past(_samples(file))
    except (OSError, UnicodeDecodeError, PastError) as error:
        raise PastError(f"{path}: {error}") from error


def read_prometheus(
    url: str, start: float, end: float, client: httpx.Client | None = None
) -> tuple[Past, int]:
    """The past that a Prometheus holds, [start, end) in Unix seconds. Raises PastError."""
    with client or httpx.Client(timeout=TIMEOUT_SECONDS) as asked:
        return _past(_asked(asked, url.rstrip("/"), start, end))


def _asked(client: httpx.Client, url: str, start: float, end: float) -> Iterator[Sample]:
    for name in (*COUNTERS, *GAUGES):
        at = start
        while at < end:
            until = min(at + PART_SECONDS, end)
            query = {"query": name, "start": f"{at}", "end": f"{until}", "step": f"{MINUTE}"}
            try:
                answer = client.post(f"{url}/api/v1/query_range", data=query)
                answer.raise_for_status()
                result = answer.json()["data"]["result"]
            except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                raise PastError(f"the Prometheus does not answer {name}: {error}") from None
            for one in result:
                labels = tuple(sorted(one["metric"].items()))
                named = tuple(pair for pair in labels if pair[0] != "__name__")
                for time, value in one["values"]:
                    yield name, named, float(time), float(value)
            at = until + MINUTE


def _samples(lines: Iterable[str]) -> Iterator[Sample]:
    for number, line in enumerate(lines, 1):
        found = LINE.match(line)
        if found is not None and found["name"] in COUNTERS:
            labels = tuple(sorted(LABEL.findall(found["labels"] or "")))
            try:
                time, value = float(found["time"]), float(found["value"])
                if not isfinite(time) or not isfinite(value):
                    raise ValueError
            except ValueError:
                raise PastError(
                    f"line {number}: {found['value']} at {found['time']} is not a number at a time "
                    "in Unix seconds: write the file anew with backfill"
                ) from None
            yield found["name"], labels, time, value


def _past(samples: Iterable[Sample]) -> tuple[Past, int]:
    """The samples on an even grid of minutes. Raises PastError where there are none."""
    series: dict[tuple[str, Labels], tuple[array[float], array[float]]] = {}
    for name, labels, time, value in samples:
        times, values = series.setdefault((name, labels), (array("d"), array("d")))
        times.append(time)
        values.append(value)
    if not series:
        raise PastError("there are no sessions in it: isnotai_sessions_total is missing")
    first = ceil(min(times[0] for times, _ in series.values()) / MINUTE)
    last = ceil(max(times[-1] for times, _ in series.values()) / MINUTE)
    if last - first > LONGEST_PAST:
        raise PastError("it spans more than five years: times have to be Unix seconds")
    past = Past(last - first + 1, first * MINUTE)
    for (name, labels), (times, values) in series.items():
        column = [nan] * past.count
        for time, value in zip(times, values, strict=True):
            column[ceil(time / MINUTE) - first] = value
        past.add(name, labels, _filled(column))
    return past, first * MINUTE


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
