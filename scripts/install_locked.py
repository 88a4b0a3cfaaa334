"""Install what locks pin, with pip, into the environment whose Python runs this.

    .venv/bin/python scripts/install_locked.py LOCK...

Most of the time that pip takes goes into the lists of all files that each package ever had, which
it reads one after the other on one core. So several pips fetch a part each, at once, and one
installs what they fetched. Nothing is resolved, and each file is one whose hash is in a lock. Needs
nothing but pip; compiles nothing.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
LOCKED = ("--no-deps", "--require-hashes")


def entries(lock: str) -> list[str]:
    """Each requirement of a lock with its hashes, without comments."""
    lines = re.sub(r"\\\n\s*", " ", lock).splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def is_there(entry: str) -> bool:
    """Whether the version that an entry pins is installed already."""
    pinned = re.match(r"([\w.-]+)(?:\[.*?\])?==([^\s;]+)", entry)
    try:
        return pinned is not None and version(pinned[1]) == pinned[2]
    except PackageNotFoundError:
        return False


def fetch(wanted: Sequence[str], folder: Path) -> bool:
    """Fetch the files into a folder, on all cores; whether all came."""
    running = []
    for number in range(min(len(wanted), os.cpu_count() or 1)):
        part = folder / f"part-{number}.txt"
        part.write_text("\n".join(wanted[number :: os.cpu_count() or 1]) + "\n", "utf-8")
        command = [*PIP, "download", *LOCKED, "--dest", str(folder), "--requirement", str(part)]
        running.append(subprocess.Popen(command))  # noqa: S603 - our own words
    codes = [one.wait() for one in running]
    return not any(codes)


def main(locks: Sequence[str]) -> int:
    """The exit code; pip says what is wrong."""
    every = dict.fromkeys(it for lock in locks for it in entries(Path(lock).read_text("utf-8")))
    wanted = [it for it in every if not is_there(it)]
    if not wanted:
        return 0
    with TemporaryDirectory() as name:
        folder = Path(name)
        if not fetch(wanted, folder):
            return 1
        both = folder / "all.txt"
        both.write_text("\n".join(every) + "\n", "utf-8")
        source = ("--no-index", "--find-links", name)
        command = [*PIP, "install", "--no-compile", *LOCKED, *source, "--requirement", str(both)]
        return subprocess.run(command, check=False).returncode  # noqa: S603 - our own words


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
