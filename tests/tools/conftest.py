"""The path of each real program that `make tools` built, for the tests that run them.

A missing program fails the test that asks for it, so that no promise is passed over in silence.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.api_server import cluster as cluster
from tests.tools.chart import Helm
from tests.tools.postgres import postgres as postgres

TOOLS = Path(__file__).resolve().parents[2] / ".tools"


@pytest.fixture(scope="session")
def tool() -> Callable[[str], Path]:
    """A function from a program's name, such as `promtool`, to its path."""

    def path_of(name: str) -> Path:
        path = TOOLS / "bin" / name
        if not path.is_file():
            pytest.fail(f"{name} is not built: run make tools", pytrace=False)
        return path

    return path_of


@pytest.fixture(scope="session")
def shared_file() -> Callable[[str], Path]:
    """A function from a path under `.tools/share`, such as a CRD's, to the file."""

    def path_of(name: str) -> Path:
        path = TOOLS / "share" / name
        if not path.is_file():
            pytest.fail(f"{name} is not there: run make tools", pytrace=False)
        return path

    return path_of


@pytest.fixture(scope="session")
def helm(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """The real Helm."""
    return Helm(tool("helm"), tmp_path_factory.mktemp("helm"))
