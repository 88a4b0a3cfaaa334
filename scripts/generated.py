"""Files that are made by code: written, or compared with what is there."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path


def add_options(parser: argparse.ArgumentParser, folder: Path) -> None:
    """Where to write, and whether to compare only."""
    parser.add_argument("--into", type=Path, default=folder, help="the folder to write to")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")


def write_or_check(files: Mapping[str, str], chosen: argparse.Namespace) -> int:
    """Write the files, or say which differ; the exit code: 1 where `--check` finds a difference."""
    differing = []
    for name, text in files.items():
        path = chosen.into / name
        if chosen.check:
            if not path.is_file() or path.read_text("utf-8") != text:
                differing.append(name)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for name in differing:
        print(f"out of date: {name}", file=sys.stderr)  # noqa: T201 - the command's own voice
    return 1 if differing else 0
