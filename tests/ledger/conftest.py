"""Benches on a state file, closed after the test."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.bench import Bench, Make


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes a bench on a state file; it is closed after the test."""
    with ExitStack() as stack:

        def one(**options: Any) -> Bench:
            made = Bench(tmp_path / "state.db", **options)
            stack.callback(made.close)
            return made

        yield one


@pytest.fixture
def bench(make: Make) -> Bench:
    """A bench that has polled once."""
    made = make()
    made.poll()
    return made
