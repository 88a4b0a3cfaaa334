"""The rows by which replicas agree on who polls what; the database's clock decides, never ours.

A lease names its holder and an epoch, which each change of the holder raises. It lasts as long as
its holder's own row, which the holder renews: one row, however many leases. Whoever commits raises
the lease's version under that epoch, and so locks the row: a replica that lost the lease finds
another epoch, and cannot commit, however long it was paused.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.api.budget import Spending
from exporter.ledger.engine import Connection
from exporter.ledger.fence import LostLeaseError
from exporter.ledger.records import in_chunks

LEASE_SECONDS = 10
"""A replica that did not renew for so long is taken for dead."""

KEPT_SECONDS = 3600
"""Rows of dead replicas stay so long: what they had spent is asked for."""


class Lease:
    """One integration's lease, as this replica holds it or not; the fence of its ledger.

    epoch: of our own holding, and -1 while another holds it, or nobody.
    """

    def __init__(self, integration: str, replica: str) -> None:
        self.integration = integration
        self.epoch = -1
        self._replica = replica

    def check(self, connection: Connection) -> int:
        row = None
        if self.epoch >= 0:
            row = connection.execute(
                """UPDATE lease SET version = version + 1
                WHERE integration = ? AND holder = ? AND epoch = ? RETURNING version""",
                (self.integration, self._replica, self.epoch),
            ).fetchone()
        if row is None:
            raise LostLeaseError("another replica polls this integration now")
        (version,) = row
        return int(version)


@dataclass(frozen=True, slots=True)
class Row:
    """A lease as it lies there. version: raised by each commit. last: who held it last."""

    holder: str | None
    last: str | None
    epoch: int
    version: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What a replica saw. live: the kind of settings of each living replica, by its id."""

    live: Mapping[str, str] = field(default_factory=dict)
    leases: Mapping[str, Row] = field(default_factory=dict)


def renew(
    connection: Connection,
    replica: str,
    kind: str,
    spending: Mapping[str, Spending],
    seconds: float,
) -> None:
    """Note that the replica lives.

    kind: stands for the integrations of its settings. spending: by integration.
    """
    connection.execute(
        """INSERT INTO replica (id, kind, spent, tiers, seen, expires) VALUES (?, ?, ?, ?,
            clock_timestamp(), clock_timestamp() + ? * interval '1 second')
        ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, spent = excluded.spent,
        tiers = excluded.tiers, seen = excluded.seen, expires = excluded.expires""",
        (replica, kind, *_written(spending), seconds),
    )


def look(connection: Connection) -> Seen:
    """Who lives, and who holds what."""
    live = connection.execute("SELECT id, kind FROM replica WHERE expires > clock_timestamp()")
    alive = dict(live.fetchall())
    rows = connection.execute("SELECT integration, holder, last, epoch, version FROM lease")
    leases = {name: Row(*row) for name, *row in rows.fetchall()}
    return Seen(alive, leases)


def add(connection: Connection, integrations: Iterable[str]) -> None:
    """Rows for integrations that had none."""
    connection.executemany(
        "INSERT INTO lease (integration) VALUES (?) ON CONFLICT DO NOTHING",
        [(name,) for name in integrations],
    )


def claim(
    connection: Connection, replica: str, integrations: Sequence[str], most: int
) -> dict[str, int]:
    """Take up to `most` of these that nobody alive holds; their epochs by name.

    What another replica claims or commits to at this moment is passed over.
    """
    free: list[str] = []
    for chunk, marks in in_chunks(integrations):
        rows = connection.execute(
            f"""SELECT integration FROM lease WHERE integration IN ({marks})
            AND (holder IS NULL OR NOT EXISTS (SELECT 1 FROM replica
                WHERE replica.id = lease.holder AND expires > clock_timestamp()))
            ORDER BY integration LIMIT ? FOR UPDATE SKIP LOCKED""",  # noqa: S608 - marks are question marks
            (*chunk, most - len(free)),
        )
        free += [name for (name,) in rows.fetchall()]
        if len(free) >= most:
            break
    epochs: dict[str, int] = {}
    for chunk, marks in in_chunks(free):
        rows = connection.execute(
            f"""UPDATE lease SET holder = ?, last = ?, epoch = epoch + 1
            WHERE integration IN ({marks}) RETURNING integration, epoch""",  # noqa: S608 - as above
            (replica, replica, *chunk),
        )
        epochs.update(rows.fetchall())
    return epochs


def release(connection: Connection, replica: str, integrations: Iterable[str]) -> None:
    """Give these up, so that another may take them at once."""
    connection.executemany(
        "UPDATE lease SET holder = NULL WHERE integration = ? AND holder = ?",
        [(name, replica) for name in integrations],
    )


def leave(connection: Connection, replica: str, spending: Mapping[str, Spending]) -> None:
    """Give up all that the replica holds, and be no longer alive."""
    connection.execute("UPDATE lease SET holder = NULL WHERE holder = ?", (replica,))
    connection.execute(
        """UPDATE replica SET expires = clock_timestamp(), seen = clock_timestamp(), spent = ?,
        tiers = ? WHERE id = ?""",
        (*_written(spending), replica),
    )


def spending_of(connection: Connection, replicas: Iterable[str]) -> dict[str, dict[str, Spending]]:
    """What these replicas last said that they had spent within a minute, by integration.

    Its ages are as of now, rounded down.
    """
    found: dict[str, dict[str, Spending]] = {}
    for chunk, marks in in_chunks(sorted(replicas)):
        rows = connection.execute(
            f"""SELECT id, spent, tiers, floor(extract(epoch FROM clock_timestamp() - seen))::bigint
            FROM replica WHERE id IN ({marks})""",  # noqa: S608 - marks are question marks
            chunk,
        )
        for name, spent, named, since in rows.fetchall():
            tiers = json.loads(named)
            found[name] = {
                integration: Spending(
                    {int(age) + since: number for age, number in ages.items()},
                    tiers.get(integration),
                )
                for integration, ages in json.loads(spent).items()
            }
    return found


def _written(spending: Mapping[str, Spending]) -> tuple[str, str]:
    """Of the integrations of which something is spent: what, and by which tiers that are known."""
    spent = {name: it for name, it in spending.items() if it.ages}
    ages = {name: it.ages for name, it in spent.items()}
    tiers = {name: it.tier for name, it in spent.items() if it.tier}
    return json.dumps(ages), json.dumps(tiers)


def forget_dead(connection: Connection) -> None:
    """Remove the rows of replicas that died long ago and hold nothing."""
    connection.execute(
        """DELETE FROM replica WHERE expires < clock_timestamp() - ? * interval '1 second'
        AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.holder = replica.id)""",
        (KEPT_SECONDS,),
    )
