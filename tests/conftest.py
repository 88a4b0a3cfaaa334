"""What all tests have: how hypothesis chooses its examples, and what is logged.

On CI they are the same in every run, so that a change is judged by what it changes; everywhere else
they are new each time. tests/examples.py says how many there are.
"""

import io
import os
import signal
import sys
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

from exporter import log, longlived
from tests.examples import examples

# No deadline: how long an example takes depends on what else the machine does.
settings.register_profile(
    "ci", derandomize=True, print_blob=True, deadline=None, max_examples=examples(100)
)
settings.register_profile("here", deadline=None, max_examples=examples(100))
settings.load_profile("ci" if os.environ.get("CI") else "here")

# A shell lets what it starts in the background ignore Ctrl-C, and so would all that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Nothing that collecting makes is garbage, and looking for it takes as long as the rest of it.
longlived.begin()


def pytest_collection_finish() -> None:
    """What was collected lives as long as the tests do: no pass over objects looks at it again."""
    longlived.set_apart()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole runs first: the longest of them would else be alone at the end, with a core idle."""
    long = ("tests/soak/", "tests/e2e/")
    items.sort(key=lambda item: not item.nodeid.startswith(long))


# Structlog's own way to show an error, with Rich and every variable, takes longer than most tests.
PLAIN = [
    *structlog.get_config()["processors"][:-1],
    structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
]


@pytest.fixture(autouse=True)
def _log_level_of_no_other_test() -> Iterator[None]:
    """A command that ran in this process may have left a level that drops what a test looks for."""
    structlog.reset_defaults()
    structlog.configure(processors=PLAIN)
    yield
    structlog.reset_defaults()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """All that is logged."""
    stream = io.StringIO()
    log.configure("info", "json", stream)
    yield stream
    log.configure("info", "json", sys.stderr)
