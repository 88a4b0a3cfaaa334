"""`python -m alerts.generate`: writes the outputs, or with `--check` says which are out of date."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from alerts.generate.holidays import CalendarError, holidays
from alerts.generate.model import GRAFANA, RUNBOOKS
from alerts.generate.outputs import files
from alerts.generate.thresholds import Thresholds

FOLDER = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare; the exit code: 1 where `--check` finds a difference, 2 for a bad option."""
    parser = argparse.ArgumentParser(prog="python -m alerts.generate", description=__doc__)
    parser.add_argument("--runbooks", default=RUNBOOKS, help="address of the runbook")
    parser.add_argument("--grafana", default=GRAFANA, help="address of Grafana")
    parser.add_argument("--into", type=Path, default=FOLDER, help="the folder to write to")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--holidays", type=Path, help="a file of dates; see docs/alerts.md")
    parser.add_argument("--utc-offset", default="+00:00", help="of the dates, as +01:00")
    for name, default in asdict(Thresholds()).items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=float, default=default, help=f"[{default:g}]")
    chosen = vars(parser.parse_args(arguments))
    limits = Thresholds(**{name: chosen[name] for name in asdict(Thresholds())})
    try:
        days = chosen["holidays"]
        calendar = holidays(days.read_text(), chosen["utc_offset"]) if days else ()
    except (CalendarError, OSError) as error:
        parser.error(str(error))
    differing = []
    for name, text in files(chosen["runbooks"], chosen["grafana"], limits, calendar).items():
        path = chosen["into"] / name
        if chosen["check"]:
            if not path.is_file() or path.read_text() != text:
                differing.append(name)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in differing:
        print(f"out of date: {name}", file=sys.stderr)  # noqa: T201 - the command's own voice
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
