"""Real groff reads the man page without a warning."""

import shutil
import subprocess

import pytest

from scripts.write_man import PAGE

pytestmark = pytest.mark.tools


def test_groff_has_nothing_to_say_of_the_page() -> None:
    groff = shutil.which("groff")
    assert groff is not None, "groff is not installed: make debian-tools"

    read = subprocess.run(
        [groff, "-man", "-ww", "-Tascii", str(PAGE)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert read.stderr == ""
    assert len(read.stdout.splitlines()) > 200
