"""The store: one database, one writer, on a thread of its own.

Every change is one explicit transaction: a counter and the frontier that justifies it are committed
together or not at all. Knows nothing of what is counted, nor of which engine keeps it.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

from exporter.ledger.database import Database
from exporter.ledger.engine import Connection
from exporter.ledger.engines import make_engine
from exporter.ledger.filelock import StateLockedError
from exporter.log import get_logger

T = TypeVar("T")
P = ParamSpec("P")

LOCK_SECONDS = 30.0
"""How long a second process waits for the first to let go of the state."""

_log = get_logger(__name__)


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
    """The state of all integrations: in a file, in a database, or in memory without a place.

    now: Unix seconds of our clock, for the time of the last commit and names of damaged files.
    """

    def __init__(self, place: Path | Database | None, now: Callable[[], float]) -> None:
        self.last_commit: float | None = None
        """When a transaction was last committed, Unix seconds."""
        self._place = place
        self._now = now
        self.engine = make_engine(place, now)
        self._thread = _Thread()

    @property
    def generation(self) -> int:
        """Raised whenever the state may be another than what was last committed here."""
        return self.engine.generation

    def examine(self) -> None:
        """Raises ForeignStateError where the state is not ours; other trouble waits for later."""
        self.engine.examine()

    async def acquire(self, monotonic: Callable[[], float]) -> None:
        """Take the right to write, waiting LOCK_SECONDS for another process to let go.

        Raises StateLockedError when it does not, ForeignStateError where the state is not ours,
        StateError where it cannot be written now (the daemon stays up and tries again).
        """
        deadline = monotonic() + LOCK_SECONDS
        said = False
        while not await self._acquired():
            if not said:
                said = True
                _log.warning(
                    "state_in_use",
                    path=str(self._place),
                    message=f"another exporter holds it; waits {LOCK_SECONDS:g} s for it to end",
                )
            if monotonic() >= deadline:
                raise StateLockedError(f"state.path: another exporter holds {self._place}")
            await asyncio.sleep(0.1)

    async def _acquired(self) -> bool:
        if isinstance(self._place, Database):
            # A server may take its time to answer.
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self.engine.acquire)
        return self.engine.acquire()

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in one transaction, which is committed when it returns.

        Work that must be undone with the transaction (a cache in memory) belongs into `work`'s
        return value; work that follows the commit belongs into `then` of `run_then`.
        Raises StateError; the transaction was then rolled back.
        """
        return await self.run_then(work, lambda result: result)

    async def run_then(self, work: Callable[[Connection], T], then: Callable[[T], T]) -> T:
        """As `run`; `then` is called with the result on the store's thread after the commit.

        So what is published follows the commit even where the caller was cancelled meanwhile.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._transact, work, then)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Do `work`, which writes nothing, and of which all statements see one state.

        Raises StateError.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._look, work)

    async def close(self) -> None:
        """Close the connection and let go of the lock."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self.engine.close)
        self._thread.shutdown()
        self.engine.release()

    def _transact(self, work: Callable[[Connection], T], then: Callable[[T], T]) -> T:
        result = self._done(work, snapshot=False)
        self.last_commit = self._now()
        return then(result)

    def _look(self, work: Callable[[Connection], T]) -> T:
        return self._done(work, snapshot=True)

    def _done(self, work: Callable[[Connection], T], *, snapshot: bool) -> T:
        engine = self.engine
        try:
            result = work(engine.begin(snapshot=snapshot))
            engine.commit()
        except engine.errors as error:
            engine.roll_back()
            raise engine.fault(error) from error
        except BaseException:  # whatever ends the work undoes it, and goes on to whoever waits
            engine.roll_back()
            raise
        return result
