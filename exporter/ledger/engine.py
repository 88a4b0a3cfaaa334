"""What the ledger asks of a database, and what a database answers with; two modules implement it.

The statements of the ledger are one set, in the SQL that SQLite and PostgreSQL both understand,
with `?` for each parameter. What differs (schema, opening, locks, damage) is an engine's own.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

SALT_BYTES = 16
"""Of the secret by which a state hashes ids."""


class StateError(Exception):
    """The state could not be read or committed; what is published stays at the last commit."""

    kind = "state"


class MissingStateError(StateError):
    """There is no state yet, or one of an older version; an exporter makes or upgrades it."""


class DamagedStateError(StateError):
    """The state file is damaged; it was moved aside, and a new one is in its place."""


class ForeignStateError(Exception):
    """The state is not ours to write: another program's, or of a newer version."""


class DamagedRowError(Exception):
    """A row holds what was never written: damage that the database's own check does not see."""


class Rows(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed, of all executions."""

    def __iter__(self) -> Iterator[Any]: ...

    def fetchone(self) -> Any:
        """The next row; None where there is none."""

    def fetchall(self) -> list[Any]:
        """The remaining rows."""


class Connection(Protocol):
    """An open transaction. What fails in it raises one of its engine's `errors`."""

    def execute(self, statement: str, parameters: Sequence[Any] = ..., /) -> Rows:
        """Do one statement, with a value for each `?`."""

    def executemany(self, statement: str, parameters: Iterable[Sequence[Any]], /) -> Rows:
        """Do one statement for each of these, in their order; it gives no rows."""


class Engine(Protocol):
    """One database, used by one thread.

    errors: what its driver raises. generation: raised whenever what it holds may be another than
    what was last committed here, so that whoever keeps a copy in memory must read it anew.
    """

    errors: tuple[type[Exception], ...]
    generation: int

    def examine(self) -> None:
        """Raises ForeignStateError where it is not ours; other trouble waits for later."""

    def acquire(self) -> bool:
        """Take the right to write; False where another process has it, for now.

        Raises ForeignStateError, StateError.
        """

    def begin(self, *, snapshot: bool = False) -> Connection:
        """Open it, if it is not open, and begin a transaction.

        snapshot: it only reads, and all its statements see one state.
        Raises StateError, or one of `errors`.
        """

    def commit(self) -> None:
        """Commit what was begun. Raises one of `errors`."""

    def roll_back(self) -> None:
        """Undo what was begun, if anything was. Never fails."""

    def fault(self, error: Exception) -> StateError:
        """What one of `errors` means, in words that may be shown; called after `roll_back`."""

    def close(self) -> None:
        """Close the connection; the next transaction opens it again."""

    def release(self) -> None:
        """Give up the right to write."""
