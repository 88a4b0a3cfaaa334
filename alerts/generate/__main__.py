"""`python -m alerts.generate`: writes the outputs, or with `--check` says which are out of date."""

import argparse
from pathlib import Path

from alerts.generate.model import GRAFANA, RUNBOOKS
from alerts.generate.outputs import files
from scripts.generated import add_options, write_or_check

FOLDER = Path(__file__).resolve().parent.parent

parser = argparse.ArgumentParser(prog="python -m alerts.generate", description=__doc__)
parser.add_argument("--runbooks", default=RUNBOOKS, help="address of the runbook")
parser.add_argument("--grafana", default=GRAFANA, help="address of Grafana")
add_options(parser, FOLDER)
chosen = parser.parse_args()
raise SystemExit(write_or_check(files(chosen.runbooks, chosen.grafana), chosen))
