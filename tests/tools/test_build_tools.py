"""What `scripts/build_tools.py` promises, tried on a copy of it with a stand-in for Go."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = "actionlint"

# Writes down each call, and lets `go build` make the program, or fail while a file `broken` lies
# in the folder of the stand-in.
STAND_IN = """#!/bin/sh
echo "$*" >> "$(dirname "$0")/calls"
case "$1" in
version) echo "go version go1.99.0 linux/amd64" ;;
list) echo one; echo two ;;
build)
    if [ -e "$(dirname "$0")/broken" ]; then echo "two.go: no such thing"; exit 3; fi
    while [ "$1" != "-o" ]; do shift; done
    echo made > "$2/actionlint" ;;
esac
"""


class Checkout:
    """A folder with the script, one tool's pins and a Go that only pretends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.go = folder / "path" / "go"
        self.log = folder / ".tools" / "log" / f"{TOOL}.log"
        self.program = folder / ".tools" / "bin" / TOOL
        (folder / "scripts").mkdir()
        shutil.copy(ROOT / "scripts" / "build_tools.py", folder / "scripts")
        shutil.copytree(ROOT / "tools" / TOOL, folder / "tools" / TOOL)
        self.go.parent.mkdir()
        self.go.write_text(STAND_IN)
        self.go.chmod(0o755)

    def build(self, name: str = TOOL) -> subprocess.CompletedProcess[str]:
        path = f"{self.go.parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            [sys.executable, "scripts/build_tools.py", name],
            cwd=self.folder,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def builds(self) -> list[str]:
        calls = (self.go.parent / "calls").read_text().splitlines()
        return [call for call in calls if call.startswith("build ")]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_tool_is_built_once_from_its_pins_only(checkout: Checkout) -> None:
    first, second = checkout.build(), checkout.build()

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert checkout.program.read_text() == "made\n"
    assert "built in" in first.stdout
    assert "there already" in second.stdout
    (command,) = checkout.builds()
    assert {"-mod=readonly", "-trimpath"} <= set(command.split())


@pytest.mark.parametrize("pins", ["go.mod", "go.sum"])
def test_a_changed_pin_builds_again(checkout: Checkout, pins: str) -> None:
    checkout.build()
    with (checkout.folder / "tools" / TOOL / pins).open("a") as file:
        file.write("// changed\n")

    checkout.build()

    assert len(checkout.builds()) == 2


def test_a_program_that_was_removed_is_built_again(checkout: Checkout) -> None:
    checkout.build()
    checkout.program.unlink()

    checkout.build()

    assert checkout.program.exists()


def test_a_failed_build_is_named_keeps_its_log_and_is_tried_again(checkout: Checkout) -> None:
    broken = checkout.go.parent / "broken"
    broken.touch()

    failed = checkout.build()

    assert failed.returncode == 1
    assert f"build_tools: {TOOL}: " in failed.stderr
    assert f".tools/log/{TOOL}.log" in failed.stderr
    assert "two.go: no such thing" in failed.stderr
    assert "two.go: no such thing" in checkout.log.read_text()
    broken.unlink()
    assert checkout.build().returncode == 0
    assert checkout.program.exists()


def test_an_unknown_tool_is_refused_by_name(checkout: Checkout) -> None:
    refused = checkout.build("actionlnt")

    assert refused.returncode == 1
    assert "no tool called actionlnt" in refused.stderr
    assert "actionlint" in refused.stderr
