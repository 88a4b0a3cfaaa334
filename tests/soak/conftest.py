from pathlib import Path

import pytest

from tests.soak.disk import FileOnDisk
from tests.soak.trouble import Troubled


@pytest.fixture
def state(tmp_path: Path) -> Troubled:
    """Where the daemons keep what they count; now and then it is out of reach."""
    return FileOnDisk(tmp_path)
