"""SQLite: a state file that one process holds, or a state in memory.

WAL and `synchronous=FULL`: what is committed is on the disk. A damaged file is moved aside, and a
new one takes its place.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from exporter.ledger import schema, statefile
from exporter.ledger.engine import (
    Connection,
    DamagedRowError,
    DamagedStateError,
    ForeignStateError,
    StateError,
)
from exporter.ledger.filelock import FileLock
from exporter.log import get_logger

_log = get_logger(__name__)

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class SqliteEngine:
    """The state at `path`; in memory without one.

    now: Unix seconds of our clock, for the names of damaged files.
    """

    errors: tuple[type[Exception], ...] = (sqlite3.Error, DamagedRowError)

    def __init__(self, path: Path | None, now: Callable[[], float]) -> None:
        self.generation = 0
        self.path = statefile.resolve(path) if path else None
        self._now = now
        self._lock = FileLock(self.path) if self.path else None
        self._connection: sqlite3.Connection | None = None

    def examine(self) -> None:
        """Raises ForeignStateError where the file is not ours; other trouble waits for later."""
        if self.path is not None:
            try:
                statefile.examine(self.path)
            except OSError as error:
                _log.warning("state_unavailable", error=error.strerror)

    def acquire(self) -> bool:
        """Take the lock of the file. Raises ForeignStateError, StateError."""
        if self._lock is None or self.path is None:
            return True
        try:
            statefile.examine(self.path)
            return self._lock.acquire()
        except OSError as error:
            raise StateError(f"the state cannot be opened: {error.strerror}") from None

    def begin(self, *, snapshot: bool = False) -> Connection:
        """One writer at a time, so that every transaction sees one state."""
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        return connection

    def commit(self) -> None:
        self.connection().execute("COMMIT")

    def roll_back(self) -> None:
        connection = self._connection
        try:
            if connection is not None and connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            # A connection that cannot even roll back is of no more use; the next work opens anew.
            if self.path is not None:
                self.close()

    def fault(self, error: Exception) -> StateError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGE or isinstance(error, DamagedRowError):
            return self._replace_damaged()
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        if self.path is not None:
            self.close()
        return StateError(f"the state was not committed: {name}")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def release(self) -> None:
        if self._lock:
            self._lock.release()

    def connection(self) -> sqlite3.Connection:
        """The open connection. Raises StateError."""
        if self._connection is not None:
            return self._connection
        if self.path is None:
            connection = sqlite3.connect(":memory:", isolation_level=None)
            schema.initialise(connection)
            self._connection = connection
            return connection
        try:
            self._connection = self.open_file(self.path)
        except self.errors as error:
            raise self.fault(error) from error
        except OSError as error:
            raise StateError(f"the state cannot be opened: {error.strerror}") from None
        except ForeignStateError as error:
            raise StateError(str(error)) from None
        return self._connection

    def open_file(self, path: Path) -> sqlite3.Connection:
        """A connection to the file, once it is locked, whole and of our version."""
        if self._lock and not self._lock.acquire():
            raise StateError("another exporter holds the state")
        condition = statefile.examine(path)
        if condition == "damaged":
            raise self._replace_damaged()
        if condition == "absent":
            statefile.create(path)
            if self._lock and not self._lock.hold():
                raise StateError("another exporter holds the state")
        connection = statefile.connect(path)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")  # ids that waited do not stay behind
            connection.execute("PRAGMA journal_size_limit = 4194304")
            intact = schema.intact(connection)
            if intact:
                schema.upgrade(connection)
        except self.errors:
            connection.close()
            raise
        if not intact:
            connection.close()
            raise self._replace_damaged()
        return connection

    def _replace_damaged(self) -> StateError:
        if self.path is None:
            return StateError("the state in memory is damaged")
        self.close()
        try:
            aside = statefile.set_aside(self.path, f"{self._now():.0f}")
        except OSError as error:
            return StateError(f"the damaged state cannot be moved aside: {error.strerror}")
        self.generation += 1
        _log.error("state_damaged", path=str(self.path), moved_to=str(aside))
        return DamagedStateError("the state file was damaged and has been moved aside")
