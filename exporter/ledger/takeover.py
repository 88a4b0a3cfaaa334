"""Taking a state file over into a database, before anything was counted there."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from exporter.ledger import records
from exporter.ledger.engine import Connection, StateError

APART = {"meta", "integration", "replica", "lease"}
"""Tables that are not copied row by row: what marks the database, and who polls."""


class Taken(NamedTuple):
    """What was taken over of one integration."""

    name: str
    sessions: int
    remembered: int


def take_over(file: Connection, database: Connection, schema: str) -> list[Taken]:
    """Copy all that a state file holds; the ids of its sessions keep their secret.

    Replicas that start meanwhile wait, until the transaction ends.
    Raises StateError where something is counted in that schema already.
    """
    database.execute("LOCK TABLE integration IN ACCESS EXCLUSIVE MODE")
    ((there,),) = database.execute("SELECT count(*) FROM integration").fetchall()
    if there:
        raise StateError(
            f"state.schema: {schema} counts {there} integrations already: name another schema, or "
            "take the file over before the first exporter starts there"
        )
    database.execute("UPDATE meta SET value = ? WHERE key = 'salt'", (records.salt(file),))
    rows: dict[int, int] = {}
    columns = _columns(database, schema, "integration")
    for row, *values in file.execute(f"SELECT id, {', '.join(columns[1:])} FROM integration"):  # noqa: S608 - columns are the database's own
        ((rows[row],),) = database.execute(
            f"INSERT INTO integration ({', '.join(columns[1:])}) "  # noqa: S608 - as above
            f"VALUES ({_marks(values)}) RETURNING id",
            values,
        ).fetchall()
    tables = database.execute(
        "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = ? ORDER BY 1", (schema,)
    ).fetchall()
    for (table,) in tables:
        if table not in APART:
            _copy(file, database, table, _columns(database, schema, table), rows)
    return list(_taken(database))


def _columns(database: Connection, schema: str, table: str) -> list[str]:
    found = database.execute(
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position",
        (schema, table),
    )
    return [name for (name,) in found]


def _copy(
    file: Connection, database: Connection, table: str, columns: list[str], rows: dict[int, int]
) -> None:
    """All rows of a table, those of each integration under the number that it has now."""
    named, place = ", ".join(columns), columns.index("integration")
    found = file.execute(f"SELECT {named} FROM {table}")  # noqa: S608 - the database's own names
    database.executemany(
        f"INSERT INTO {table} ({named}) VALUES ({_marks(columns)})",  # noqa: S608 - as above
        ([*row[:place], rows[row[place]], *row[place + 1 :]] for row in found),
    )


def _marks(values: list[Any]) -> str:
    return ", ".join("?" * len(values))


def _taken(database: Connection) -> Iterator[Taken]:
    found = database.execute(
        """SELECT it.name, (SELECT value FROM counter
                WHERE integration = it.id AND name = 'sessions' AND label = ''),
            (SELECT count(*) FROM session WHERE integration = it.id)
        FROM integration AS it ORDER BY it.name"""
    )
    for name, sessions, remembered in found:
        yield Taken(name, int(sessions or 0), remembered)
