"""`python -m dashboards.generate`: writes the JSON, or with `--check` says what is out of date."""

import argparse
from pathlib import Path

from dashboards.generate.boards import files, resources
from scripts.generated import add_options, write_or_check

FOLDER = Path(__file__).resolve().parent.parent
"""`grafana/` below it has the classic files, `grafana-v2/` the resources."""

parser = argparse.ArgumentParser(prog="python -m dashboards.generate", description=__doc__)
add_options(parser, FOLDER)
made = {f"grafana/{name}": text for name, text in files().items()}
made |= {f"grafana-v2/{name}": text for name, text in resources().items()}
raise SystemExit(write_or_check(made, parser.parse_args()))
