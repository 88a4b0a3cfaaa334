"""The cost of a poll, in figures that do not depend on the machine, stays what it was."""

import json
from collections.abc import Mapping

import pytest

from benchmarks import guard

MARGIN = 0.1
OTHER_PYTHON = 0.4
"""Between versions of Python, which call more or fewer functions for the same code."""


@pytest.fixture(scope="module")
def measured() -> Mapping[str, guard.Figures]:
    return guard.measure()


@pytest.mark.parametrize("size", guard.SIZES)
@pytest.mark.parametrize("figure", ["calls", "allocated", "requests", "sent", "scraped"])
def test_a_poll_costs_no_more_than_it_did(
    measured: Mapping[str, guard.Figures], size: int, figure: str
) -> None:
    stored = json.loads(guard.STORED.read_text())
    known = guard.version() in stored
    usual = (stored[guard.version()] if known else next(iter(stored.values())))[str(size)][figure]
    margin = MARGIN if known else OTHER_PYTHON

    # Where it became cheaper on purpose: `make guard` renews the figures.
    assert getattr(measured[str(size)], figure) == pytest.approx(usual, rel=margin)


def test_a_poll_among_hundreds_costs_little_more_than_alone(
    measured: Mapping[str, guard.Figures],
) -> None:
    alone, among = (measured[str(size)] for size in guard.SIZES)

    assert among.calls < 1.2 * alone.calls
    assert among.allocated < 1.2 * alone.allocated
    assert (among.requests, among.sent) == (alone.requests, alone.sent)
