"""The state as others may look at it: read-only, beside a running daemon, nothing changed.

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
from exporter.ledger.database import Database
from exporter.ledger.engine import Connection, DamagedRowError, ForeignStateError, StateError
from exporter.ledger.engines import postgres_engine
from exporter.ledger.state import LedgerState

BUSY_SECONDS = 5.0


@contextmanager
def look(place: Path | Database) -> Iterator[Connection]:
    """A connection that sees the state as it was last committed, for one look.

    Raises StateError where there is no state of our version, or it cannot be read.
    """
    if isinstance(place, Database):
        with postgres_engine()(place).look() as transaction:
            yield transaction
    else:
        with _look_at_file(place) as transaction:
            yield transaction


@contextmanager
def _look_at_file(path: Path) -> Iterator[Connection]:
    place = statefile.resolve(path)
    try:
        condition = statefile.examine(place)
        # Without a log there is no writer; SQLite would make one, and a reader leaves it behind.
        still = not place.with_name(f"{place.name}-wal").exists()
    except ForeignStateError as error:
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
    except (sqlite3.Error, DamagedRowError) as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        raise StateError(f"state.path: {path} cannot be read: {name}") from error


def counted_since(state: LedgerState) -> float | None:
    """From when on the counts of an integration hold sessions, Unix seconds; None: not begun."""
    if state.origin is None and not state.counts:
        return None
    return state.begun if state.origin is None else min(state.begun, state.origin / MICROSECONDS)


def begun_in(place: Path | Database, name: str) -> float | None:
    """From when on a state counts that integration's sessions; None where it has none of it.

    Raises StateError.
    """
    if isinstance(place, Path) and not place.exists():
        return None
    with look(place) as connection:
        state = records.read_state(connection, name)
    return None if state is None else counted_since(state)
