"""Which engine keeps a state: SQLite for a file or for none, PostgreSQL for a database."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.ledger.database import Database
from exporter.ledger.engine import Engine, StateError
from exporter.ledger.sqlite import SqliteEngine
from exporter.settings.errors import SettingsError

if TYPE_CHECKING:
    from exporter.ledger.postgres import PostgresEngine


def make_engine(place: Path | Database | None, now: Callable[[], float]) -> Engine:
    """What keeps the state there. Raises SettingsError where its driver is not installed."""
    if isinstance(place, Database):
        try:
            return postgres_engine()(place)
        except StateError as error:
            raise SettingsError(str(error)) from None
    return SqliteEngine(place, now)


def postgres_engine() -> "type[PostgresEngine]":
    """Imported only where it is used: the driver costs memory, and is an extra.

    Raises StateError where it is not installed.
    """
    try:
        from exporter.ledger.postgres import PostgresEngine
    except ImportError:
        raise StateError(
            "state.url: needs PostgreSQL's driver: pip install 'isnotai-exporter[postgres]'"
        ) from None
    return PostgresEngine
