"""`python -m benchmarks.alerts`: simulates terms, runs rules over them and prints the table.

Seeds below 100 are for tuning, those from 100 on for reporting; six in a row have sites of each
size. Beside the repository's rules stand what they were before they weighed evidence, a fixed
threshold, and how soon someone who knows the true rates could tell. `--into FILE` puts the table
between its marks in a document. Files that are named are judged instead of the repository's rules,
and alone. What the engine found is kept in a folder, so that a run that was interrupted goes on
where it was.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.alerts import engine, exporter, judge, term

ROOT = Path(__file__).resolve().parents[2]
RULES = [ROOT / "alerts/prometheus/recording.yaml", ROOT / "alerts/prometheus/alerts.yaml"]
COMPARED = Path(__file__).with_name("compared")


@dataclass(frozen=True, slots=True)
class Judged:
    """Rules, and whether the API that they judge scores sessions late."""

    rules: Sequence[Path]
    late: bool = False


OURS = "these rules"
ALL = {
    OURS: Judged(RULES),
    "the same, scores come late": Judged(RULES, late=True),
    "a week ago's hour": Judged([COMPARED / "week_ago.yaml"]),
    "share above 20 %": Judged([COMPARED / "fixed.yaml"]),
}
DAYS = 42
START = 1_789_948_800
"""A Monday's midnight, as most terms start."""
LEFT_OUT = {"notai-polls", "notai-polls-slow", "notai-operations", "notai-quota"}
"""Groups that say nothing about sessions; they would take half of the time."""
CACHE = ROOT / "build/alert-laboratory"
BEGIN, END = "<!-- begin laboratory: made by benchmarks/alerts -->", "<!-- end laboratory -->"


def needed(rules: Sequence[Path], folder: Path) -> list[Path]:
    """The files without the groups that say nothing about sessions, and without annotations."""
    folder.mkdir(parents=True, exist_ok=True)
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
    sets: Mapping[str, Judged],
    *,
    size: int | None = None,
    days: int = DAYS,
    jobs: int = 1,
    program: Path = engine.PROGRAM,
    cache: Path = CACHE,
) -> dict[str, judge.Tally]:
    """Simulate two terms of each seed, one of them slow, and judge each set of rules on all.

    jobs: engines at a time. cache: where what they found is kept.
    """
    tallies = {name: judge.Tally() for name in sets}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        files = {
            name: needed(judged.rules, Path(folder, str(number)))
            for number, (name, judged) in enumerate(sets.items())
        }
        for seed, slow in ((seed, slow) for seed in seeds for slow in (False, True)):
            made = term.make(seed, size=size, days=days, slow=slow)
            scrapes = {
                late: exporter.expose(seed, made, START, late=late)
                for late in {judged.late for judged in sets.values()}
            }
            waiting = {
                name: pool.submit(
                    engine.evaluate_once,
                    scrapes[sets[name].late],
                    of_set,
                    cache,
                    program=program,
                )
                for name, of_set in files.items()
            }
            for name, answer in waiting.items():
                tallies[name].add(made, answer.result())
            kind = "slow term" if slow else "term"
            sys.stderr.write(f"{kind} {seed}: {made.size} a day, {len(made.attacks)} attacks\n")
    return tallies


def lines(tallies: Mapping[str, judge.Tally]) -> list[str]:
    """The table, as lines of Markdown."""
    columns = {name: judge.table(tally) for name, tally in tallies.items()}
    first = next(iter(columns))
    columns["with the true rates known"] = judge.possible(tallies[first])
    rows = [["", *columns], ["---"] * (len(columns) + 1)]
    rows += [[row, *(of.get(row, "") for of in columns.values())] for row in columns[first]]
    return ["| " + " | ".join(row) + " |" for row in rows]


def placed(text: str, table: Sequence[str]) -> str:
    """The document with the table between its marks. Raises ValueError where it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document has no lines {BEGIN} and {END}")
    return "\n".join([before + begin, "", *table, "", end + after])


def main() -> int:
    """Print the table; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alerts", description=__doc__)
    parser.add_argument("--seeds", default="102-125", help="the first and the last [102-125]")
    parser.add_argument("--days", type=int, default=DAYS, help="of a term [42]")
    parser.add_argument("--jobs", type=int, default=1, help="engines that run at a time")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where findings are kept")
    parser.add_argument("--program", type=Path, default=engine.PROGRAM)
    parser.add_argument("--into", type=Path, help="a document that gets the table")
    parser.add_argument("rules", nargs="*", type=Path)
    chosen = parser.parse_args()
    first, _, last = chosen.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    sets = {OURS: Judged(chosen.rules)} if chosen.rules else ALL
    tallies = run(
        seeds,
        sets,
        days=chosen.days,
        jobs=chosen.jobs,
        program=chosen.program,
        cache=chosen.cache,
    )
    table = lines(tallies)
    sys.stdout.write("\n".join(table) + "\n")
    if chosen.into:
        chosen.into.write_text(placed(chosen.into.read_text(), table))
    for severity, cases in tallies[OURS].false.items():
        counts = sorted({(name, cases.count((size, name)), size) for size, name in cases})
        sys.stderr.write(f"{severity}: {counts}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
