from pathlib import Path

import pytest

from tests.e2e.state import State, StateFile


@pytest.fixture
def state(tmp_path: Path) -> State:
    """Where a daemon keeps what it counts."""
    return StateFile(tmp_path)
