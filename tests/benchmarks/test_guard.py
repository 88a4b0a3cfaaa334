"""The cost of a poll, in figures that do not depend on the machine, stays what it was."""

import json
from dataclasses import asdict

import pytest

from benchmarks import guard

MARGIN = 0.1
OTHER_PYTHON = 0.4
"""Between versions of Python, which call more or fewer functions for the same code."""


def test_a_poll_costs_no_more_than_it_did_and_among_hundreds_little_more_than_alone() -> None:
    """One test, as measuring takes seconds, and tests of one file are run in several processes."""
    stored = json.loads(guard.STORED.read_text())
    known = guard.version() in stored
    usual = stored[guard.version()] if known else next(iter(stored.values()))
    margin = MARGIN if known else OTHER_PYTHON

    measured = guard.measure()

    # Where it became cheaper on purpose: `make guard` renews the figures.
    for size, figures in measured.items():
        assert asdict(figures) == pytest.approx(usual[size], rel=margin)
    alone, among = (measured[str(size)] for size in guard.SIZES)
    assert among.calls < 1.2 * alone.calls
    assert among.allocated < 1.2 * alone.allocated
    assert (among.requests, among.sent) == (alone.requests, alone.sent)
