"""Benches on a state, closed after the test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from exporter.ledger.database import Database
from tests.ledger.bench import Bench, Make


@pytest.fixture
def place(tmp_path: Path) -> Callable[[], Path | Database]:
    """Gives where a bench keeps its state: in a file."""
    return lambda: tmp_path / "state.db"


@pytest.fixture
def make(place: Callable[[], Path | Database]) -> Iterator[Make]:
    """Makes a bench on a state; it is closed after the test."""
    with ExitStack() as stack:

        def one(**options: Any) -> Bench:
            made = Bench(place(), **options)
            stack.callback(made.close)
            return made

        yield one


@pytest.fixture
def bench(make: Make) -> Bench:
    """A bench that has polled once."""
    made = make()
    made.poll()
    return made
