"""What a Prometheus would hold had the exporter run for longer, as blocks made by promtool.

A daemon's real scrapes give the series, their labels, their levels and their pace; the day curve of
the simulator gives the shape. So the numbers are invented, but each series is one that the exporter
exposes. Nothing here is evidence of counting; it only fills the past for comparisons and pictures.
"""

import json
import math
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from exporter.simulator.curve import intensity
from tests.dashboards.trial.stage import JOB, Scrape

SEED = 7
AGENTS = ("isnotai_bot_sessions_total", "isnotai_session_flags_total")
SCORE = "isnotai_session_bot_score"
WHOLE = ("isnotai_analytics", "isnotai_sessions", "isnotai_exporter_series")
MEAN_SCORE_OF_PEOPLE = 0.18
DAY_SECONDS = 86_400
PROMTOOL_SECONDS = 120.0

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the past, Unix seconds, and how far apart its samples lie."""

    start: float
    end: float
    step: float

    def times(self) -> Iterator[float]:
        """The times of the samples, ascending."""
        for at in range(int((self.end - self.start) // self.step) + 1):
            yield self.start + at * self.step


@dataclass(frozen=True, slots=True)
class Pace:
    """Two scrapes of one daemon, `seconds` apart, taken at `at` (Unix seconds)."""

    before: Scrape
    after: Scrape
    seconds: float
    at: float


def _is_counter(name: str) -> bool:
    return name.endswith(("_total", "_bucket", "_sum", "_count"))


def _wave(name: str, labels: Labels, at: float) -> float:
    """The shape of a series at a time, 1 on average: people's day, or agents'."""
    people, agents = intensity(SEED, int(at * 1e6), flat=False)
    if name in AGENTS:
        return agents
    if name.startswith(("isnotai_sessions", "isnotai_session_", "isnotai_analytics")):
        return people
    return 1.0


def _pace(name: str, labels: Labels, pace: Pace) -> float:
    """What a counter gained a second; one that was not there before began at 0."""
    gained = pace.after.get((name, labels), 0.0) - pace.before.get((name, labels), 0.0)
    return max(0.0, gained) / pace.seconds


def _rate(name: str, labels: Labels, pace: Pace, at: float) -> float:
    """What a counter gains a second at a time. High scores follow agents, low ones people."""
    rate = _pace(name, labels, pace)
    if not name.startswith(SCORE):
        return rate * _wave(name, labels, at) * _smooth(name, labels, at)
    others = tuple(pair for pair in labels if pair[0] != "le")
    people = _pace(f"{SCORE}_bucket", tuple(sorted((*others, ("le", "0.7")))), pace)
    if name.endswith("_sum"):
        people *= MEAN_SCORE_OF_PEOPLE
    low = min(rate, people)
    of_people, of_agents = intensity(SEED, int(at * 1e6), flat=False)
    return low * of_people + (rate - low) * of_agents


def _smooth(name: str, labels: Labels, at: float) -> float:
    """A slow, small variation, its phase the series' own."""
    # One phase for all parts of a histogram, so that its buckets stay in order.
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    words = base + "".join(value for label, value in labels if label != "le")
    phase = sum(map(ord, words)) % 628 / 100
    return 1 + 0.06 * math.sin(at / 5400 + phase)


def _values(
    name: str, labels: Labels, pace: Pace, times: Sequence[float], step: float
) -> Iterator[float]:
    level = pace.after[name, labels]
    if _is_counter(name):
        total = 0.0
        for at in times:
            total += _rate(name, labels, pace, at) * step
            yield total
        return
    for at in times:
        if name.endswith("_timestamp_seconds"):
            yield at - (pace.at - level) * _smooth(name, labels, at)
        elif dict(labels).get("period") == "day":
            yield level * (at % DAY_SECONDS) / (pace.at % DAY_SECONDS)
        elif name.startswith("isnotai_usage") or name == "isnotai_quota_used_ratio":
            yield level * (0.9 + 0.1 * (at - times[0]) / max(1.0, times[-1] - times[0]))
        elif name == "process_start_time_seconds":
            yield level - 2 * DAY_SECONDS
        elif name.endswith(("_info", "_up", "_valid", "_successful", "_limit", "_failures")):
            yield level
        elif name.startswith(WHOLE) and not name.endswith(("ratio", "average")):
            yield round(level * _smooth(name, labels, at))
        elif name.startswith("isnotai_analytics"):
            yield level * _smooth(name, labels, at)
        elif name.endswith(("_requests", "_start_time_seconds", "_ratio")):
            yield level
        else:
            yield level * (1 + (_smooth(name, labels, at) - 1) / 4)


def openmetrics(
    pace: Pace, instance: str, spans: Sequence[Span], more: Mapping[str, Sequence[Span]]
) -> Iterator[str]:
    """The lines of an OpenMetrics file: all series over `spans`, some names over `more` of them.

    Spans may be empty: then the file has only the names in `more`.
    """
    scraped: dict[str, list[Labels]] = {}
    for name, labels in pace.after:
        if name in more or (spans and not name.startswith("python_")):
            scraped.setdefault(name, []).append(labels)
    if spans:
        scraped["up"] = [()]
    for name, all_labels in scraped.items():
        # Untyped, since the names of a histogram's parts stand alone here.
        yield f"# TYPE {name} unknown\n"
        for labels in all_labels:
            yield from _lines(name, labels, pace, instance, [*more.get(name, ()), *spans])
    yield "# EOF\n"


def _lines(
    name: str, labels: Labels, pace: Pace, instance: str, spans: Sequence[Span]
) -> Iterator[str]:
    inner = ",".join(
        f"{key}={json.dumps(value)}"
        for key, value in (("job", JOB), ("instance", instance), *labels)
    )
    for span in spans:
        times = list(span.times())
        if name == "up":
            values: Iterator[float] = (1.0 for _ in times)
        else:
            values = _values(name, labels, pace, times, span.step)
        for at, value in zip(times, values, strict=True):
            yield f"{name}{{{inner}}} {value!r} {at:.3f}\n"


class BlocksError(Exception):
    """Promtool makes no blocks of a file; the text is its own."""


def write_blocks(promtool: Path, lines: Iterable[str], folder: Path) -> None:
    """Make blocks in `folder`, which Prometheus then starts on. Raises BlocksError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.parent / "history.om"
    with path.open("w") as file:
        file.writelines(lines)
    # Long blocks, since the file is read anew for each.
    command = [str(promtool), "tsdb", "create-blocks-from", "--max-block-duration=64h"]
    command += ["openmetrics", "-q"]
    done = subprocess.run(
        [*command, str(path), str(folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=PROMTOOL_SECONDS,
    )
    if done.returncode:
        raise BlocksError(f"promtool refuses {path.name}: {done.stderr[-500:]}")
