"""`python -m exporter.simulator`: the simulated API alone, without the rest of the command line."""

import argparse

from exporter.simulator.server import add_arguments, run

parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
add_arguments(parser)
raise SystemExit(run(parser.parse_args()))
