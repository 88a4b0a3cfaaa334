"""What waits in the state to be read or sent, bots by their ids: put down when they are settled.

Here alone the state holds ids of sessions, and only while `sessions.details` or `otlp.findings` is
on. What is taken off is overwritten in the file (`secure_delete`).
"""

import json
from collections.abc import Iterable
from typing import Literal

from exporter.ledger.engine import Connection, DamagedRowError
from exporter.publish.findings import Finding

_Table = Literal["detail", "finding"]

MOST_DETAILS = 1_000
"""Bots that wait for their details at most; those settled first are skipped."""


def add_details(
    connection: Connection,
    integration: int,
    bots: Iterable[tuple[bytes, str]],
    settled: float,
) -> int:
    """Put down bots, (hash, id), settled then; gives how many had to be left out for them."""
    connection.executemany(
        """INSERT INTO detail (integration, id, session, settled) VALUES (?, ?, ?, ?)
        ON CONFLICT (integration, id) DO NOTHING""",
        ((integration, key, json.dumps(session), settled) for key, session in bots),
    )
    return _leave_out(connection, "detail", integration, MOST_DETAILS)


def newest_details(connection: Connection, integration: int, most: int) -> list[tuple[bytes, str]]:
    """Bots that wait, (hash, id), those settled last first."""
    rows = connection.execute(
        "SELECT id, session FROM detail WHERE integration = ? ORDER BY settled DESC, id LIMIT ?",
        (integration, most),
    )
    return [(key, read_text(session)) for key, session in rows]


def waits_since(connection: Connection, integration: int, since: float) -> bool:
    """Whether one was settled before that."""
    query = "SELECT 1 FROM detail WHERE integration = ? AND settled < ? LIMIT 1"
    return connection.execute(query, (integration, since)).fetchone() is not None


def remove_detail(connection: Connection, integration: int, key: bytes) -> bool:
    """Take one off; whether it was there."""
    removed = connection.execute(
        "DELETE FROM detail WHERE integration = ? AND id = ?", (integration, key)
    )
    return removed.rowcount > 0


def remove_details_before(connection: Connection, integration: int, since: float) -> int:
    """Take off those settled before that; how many there were."""
    return connection.execute(
        "DELETE FROM detail WHERE integration = ? AND settled < ?", (integration, since)
    ).rowcount


MOST_FINDINGS = 10_000
"""Findings that wait for the Collector at most; those settled first are dropped."""

BATCH_BYTES = 1 << 20
"""Of findings that are sent at once: a gRPC server takes 4 MiB by default."""


def add_findings(connection: Connection, integration: int, findings: Iterable[Finding]) -> int:
    """Put down findings; gives how many had to be left out for them."""
    connection.executemany(
        """INSERT INTO finding (integration, id, settled, body) VALUES (?, ?, ?, ?)
        ON CONFLICT (integration, id) DO NOTHING""",
        ((integration, it.uid, it.settled, it.written()) for it in findings),
    )
    return _leave_out(connection, "finding", integration, MOST_FINDINGS)


def waiting_findings(connection: Connection, integration: int) -> int:
    """How many wait."""
    return _waiting(connection, "finding", integration)


def oldest_findings(connection: Connection, integration: int, most: int) -> list[Finding]:
    """Findings to be sent next, those settled first, no more than go into one request."""
    rows = connection.execute(
        "SELECT body FROM finding WHERE integration = ? ORDER BY settled, id LIMIT ?",
        (integration, most),
    )
    found: list[Finding] = []
    size = 0
    for (body,) in rows:
        size += len(body)
        if found and size > BATCH_BYTES:
            break
        try:
            found.append(Finding.read(body))
        except ValueError:
            raise DamagedRowError("a finding that is not one") from None
    return found


def remove_findings(connection: Connection, integration: int, uids: Iterable[str]) -> int:
    """Take off what was sent; how many of them were there."""
    removed = connection.executemany(
        "DELETE FROM finding WHERE integration = ? AND id = ?",
        ((integration, uid) for uid in uids),
    )
    return max(0, removed.rowcount)


def clear(connection: Connection, integration: int, *, details: bool, findings: bool) -> None:
    """Forget what nobody waits for any more: what is not on."""
    if not details:
        connection.execute("DELETE FROM detail WHERE integration = ?", (integration,))
    if not findings:
        connection.execute("DELETE FROM finding WHERE integration = ?", (integration,))
    if not details and not findings:
        connection.execute(
            "UPDATE session SET name = NULL WHERE integration = ? AND name IS NOT NULL",
            (integration,),
        )


def _waiting(connection: Connection, table: _Table, integration: int) -> int:
    query = f"SELECT count(*) FROM {table} WHERE integration = ?"  # noqa: S608 - a table of ours
    (count,) = connection.execute(query, (integration,)).fetchone()
    return int(count)


def _leave_out(connection: Connection, table: _Table, integration: int, most: int) -> int:
    """Take off those settled first that are more than `most`; how many there were."""
    beyond = max(0, _waiting(connection, table, integration) - most)
    oldest = f"SELECT id FROM {table} WHERE integration = ? ORDER BY settled, id LIMIT ?"  # noqa: S608 - a table of ours
    connection.execute(
        f"DELETE FROM {table} WHERE integration = ? AND id IN ({oldest})",  # noqa: S608 - likewise
        (integration, integration, beyond),
    )
    return beyond


def read_text(written: str) -> str:
    """Text from JSON, in which anything can be written that the API may send."""
    try:
        text = json.loads(written)
    except (ValueError, RecursionError):
        raise DamagedRowError("a text that is not JSON") from None
    if not isinstance(text, str):
        raise DamagedRowError("a text that is not one")
    return text
