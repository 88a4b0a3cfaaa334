"""Runs rule files over scrapes with Prometheus' own engine, which `make tools` builds."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.alerts.exporter import Scrapes

PROGRAM = Path(__file__).resolve().parents[2] / ".tools/bin/rule-engine"


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fired, in minutes from the start; the end is excluded."""

    alert: str
    labels: dict[str, str]
    start: int
    end: int
    value: float


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
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=3600, check=True)
    answer = json.loads(done.stdout)

    def minute(milliseconds: int) -> int:
        return (milliseconds // 1000 - scrapes.start) // 60

    fired = [
        Firing(one["alert"], one["labels"], minute(one["start"]), minute(one["end"]), one["value"])
        for one in answer["firings"]
    ]
    return fired, answer["series"]
