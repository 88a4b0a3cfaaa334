"""Runs rule files over scrapes with Prometheus' own engine, which `make tools` builds."""

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.alerts.exporter import Scrapes

PROGRAM = Path(__file__).resolve().parents[2] / ".tools/bin/rule-engine"

SPACIOUS = {"GOGC": "800"}
"""Go collects garbage less often: more memory (some 400 MB), less time."""


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fired, in minutes from the start; the end is excluded."""

    alert: str
    labels: dict[str, str]
    start: int
    end: int
    value: float


def evaluate_once(
    scrapes: Scrapes, rules: Sequence[Path], cache: Path, *, program: Path = PROGRAM
) -> list[Firing]:
    """When the alerts fired; read from the folder where the same rules, engine and scrapes are
    there already. Raises what `evaluate` raises."""
    made_of = hashlib.sha256(program.read_bytes())
    for path in rules:
        made_of.update(path.read_bytes())
    made_of.update(f"{scrapes.start} {scrapes.count}".encode())
    for labels, values in scrapes.series:
        made_of.update(json.dumps(labels, sort_keys=True).encode() + values.tobytes())
    kept = cache / f"{made_of.hexdigest()}.json"
    if kept.exists():
        return [Firing(**one) for one in json.loads(kept.read_text())]
    fired, _ = evaluate(scrapes, rules, program=program)
    cache.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part")
    part.write_text(json.dumps([asdict(one) for one in fired]))
    part.replace(kept)
    return fired


def evaluate(
    scrapes: Scrapes, rules: Sequence[Path], *, show: str = "", program: Path = PROGRAM
) -> tuple[list[Firing], list[dict[str, Any]]]:
    """When the alerts fired, and the recorded series whose names match `show`.

    Raises CalledProcessError where the engine refuses the rules.
    """
    with tempfile.TemporaryDirectory() as folder:
        description, samples = Path(folder, "input.json"), Path(folder, "samples.bin")
        content = {
            "start": scrapes.start * 1000,
            "step": 60_000,
            "count": scrapes.count,
            "series": [labels for labels, _ in scrapes.series],
        }
        description.write_text(json.dumps(content))
        with samples.open("wb") as file:
            for _, values in scrapes.series:
                values.tofile(file)
        command = [str(program), "-input", str(description), "-samples", str(samples)]
        command += [f"-show={show}", *map(str, rules)]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, timeout=3600, check=True, env=os.environ | SPACIOUS
        )
    answer = json.loads(done.stdout)

    def minute(milliseconds: int) -> int:
        return (milliseconds // 1000 - scrapes.start) // 60

    fired = [
        Firing(one["alert"], one["labels"], minute(one["start"]), minute(one["end"]), one["value"])
        for one in answer["firings"]
    ]
    return fired, answer["series"]
