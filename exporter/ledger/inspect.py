"""The state file as others may look at it: read-only, beside a running daemon, nothing changed.

Each look is one short read transaction, so that the daemon's log of writes never has to wait for
it. A state of an older version is not upgraded; a damaged one is not set aside.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from exporter.api.times import MICROSECONDS
from exporter.ledger import records, schema, statefile
from exporter.ledger.state import LedgerState
from exporter.ledger.store import StateError

BUSY_SECONDS = 5.0


@contextmanager
def look(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that sees the state as it was last committed, for one look.

    Raises StateError where there is no state of our version, or it cannot be read.
    """
    place = statefile.resolve(path)
    try:
        condition = statefile.examine(place)
        # Without a log there is no writer; SQLite would make one, and a reader leaves it behind.
        still = not place.with_name(f"{place.name}-wal").exists()
    except statefile.ForeignStateError as error:
        raise StateError(str(error)) from None
    except OSError as error:
        raise StateError(f"state.path: {path} cannot be read: {error.strerror}") from None
    if condition != "ours":
        said = "is not there yet" if condition == "absent" else "is damaged"
        raise StateError(f"state.path: {path} {said}")
    uri = f"file:{quote(str(place))}?mode=ro{'&immutable=1' if still else ''}"
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            if connection.execute("PRAGMA user_version").fetchone()[0] != schema.VERSION:
                raise StateError(
                    f"state.path: {path} is of an older version; an exporter of this version "
                    "upgrades it at its start"
                )
            yield connection
        finally:
            connection.close()
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        raise StateError(f"state.path: {path} cannot be read: {name}") from error


def counted_since(state: LedgerState) -> float | None:
    """From when on the counts of an integration hold sessions, Unix seconds; None: not begun."""
    if state.origin is None and not state.counts:
        return None
    return state.begun if state.origin is None else min(state.begun, state.origin / MICROSECONDS)


def begun_in(path: Path, name: str) -> float | None:
    """From when on a state counts that integration's sessions; None where it has none of it.

    Raises StateError.
    """
    if not path.exists():
        return None
    with look(path) as connection:
        state = records.read_state(connection, name)
    return None if state is None else counted_since(state)
