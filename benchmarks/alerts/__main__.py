"""`python -m benchmarks.alerts`: simulates terms, runs rules over them and prints the table.

Seeds below 100 are for tuning, those from 100 on for reporting. The rules are the repository's
unless files are named; `--fixed` adds the comparison, a fixed threshold of 20 % on the last hour's
share of bots.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.alerts import engine, exporter, judge, term

ROOT = Path(__file__).resolve().parents[2]
RULES = [ROOT / "alerts/prometheus/recording.yaml", ROOT / "alerts/prometheus/alerts.yaml"]
START = 1_789_948_800
"""A Monday's midnight, as most terms start."""
LEFT_OUT = {"notai-polls", "notai-polls-slow", "notai-operations", "notai-quota"}
"""Groups that say nothing about sessions; they would take half of the time."""

FIXED = {
    "groups": [
        {
            "name": "fixed",
            "interval": "1m",
            "rules": [
                {
                    "alert": "FixedThreshold",
                    "expr": "sum by (integration) (increase(isnotai_bot_sessions_total[1h]))\n"
                    "/ sum by (integration) (increase(isnotai_sessions_total[1h])) > 0.2",
                    "for": "5m",
                    "labels": {"severity": "critical", "audience": "security"},
                }
            ],
        }
    ]
}


def needed(rules: Sequence[Path], folder: Path) -> list[Path]:
    """The files without the groups that say nothing about sessions, and without annotations."""
    written = []
    for number, path in enumerate(rules):
        content: dict[str, Any] = yaml.safe_load(path.read_text())
        groups = [group for group in content["groups"] if group["name"] not in LEFT_OUT]
        for group in groups:
            for rule in group["rules"]:
                rule.pop("annotations", None)
        target = folder / f"{number}.yaml"
        target.write_text(yaml.safe_dump({"groups": groups}, sort_keys=False))
        written.append(target)
    return written


def run(
    seeds: Sequence[int],
    rules: Sequence[Path],
    *,
    size: int | None = None,
    days: int = 84,
    program: Path = engine.PROGRAM,
) -> judge.Tally:
    """Simulate and judge these terms."""
    tally = judge.Tally()
    with tempfile.TemporaryDirectory() as folder:
        files = needed(rules, Path(folder))
        for seed in seeds:
            made = term.make(seed, size=size, days=days)
            fired, _ = engine.evaluate(exporter.expose(seed, made, START), files, program=program)
            tally.add(made, fired)
            sys.stderr.write(f"term {seed}: {made.size} a day, {len(made.attacks)} attacks\n")
    return tally


def main() -> int:
    """Print the table; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alerts", description=__doc__)
    parser.add_argument("--seeds", default="100-106", help="the first, and behind the last")
    parser.add_argument("--days", type=int, default=84)
    parser.add_argument("--program", type=Path, default=engine.PROGRAM)
    parser.add_argument("--fixed", action="store_true", help="judge the fixed threshold instead")
    parser.add_argument("rules", nargs="*", type=Path)
    chosen = parser.parse_args()
    first, _, behind = chosen.seeds.partition("-")
    with tempfile.TemporaryDirectory() as folder:
        rules = chosen.rules or RULES
        if chosen.fixed:
            rules = [Path(folder, "fixed.yaml")]
            rules[0].write_text(yaml.safe_dump(FIXED))
        seeds = range(int(first), int(behind))
        tally = run(seeds, rules, days=chosen.days, program=chosen.program)
    for name, value in judge.table(tally).items():
        sys.stdout.write(f"| {name} | {value} |\n")
    for severity, cases in tally.false.items():
        counts = sorted({(name, cases.count((size, name)), size) for size, name in cases})
        sys.stdout.write(f"{severity}: {counts}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
