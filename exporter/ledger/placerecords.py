"""How the values of places lie in the state: as hashes until they show, users as hashes always."""

from collections.abc import Callable, Iterable, Mapping

from exporter.ledger.engine import Connection
from exporter.ledger.places import Book, Stand, Value, most_hidden
from exporter.ledger.records import in_chunks
from exporter.places import Place


def load(
    connection: Connection,
    integration: int,
    places: Mapping[str, Place],
    min_users: int,
    hashed: Callable[[str], bytes],
    seen: Iterable[tuple[str, str]],
) -> Book:
    """What is known of the places, and of the values that were just seen, (place, value)."""
    book = Book(places, min_users, hashed)
    rows = connection.execute(
        """SELECT place, count(name), count(*) FILTER (WHERE name IS NULL AND users >= ?),
        count(*) FILTER (WHERE name IS NULL AND users < ?)
        FROM place_value WHERE integration = ? GROUP BY place""",
        (min_users, min_users, integration),
    )
    book.stands.update((place, Stand(shown, ready, few)) for place, shown, ready, few in rows)
    keys = {book.key(place, value) for place, value in seen if value}
    for chunk, marks in in_chunks(sorted(keys)):
        query = f"""SELECT id, place, users, seen, name FROM place_value
            WHERE integration = ? AND id IN ({marks})"""  # noqa: S608 - marks are question marks
        for key, place, users, at, name in connection.execute(query, (integration, *chunk)):
            book.values[key] = Value(place, users, at, name)
        query = f"SELECT value, id FROM place_user WHERE integration = ? AND value IN ({marks})"  # noqa: S608 - as above
        book.users.update(connection.execute(query, (integration, *chunk)))
    return book


def save(connection: Connection, integration: int, book: Book) -> None:
    """Write what the batch has changed; users of values that show now are forgotten."""
    connection.executemany(
        """INSERT INTO place_value (integration, id, place, users, seen, name)
        VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (integration, id) DO UPDATE
        SET users = excluded.users, seen = excluded.seen, name = excluded.name""",
        (
            (integration, key, it.place, it.users, it.seen, it.name)
            for key, it in ((key, book.values[key]) for key in sorted(book.changed))
        ),
    )
    connection.executemany(
        "INSERT INTO place_user (integration, value, id) VALUES (?, ?, ?)",
        ((integration, *pair) for pair in sorted(book.new_users)),
    )
    connection.executemany(
        "DELETE FROM place_user WHERE integration = ? AND value = ?",
        ((integration, key) for key in book.changed if book.values[key].name is not None),
    )
    for place, stand in book.stands.items():
        beyond = stand.few - most_hidden(book.min_users)
        if beyond > 0:
            _forget(connection, integration, place, book.min_users, beyond)


def _forget(
    connection: Connection, integration: int, place: str, min_users: int, count: int
) -> None:
    """Forget those hidden values with few users that were seen longest ago."""
    rows = connection.execute(
        """SELECT id FROM place_value WHERE integration = ? AND place = ? AND name IS NULL
        AND users < ? ORDER BY seen, id LIMIT ?""",
        (integration, place, min_users, count),
    ).fetchall()
    keys = [(integration, key) for (key,) in rows]
    connection.executemany("DELETE FROM place_value WHERE integration = ? AND id = ?", keys)
    connection.executemany("DELETE FROM place_user WHERE integration = ? AND value = ?", keys)
