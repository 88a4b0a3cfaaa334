"""What `tools/build.mk` promises, tried on a copy of it with a stand-in for Go's long builds.

That the real Go builds the real tools is what all other tests here stand on.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.tools

ROOT = Path(__file__).resolve().parents[2]
TOOL = "actionlint"

# Writes down each call, and makes the program, or fails while a file `broken` lies beside it.
STAND_IN = """#!/bin/sh
here=$(dirname "$0")
echo "GOFLAGS=$GOFLAGS GOTOOLCHAIN=$GOTOOLCHAIN $*" >> "$here/calls"
if [ -e "$here/broken" ]; then echo "two.go: no such thing" >&2; exit 3; fi
while [ "$1" != "-o" ]; do shift; done
mkdir -p "$(dirname "$2")" && echo made > "$2"
"""


class Checkout:
    """A folder with the rules, one tool's pins and a Go that only pretends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.go = folder / "path" / "go"
        self.program = folder / ".tools" / "bin" / TOOL
        (folder / "scripts").mkdir()
        shutil.copy(ROOT / "scripts" / "stage", folder / "scripts")
        shutil.copytree(ROOT / "tools" / TOOL, folder / "tools" / TOOL)
        shutil.copy(ROOT / "tools" / "build.mk", folder / "tools")
        self.go.parent.mkdir()
        self.go.write_text(STAND_IN)
        self.go.chmod(0o755)

    def build(self, program: str = TOOL) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", "-f", "tools/build.mk", f"GO={self.go}", f".tools/bin/{program}"],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def builds(self) -> list[str]:
        return (self.go.parent / "calls").read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_tool_is_built_once_from_its_pins_only(checkout: Checkout) -> None:
    first, second = checkout.build(), checkout.build()

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert checkout.program.read_text() == "made\n"
    assert f"build {TOOL}: done after" in first.stdout
    (command,) = checkout.builds()
    assert {"GOFLAGS=-mod=readonly", "GOTOOLCHAIN=local", "-trimpath"} <= set(command.split())
    assert "-X github.com/rhysd/actionlint.version=v1." in command


@pytest.mark.parametrize("pins", ["go.mod", "go.sum"])
def test_a_changed_pin_builds_again(checkout: Checkout, pins: str) -> None:
    checkout.build()
    path = checkout.folder / "tools" / TOOL / pins
    built = checkout.program.stat().st_mtime
    os.utime(path, (built + 1, built + 1))

    checkout.build()

    assert len(checkout.builds()) == 2


def test_a_failed_build_is_named_and_tried_again(checkout: Checkout) -> None:
    broken = checkout.go.parent / "broken"
    broken.touch()

    failed = checkout.build()

    assert failed.returncode != 0
    assert f"build {TOOL}: FAILED (3)" in failed.stdout
    assert "two.go: no such thing" in failed.stderr
    broken.unlink()
    assert checkout.build().returncode == 0
    assert checkout.program.exists()


def test_an_unknown_tool_is_refused_by_name(checkout: Checkout) -> None:
    refused = checkout.build("actionlnt")

    assert refused.returncode != 0
    assert "actionlnt" in refused.stderr
