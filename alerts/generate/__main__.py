"""`python -m alerts.generate`: writes the outputs, or with `--check` says which are out of date."""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from alerts.generate.holidays import CalendarError, holidays
from alerts.generate.model import GRAFANA, RUNBOOKS, Recording
from alerts.generate.outputs import files
from alerts.generate.thresholds import Thresholds
from exporter.backtest.bounds import Bounds, bounds

FOLDER = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare; the exit code: 1 where `--check` finds a difference, 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="python -m alerts.generate", usage="%(prog)s [options]", description=__doc__
    )
    parser.add_argument("--runbooks", default=RUNBOOKS, help="address of the runbook")
    parser.add_argument("--grafana", default=GRAFANA, help="address of Grafana")
    parser.add_argument("--into", type=Path, default=FOLDER, help="the folder to write to")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--holidays", type=Path, help="a file of dates; see docs/alerts.md")
    parser.add_argument("--utc-offset", help="of the dates, as =+01:00 or =-05:30 [+00:00]")
    for name, default in asdict(Thresholds()).items():
        option = f"--{name.replace('_', '-')}"
        allowed = bounds(name)
        parser.add_argument(
            option, type=_within(allowed), default=default, help=f"{allowed} [{default:g}]"
        )
    chosen = vars(parser.parse_args(arguments))
    limits = Thresholds(**{name: chosen[name] for name in asdict(Thresholds())})
    try:
        calendar = _calendar(chosen["holidays"], chosen["utc_offset"])
    except CalendarError as error:
        parser.error(str(error))
    differing = []
    try:
        for name, text in files(chosen["runbooks"], chosen["grafana"], limits, calendar).items():
            path = chosen["into"] / name
            if chosen["check"]:
                if not path.is_file() or path.read_bytes() != text.encode():
                    differing.append(name)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
    except OSError as error:
        parser.error(f"--into: cannot use {error.filename}: {error.strerror}")
    for name in differing:
        print(f"out of date: {name}", file=sys.stderr)  # noqa: T201 - the command's own voice
    return 1 if differing else 0


def _within(allowed: Bounds) -> Callable[[str], float]:
    """Reads a threshold; argparse says the option before what is raised."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not allowed.allow(value):
            raise argparse.ArgumentTypeError(f"must be {allowed}, not {text!r}")
        return value

    return read


def _calendar(path: Path | None, offset: str | None) -> tuple[Recording, ...]:
    """The rule of a file of dates, or none without one. Raises CalendarError."""
    if path is None:
        if offset is not None:
            raise CalendarError("--utc-offset: needs --holidays, whose dates it is about")
        return ()
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise CalendarError(f"--holidays: {path} is not UTF-8: save it as that") from None
    except OSError as error:
        raise CalendarError(f"--holidays: cannot read {path}: {error.strerror}") from None
    return holidays(text, "+00:00" if offset is None else offset)


if __name__ == "__main__":
    raise SystemExit(main())
