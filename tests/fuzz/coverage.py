"""One target under atheris; started by `tests.fuzz`, for atheris ends the process it runs in."""

import importlib
import logging
import sys

import structlog

# Atheris has no types, and is installed only for `make fuzz`.
atheris = importlib.import_module("atheris")

with atheris.instrument_imports(include=["exporter", "yaml"]):
    from tests.fuzz.__main__ import targets


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    name = sys.argv.pop(1)
    (target,) = (one for one in targets() if one.name == name)
    atheris.Setup(sys.argv, target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
