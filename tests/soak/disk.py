"""Trouble with the state's disk for one life of the exporter: full, filling up, or read-only."""

import random
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.e2e.state import StateFile
from tests.e2e.test_state import without_privileges

Trouble = Literal["none", "full", "tight", "fills", "read-only file", "read-only folder"]

TROUBLES: tuple[Trouble, ...] = (
    *("none",) * 5,
    *("full", "tight", "fills", "fills", "read-only file", "read-only folder"),
)


@dataclass
class Disk:
    """What happens to the state's disk in one life.

    trouble: "full" and "tight" from the start on, "fills" later: no byte of any file may be written
    beyond `limit`. recovers: whether the trouble ends before the life does.
    """

    folder: Path
    trouble: Trouble
    limit: int
    recovers: bool

    def prepare(self) -> Callable[[], None] | None:
        if self.trouble in ("full", "tight"):
            return lambda: _limit(0, self.limit)
        if self.trouble.startswith("read-only"):
            for file in self.folder.iterdir():
                file.chmod(0o400)
            if self.trouble == "read-only folder":
                self.folder.chmod(0o500)
            return without_privileges
        return None

    def strike(self, pid: int) -> None:
        if self.trouble == "fills":
            _limit(pid, self.limit)

    def recover(self, pid: int | None = None) -> None:
        if self.trouble.startswith("read-only"):
            self.folder.chmod(0o700)
            for file in self.folder.iterdir():
                file.chmod(0o600)
        if pid is not None:
            _limit(pid, None)


class FileOnDisk(StateFile):
    """A state file whose disk is in trouble in some lives."""

    def draw(self, chance: random.Random) -> Disk:
        trouble = chance.choice(TROUBLES)
        largest = max((file.stat().st_size for file in self.folder.iterdir()), default=0)
        limit = 0 if trouble == "full" or chance.random() < 0.3 else chance.randint(0, 2 * largest)
        return Disk(self.folder, trouble, limit, chance.random() < 0.5)


def _limit(pid: int, size: int | None) -> None:
    """No file of that process (0: this one) may grow beyond so many bytes; None: no limit."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))
