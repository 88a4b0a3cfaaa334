"""The store: one SQLite connection, one writer, on a thread of its own.

Every change is one explicit transaction (WAL, synchronous=FULL): a counter and the frontier that
justifies it are committed together or not at all. Knows nothing of what is counted.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

from exporter.ledger import schema, statefile
from exporter.ledger.filelock import FileLock, StateLockedError
from exporter.ledger.statefile import ForeignStateError
from exporter.log import get_logger

T = TypeVar("T")
P = ParamSpec("P")

LOCK_SECONDS = 30.0
"""How long a second process waits for the first to let go of the state."""

_log = get_logger(__name__)


class StateError(Exception):
    """The state could not be read or committed; what is published stays at the last commit."""

    kind = "state"


class DamagedStateError(StateError):
    """The state file is damaged; it was moved aside, and a new one is in its place."""


class _Thread(Executor):
    """One thread for all work, which a process that ends does not wait for.

    A commit on a disk that hangs, or behind another process, would hold up the end; and SQLite
    can be cut off.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._run, name="state", daemon=True).start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:  # noqa: BLE001 - carried to whoever waits
                    future.set_exception(error)

        self._work.put(work)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()


class Store:
    """The state of all integrations; in memory without a path.

    now: Unix seconds of our clock, for the time of the last commit and names of damaged files.
    """

    def __init__(self, path: Path | None, now: Callable[[], float]) -> None:
        self.last_commit: float | None = None
        """When a transaction was last committed, Unix seconds."""
        self.generation = 0
        """Raised whenever a new state takes the place of a damaged one."""
        self._path = statefile.resolve(path) if path else None
        self._now = now
        self._lock = FileLock(self._path) if self._path else None
        self._connection: sqlite3.Connection | None = None
        self._thread = _Thread()

    def examine(self) -> None:
        """Raises ForeignStateError where the file is not ours; other trouble waits for later."""
        if self._path is not None:
            try:
                statefile.examine(self._path)
            except OSError as error:
                _log.warning("state_unavailable", error=error.strerror)

    async def acquire(self, monotonic: Callable[[], float]) -> None:
        """Take the lock of the state, waiting LOCK_SECONDS for another process to let go.

        Raises StateLockedError when it does not, ForeignStateError where the file is not ours,
        StateError where the place cannot be written now (the daemon stays up and tries again).
        """
        if self._lock is None or self._path is None:
            return
        deadline = monotonic() + LOCK_SECONDS
        said = False
        while True:
            try:
                statefile.examine(self._path)
                if self._lock.acquire():
                    return
            except OSError as error:
                raise StateError(f"the state cannot be opened: {error.strerror}") from None
            if not said:
                said = True
                _log.warning(
                    "state_in_use",
                    path=str(self._path),
                    message=f"another exporter holds it; waits {LOCK_SECONDS:g} s for it to end",
                )
            if monotonic() >= deadline:
                raise StateLockedError(f"state.path: another exporter holds {self._path}")
            await asyncio.sleep(0.1)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` in one transaction, which is committed when it returns.

        Work that must be undone with the transaction (a cache in memory) belongs into `work`'s
        return value; work that follows the commit belongs into `then` of `run_then`.
        Raises StateError; the transaction was then rolled back.
        """
        return await self.run_then(work, lambda result: result)

    async def run_then(self, work: Callable[[sqlite3.Connection], T], then: Callable[[T], T]) -> T:
        """As `run`; `then` is called with the result on the store's thread after the commit.

        So what is published follows the commit even where the caller was cancelled meanwhile.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._transact, work, then)

    async def close(self) -> None:
        """Close the connection and let go of the lock."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._close)
        self._thread.shutdown()
        if self._lock:
            self._lock.release()

    def _transact(self, work: Callable[[sqlite3.Connection], T], then: Callable[[T], T]) -> T:
        connection = self._open()
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = work(connection)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back(connection)
            raise self._translated(error) from error
        except BaseException:
            self._roll_back(connection)
            raise
        self.last_commit = self._now()
        return then(result)

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            # A connection that cannot even roll back is of no more use; the next work opens anew.
            if self._path is not None:
                self._close()

    def _translated(self, error: sqlite3.Error) -> StateError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return self._replace_damaged()
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        if self._path is not None:
            self._close()
        return StateError(f"the state was not committed: {name}")

    def _replace_damaged(self) -> StateError:
        if self._path is None:
            return StateError("the state in memory is damaged")
        self._close()
        try:
            aside = statefile.set_aside(self._path, f"{self._now():.0f}")
        except OSError as error:
            return StateError(f"the damaged state cannot be moved aside: {error.strerror}")
        self.generation += 1
        _log.error("state_damaged", path=str(self._path), moved_to=str(aside))
        return DamagedStateError("the state file was damaged and has been moved aside")

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        if self._path is None:
            connection = sqlite3.connect(":memory:", isolation_level=None)
            schema.initialise(connection)
            self._connection = connection
            return connection
        try:
            self._connection = self._open_file(self._path)
        except sqlite3.Error as error:
            raise self._translated(error) from error
        except OSError as error:
            raise StateError(f"the state cannot be opened: {error.strerror}") from None
        except ForeignStateError as error:
            raise StateError(str(error)) from None
        return self._connection

    def _open_file(self, path: Path) -> sqlite3.Connection:
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
        except sqlite3.Error:
            connection.close()
            raise
        if not intact:
            connection.close()
            raise self._replace_damaged()
        return connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
