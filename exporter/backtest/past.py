"""Puts a site's samples on a grid of minutes, those of a file that `backfill` wrote, say.

Only the few series that the alerts are about are read of it.
"""

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil, isfinite, isinf, isnan, nan
from pathlib import Path

from exporter.backtest.evaluate import Labels, Past

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
EARLIEST = 1_420_070_400
"""2015. What is before has another unit than Unix seconds, and so has what is after tomorrow."""
DAY = 86400
LONGEST_PAST = 400
"""Days. More takes very long, and most often one sample is far from all others."""
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


def read_file(path: Path, now: float) -> Past:
    """The past in an OpenMetrics file. now: Unix seconds. Raises PastError."""
    try:
        with path.open(encoding="utf-8") as file:
            return on_grid(gathered(_samples(file, now + DAY)), fill=True)
    except (OSError, UnicodeDecodeError, PastError) as error:
        raise PastError(f"{path}: {error}") from error


def _samples(lines: Iterable[str], latest: float) -> Iterator[Sample]:
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
        if not EARLIEST <= time <= latest:
            raise PastError(
                f"line {number}: the time {found['time'][:40]!r} is not between 2015 and tomorrow: "
                "times have to be Unix seconds"
            )
        if not isnan(value):
            yield name[0], labels, time, value


def gathered(samples: Iterable[Sample]) -> Series:
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


def on_grid(series: Series, *, fill: bool = False) -> Past:
    """The samples on an even grid of minutes. fill: counters also between those of a longer step.

    Raises PastError.
    """
    first = ceil(min(min(times) for times, _ in series.values()) / MINUTE)
    last = ceil(max(max(times) for times, _ in series.values()) / MINUTE)
    if (last - first) * MINUTE > LONGEST_PAST * DAY:
        dates = " to ".join(
            f"{datetime.fromtimestamp(at * MINUTE, UTC):%Y-%m-%d}" for at in (first, last)
        )
        raise PastError(f"it spans more than {LONGEST_PAST} days, {dates}: give less of it")
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
