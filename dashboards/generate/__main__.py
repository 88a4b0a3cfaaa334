"""`python -m dashboards.generate`: writes the JSON, or with `--check` says what is out of date."""

import argparse
import sys
from pathlib import Path

from dashboards.generate.boards import files, resources

FOLDER = Path(__file__).resolve().parent.parent
"""`grafana/` below it has the classic files, `grafana-v2/` the resources."""


def main() -> int:
    """Write or compare; the exit code: 1 where `--check` finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.generate", description=__doc__)
    parser.add_argument("--into", type=Path, default=FOLDER, help="the folder to write to")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    chosen = parser.parse_args()
    differing = []
    made = {f"grafana/{name}": text for name, text in files().items()}
    made |= {f"grafana-v2/{name}": text for name, text in resources().items()}
    for name, text in made.items():
        path = chosen.into / name
        if chosen.check:
            if not path.is_file() or path.read_text() != text:
                differing.append(name)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in differing:
        print(f"out of date: {name}", file=sys.stderr)  # noqa: T201 - the command's own voice
    return 1 if differing else 0


raise SystemExit(main())
