"""How what is known of sessions lies in the state: rows in, rows out, ids as hashes only.

A row that cannot be what we wrote raises DamagedRowError, by which a state file is set aside.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from math import inf, isfinite
from typing import TypeVar

from exporter.api.times import MINUTE
from exporter.ledger import outboxes
from exporter.ledger.engine import SALT_BYTES, Connection, DamagedRowError
from exporter.ledger.recent import Recent
from exporter.ledger.rules import Known
from exporter.ledger.state import LedgerState

T = TypeVar("T")

_CHUNK = 500
"""Keys in one statement."""

_COLUMNS = "id, created, settled, bot, active, score, flags, places, name"

_SAVE = f"""INSERT INTO session (integration, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (integration, id) DO UPDATE SET created = excluded.created,
    settled = excluded.settled, bot = excluded.bot, active = excluded.active,
    score = excluded.score, flags = excluded.flags, places = excluded.places,
    name = excluded.name"""  # noqa: S608 - columns are a constant


def hash_id(identity: str, salt: bytes) -> bytes:
    """Sixteen bytes that stand for a session id; the salt is the state file's own."""
    hashed = _salted(salt).copy()
    hashed.update(identity.encode("utf-8", "surrogatepass"))
    return hashed.digest()


@lru_cache(8)
def _salted(salt: bytes) -> blake2b:
    """A hash that has taken in the salt, which is half of the work for an id."""
    return blake2b(digest_size=16, key=salt)


def hash_flag(flag: str, salt: bytes) -> str:
    """What stands for a flag that cannot be a label, and so is kept as a hash only."""
    return "~" + hash_id(flag, salt).hex()


def salt(connection: Connection) -> bytes:
    """The state file's own secret for hashing ids."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'salt'").fetchone()
    if row is None or len(bytes(row[0])) != SALT_BYTES:
        raise DamagedRowError("no salt")
    return bytes(row[0])


def load(connection: Connection, integration: int, keys: set[bytes]) -> dict[bytes, Known]:
    """What is known of the sessions with these hashes; unknown ones are left out."""
    known: dict[bytes, Known] = {}
    for chunk, marks in in_chunks(keys):
        query = f"SELECT {_COLUMNS} FROM session WHERE integration = ? AND id IN ({marks})"  # noqa: S608 - marks are question marks
        known.update(map(_known, connection.execute(query, (integration, *chunk))))
    return known


def in_chunks(keys: Iterable[T]) -> Iterator[tuple[list[T], str]]:
    """The keys in lists that one statement can hold, each with its question marks."""
    remaining = iter(keys)
    while chunk := list(islice(remaining, _CHUNK)):
        yield chunk, ",".join("?" * len(chunk))


def unsettled(
    connection: Connection, integration: int, start: int, end: int, most: int
) -> list[tuple[bytes, Known]]:
    """The unsettled sessions created in [start, end), the oldest first and at most so many."""
    query = f"""SELECT {_COLUMNS} FROM session
        WHERE integration = ? AND settled = 0 AND created >= ? AND created < ?
        ORDER BY created LIMIT ?"""  # noqa: S608 - columns are a constant
    return list(map(_known, connection.execute(query, (integration, start, end, most))))


def ids_by_minute(connection: Connection, integration: int, start: int, end: int) -> dict[int, int]:
    """How many sessions created in [start, end) are known, by the minute of createdAt."""
    rows = connection.execute(
        """SELECT created / ?, count(*) FROM session
        WHERE integration = ? AND created >= ? AND created < ? GROUP BY 1""",
        (MINUTE, integration, start, end),
    )
    return dict(rows.fetchall())


def save(connection: Connection, integration: int, known: Mapping[bytes, Known]) -> None:
    """Write what is now known of these sessions."""
    connection.executemany(
        _SAVE,
        (
            (
                integration,
                key,
                value.created,
                int(value.settled),
                int(value.bot),
                int(value.active),
                value.score,
                json.dumps(sorted(value.flags)) if value.flags else None,
                json.dumps(value.places) if value.places else None,
                None if value.name is None else json.dumps(value.name),
            )
            for key, value in known.items()
        ),
    )


def remember_invalid(
    connection: Connection, integration: int, keys: Sequence[bytes], now: int
) -> int:
    """How many of these invalid items were not counted before; all are remembered from now on.

    Each is remembered from its last reading on, written anew at most once an hour.
    """
    connection.executemany(
        "UPDATE invalid SET seen = ? WHERE integration = ? AND id = ? AND seen < ?",
        ((now, integration, key, now - 60 * MINUTE) for key in keys),
    )
    added = connection.executemany(
        "INSERT INTO invalid VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        ((integration, key, now) for key in keys),
    )
    return max(0, added.rowcount)


def oldest_unsettled(connection: Connection, integration: int) -> int | None:
    """When the oldest unsettled session was created; None without any."""
    query = "SELECT min(created) FROM session WHERE integration = ? AND settled = 0"
    oldest: int | None = connection.execute(query, (integration,)).fetchone()[0]
    return oldest


def prune(connection: Connection, integration: int, horizon: int, invalid: int, most: int) -> None:
    """Forget up to `most` settled sessions created before `horizon`, and invalid items that were
    first read before both times."""
    connection.execute(
        """DELETE FROM session WHERE integration = ? AND id IN (
            SELECT id FROM session WHERE integration = ? AND settled = 1 AND created < ?
            LIMIT ?)""",
        (integration, integration, horizon, most),
    )
    connection.execute(
        "DELETE FROM invalid WHERE integration = ? AND seen < ?",
        (integration, min(horizon, invalid)),
    )


def prune_minutes(connection: Connection, integration: int, first: int) -> None:
    """Forget the minutes before `first`."""
    connection.execute(
        "DELETE FROM minute WHERE integration = ? AND minute < ?", (integration, first)
    )


def read_state(connection: Connection, name: str) -> LedgerState | None:
    """Where the integration of that name stands; None where it is new."""
    row = connection.execute(
        """SELECT id, first_start, begun, origin, horizon, frontier, unsettled, active
        FROM integration WHERE name = ?""",
        (name,),
    ).fetchone()
    if row is None:
        return None
    number, first_start, begun, origin, horizon, frontier, open_sessions, active = row
    counts, started = {}, {}
    rows = connection.execute(
        "SELECT name, label, value, created FROM counter WHERE integration = ?", (number,)
    )
    for counter, label, value, created in rows:
        counts[counter, label] = _counted(value)
        started[counter, label] = created
    minutes = connection.execute(
        "SELECT minute, sessions FROM minute WHERE integration = ?", (number,)
    )
    known: dict[int, int] = dict(minutes)
    return LedgerState(
        row=number,
        first_start=first_start,
        begun=begun,
        origin=origin,
        horizon=horizon,
        frontier=frontier,
        unsettled=open_sessions,
        active=active,
        oldest=oldest_unsettled(connection, number),
        counts=counts,
        started=started,
        minutes=known,
        findings=outboxes.waiting_findings(connection, number),
        recent=Recent.of_state(known, frontier),
    )


def read_counts(connection: Connection, names: Iterable[str]) -> dict[str, LedgerState]:
    """What may be shown of these integrations: counts, and where counting stands; no minutes."""
    states: dict[int, tuple[str, LedgerState]] = {}
    for chunk, marks in in_chunks(names):
        query = f"""SELECT name, id, first_start, begun, origin, horizon, frontier, unsettled,
            active FROM integration WHERE name IN ({marks})"""  # noqa: S608 - marks are question marks
        for name, number, *rest in connection.execute(query, chunk):
            states[number] = name, LedgerState(number, *rest)
    counts: dict[int, dict[tuple[str, str], float]] = {number: {} for number in states}
    started: dict[int, dict[tuple[str, str], float]] = {number: {} for number in states}
    for numbers, marks in in_chunks(states):
        query = f"""SELECT integration, name, label, value, created FROM counter
            WHERE integration IN ({marks})"""  # noqa: S608 - as above
        for number, counter, label, value, created in connection.execute(query, numbers):
            counts[number][counter, label] = _counted(value)
            started[number][counter, label] = created
    return {
        name: replace(state, counts=counts[number], started=started[number])
        for number, (name, state) in states.items()
    }


def insert_state(connection: Connection, name: str, state: LedgerState) -> LedgerState:
    """A row for a new integration, with all that `state` holds."""
    ((row,),) = connection.execute(
        "INSERT INTO integration (name, first_start, begun) VALUES (?, ?, ?) RETURNING id",
        (name, state.first_start, state.begun),
    ).fetchall()
    after = replace(state, row=row)
    write_row(connection, after)
    write_counts(connection, after, after.counts)
    write_minutes(connection, after, after.minutes)
    return after


def write_row(connection: Connection, state: LedgerState) -> None:
    """Where counting stands, less its counts."""
    connection.execute(
        """UPDATE integration SET first_start = ?, origin = ?, horizon = ?, frontier = ?,
        unsettled = ?, active = ? WHERE id = ?""",
        (
            state.first_start,
            state.origin,
            state.horizon,
            state.frontier,
            state.unsettled,
            state.active,
            state.row,
        ),
    )


def write_counts(
    connection: Connection, state: LedgerState, changes: Mapping[tuple[str, str], float]
) -> None:
    """The counts that changed, by name and label, at their new values."""
    connection.executemany(
        """INSERT INTO counter VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (integration, name, label) DO UPDATE SET value = excluded.value""",
        (
            (state.row, *key, value, state.started.get(key, state.begun))
            for key, value in changes.items()
        ),
    )


def write_minutes(connection: Connection, state: LedgerState, minutes: Iterable[int]) -> None:
    """The numbers of these minutes, at their new values."""
    connection.executemany(
        """INSERT INTO minute VALUES (?, ?, ?)
        ON CONFLICT (integration, minute) DO UPDATE SET sessions = excluded.sessions""",
        ((state.row, minute, state.minutes[minute]) for minute in minutes),
    )


def usage_days(connection: Connection, integration: int, since: date) -> dict[date, dict[str, int]]:
    """The remembered consumption of finished days, from `since` on."""
    rows = connection.execute(
        "SELECT day, metric, value FROM usage_day WHERE integration = ? AND day >= ?",
        (integration, since.isoformat()),
    )
    days: dict[date, dict[str, int]] = {}
    for day, metric, value in rows:
        values = days.setdefault(_day(day), {})
        if metric:
            values[metric] = value
    return days


def remember_usage_day(
    connection: Connection, integration: int, day: date, values: Mapping[str, int]
) -> None:
    """Keep what a finished day consumed; days of earlier months are forgotten."""
    # A row without a metric says that the day was read, also when nothing was consumed.
    connection.executemany(
        """INSERT INTO usage_day VALUES (?, ?, ?, ?)
        ON CONFLICT (integration, day, metric) DO UPDATE SET value = excluded.value""",
        (
            (integration, day.isoformat(), metric, value)
            for metric, value in {"": 0, **values}.items()
        ),
    )
    connection.execute(
        "DELETE FROM usage_day WHERE integration = ? AND day < ?",
        (integration, day.replace(day=1).isoformat()),
    )


def _known(
    row: tuple[bytes, int, int, int, int, float | None, str | None, str | None, str | None],
) -> tuple[bytes, Known]:
    key, created, settled, bot, active, score, flags, places, name = row
    if not isinstance(key, bytes) or not isinstance(created, int):
        raise DamagedRowError("a session without an id or a time")
    return key, Known(
        created,
        bool(settled),
        bool(bot),
        bool(active),
        _finite(score),
        _flags(flags),
        _places(places),
        None if name is None else outboxes.read_text(name),
    )


# What SQLite's own check of the file does not see: values that we never wrote.


def _flags(written: str | None) -> frozenset[str]:
    if written is None:
        return frozenset()
    try:
        flags = json.loads(written)
    except (ValueError, RecursionError):
        raise DamagedRowError("flags that are not JSON") from None
    if not isinstance(flags, list) or not all(isinstance(flag, str) for flag in flags):
        raise DamagedRowError("flags that are not a list of texts")
    return frozenset(flags)


def _places(written: str | None) -> tuple[tuple[str, str], ...]:
    if written is None:
        return ()
    try:
        return tuple((str(name), str(label)) for name, label in json.loads(written))
    except (ValueError, TypeError, RecursionError):
        raise DamagedRowError("places that are not pairs") from None


def _finite(score: float | None) -> float | None:
    if score is not None and not isfinite(score):
        raise DamagedRowError("a score that is not finite")
    return score


def _counted(value: float) -> float:
    if not isinstance(value, float) or not 0 <= value < inf:
        raise DamagedRowError("a counter that is not a number from 0")
    return value


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise DamagedRowError("a day that is not a date") from None
