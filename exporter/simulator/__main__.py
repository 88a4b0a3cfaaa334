"""`python -m exporter.simulator`: the simulated API alone, without the rest of the command line."""

import sys

from exporter.cli import main

sys.exit(main(["simulate", *sys.argv[1:]]))
