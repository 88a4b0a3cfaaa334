"""Where the daemons of a test keep what they count, over all their lives."""

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Protocol


class State(Protocol):
    """A file, or a database."""

    @property
    def variables(self) -> dict[str, str]:
        """What names it to a daemon."""
        ...

    def contents(self) -> dict[str, bytes]:
        """All that lies there now, by where it lies."""
        ...

    def invalid_items(self) -> int:
        """How many invalid items the state of a daemon that is dead remembers."""
        ...


class StateFile:
    """A file of SQLite, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "state"
        self.folder.mkdir()
        self.path = self.folder / "state.db"
        self._aside = folder / "aside"

    @property
    def variables(self) -> dict[str, str]:
        return {"ISNOTAI_STATE_PATH": str(self.path)}

    def contents(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in self.folder.iterdir()}

    def invalid_items(self) -> int:
        # A copy, so that what a kill left behind is not touched.
        shutil.copytree(self.folder, self._aside)
        with contextlib.closing(sqlite3.connect(self._aside / self.path.name)) as connection:
            (number,) = connection.execute("SELECT count(*) FROM invalid").fetchone()
        shutil.rmtree(self._aside)
        return int(number)
