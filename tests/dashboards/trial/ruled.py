"""What the rules make of a trial's samples: recorded series and ALERTS, as an OpenMetrics file.

Evaluated by Prometheus' own engine over the whole past (tools/rule-engine), as a Prometheus that
had the rules loaded all the time would have done. What was backfilled gets the job and the
namespace of what is scraped, as `promtool --label` would give it: else it would be another site's.
"""

import json
import math
import re
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.alerts.engine import evaluate
from benchmarks.alerts.exporter import Scrapes

ROOT = Path(__file__).resolve().parents[3]
RULES = [ROOT / "alerts" / "prometheus" / f"{name}.yaml" for name in ("recording", "alerts")]
STEP = 60
_LINE = re.compile(r"(\w+)\{([^}]*)\} (\S+) (\S+)\n")
_PAIR = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def scrapes(files: Iterable[Iterable[str]], start: int, end: int, **site: str) -> Scrapes:
    """The samples that the rules read, minute by minute. site: labels of what has no job."""
    count = (end - start) // STEP + 1
    read = set(re.findall(r"isnotai_\w+", "".join(path.read_text() for path in RULES))) | {"up"}
    series: dict[tuple[str, str], array[float]] = {}
    for lines in files:
        for line in lines:
            name = line.partition("{")[0]
            if name not in read or (found := _LINE.fullmatch(line)) is None:
                continue
            _, labels, value, when = found.groups()
            values = series.setdefault((name, labels), array("d", [math.nan]) * count)
            at = (int(float(when)) - start) // STEP
            if 0 <= at < count:
                values[at] = float(value)
    made = Scrapes(start, count)
    for (name, inner), values in series.items():
        labels = dict(_PAIR.findall(inner))
        if "job" not in labels:
            labels |= site
            _fill(values)
        made.add(name, values, **labels)
    return made


def _fill(values: "array[float]") -> None:
    """What is known each five minutes, at each of them."""
    for at in range(1, len(values)):
        if math.isnan(values[at]) and any(
            not math.isnan(value) for value in values[at + 1 : at + 5]
        ):
            values[at] = values[at - 1]


def lines(made: Scrapes, since: float, program: Path) -> Iterator[str]:
    """What was recorded and what fired from `since` on (Unix seconds)."""
    firings, recorded = evaluate(made, RULES, show="(?:job_|isnotai:).*", program=program)
    by_name: dict[str, dict[str, dict[float, float]]] = {}

    def add(name: str, labels: dict[str, str], when: float, value: float) -> None:
        if when >= since:
            inner = ",".join(f"{key}={json.dumps(text)}" for key, text in sorted(labels.items()))
            by_name.setdefault(name, {}).setdefault(inner, {})[when] = value

    for one in recorded:
        labels = dict(one["labels"])
        name = labels.pop("__name__")
        for milliseconds, value in zip(one["times"], one["values"], strict=True):
            add(name, labels, milliseconds / 1000, value)
    for fired in firings:
        labels = {"alertname": fired.alert, "alertstate": "firing", **fired.labels}
        for minute in range(fired.start, fired.end):
            add("ALERTS", labels, made.start + minute * STEP, 1.0)
    for name, series in by_name.items():
        yield f"# TYPE {name} unknown\n"
        for inner, samples in series.items():
            # In order of time, each once: an alert may have been kept firing into its next time.
            for when in sorted(samples):
                yield f"{name}{{{inner}}} {samples[when]!r} {when:.3f}\n"
    yield "# EOF\n"
