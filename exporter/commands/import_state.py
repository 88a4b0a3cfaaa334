"""Import-state: takes a state file over into the database that state.url names.

The counters go on there, and no session counts again. Stop the exporter that has the file; start
exporters with state.url afterwards. The file is only read. Exit code 0: all was taken over; 1:
nothing was; 2: bad settings, or a file that is not a state.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from exporter.clock import SystemClock
from exporter.commands.command import Line, make_command
from exporter.commands.screen import GOOD, mark
from exporter.ledger import statefile
from exporter.ledger.database import Database, place_of
from exporter.ledger.engine import ForeignStateError, StateError
from exporter.ledger.engines import make_engine
from exporter.ledger.filelock import FileLock
from exporter.ledger.inspect import look
from exporter.ledger.takeover import Taken, take_over
from exporter.log import configure
from exporter.settings.errors import SettingsError
from exporter.settings.load import load_parsed
from exporter.terminal import complain, say

ARGUMENTS = [click.Argument(["file"], metavar="FILE")]


def run(line: Line, *, file: str) -> int:
    """Take the file over; the exit code. Raises SettingsError."""
    settings = load_parsed(line.flags, line.environ).settings
    configure("error", settings.log.format)
    place = place_of(settings.state)
    if not isinstance(place, Database):
        raise SettingsError("state.url: is not set, and there is no database to take a state into")
    try:
        taken = _take_over(Path(file), place)
    except StateError as error:
        complain(error)
        return 1
    except ForeignStateError as error:
        raise SettingsError(str(error)) from None
    for one in taken:
        say(
            f"{mark(GOOD)} {one.name}: {one.sessions:,} sessions counted, of which "
            f"{one.remembered:,} are remembered by id"
        )
    say(f"now start exporters with state.url, and none with {file} any more: it would count, too")
    return 0


def _take_over(path: Path, place: Database) -> list[Taken]:
    """All of it, in one transaction. Raises StateError, ForeignStateError."""
    engine = make_engine(place, SystemClock().now)
    try:
        with _held(path), look(path) as file:
            taken = take_over(file, engine.begin(), place.schema)
            engine.commit()
            return taken
    except engine.errors as error:
        engine.roll_back()
        raise engine.fault(error) from error
    finally:
        engine.roll_back()
        engine.close()


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """No exporter writes the file meanwhile. Raises StateError, ForeignStateError."""
    place = statefile.resolve(path)
    lock = FileLock(place)
    try:
        if statefile.examine(place) == "absent":
            raise StateError(f"{path}: there is no such file")
        if not lock.acquire():
            raise StateError(f"{path}: an exporter holds it; stop that first")
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


command: Any = make_command("import-state", run, __doc__, ARGUMENTS)
