"""The bots whose details are yet to be read, and what was read of them: each counts once.

A bot is put down when it is settled, in that transaction; it is taken off in the one that counts
what came of it. So neither a restart nor `kill -9` counts one twice or loses one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from exporter.api.schema.details import Details
from exporter.ledger import outboxes
from exporter.ledger import state as states
from exporter.ledger.ledger import Ledger
from exporter.ledger.store import Store
from exporter.ledger.transaction import Transaction
from exporter.metrics import catalogue
from exporter.metrics.model import bucket

LONGEST_SECONDS = 24 * 3600.0
"""A bot that could not be read for so long is skipped."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A settled bot. key: its hash. session: its id."""

    key: bytes
    session: str


class PendingDetails:
    """The settled bots of one integration whose details are yet to be read."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger

    async def newest(self, most: int) -> Sequence[Pending]:
        """The bots to read, those settled last first; what waits too long is skipped, and counted.

        Raises StateError.
        """
        row = (await self._ledger.prepare()).row
        since = self._ledger.now() - LONGEST_SECONDS
        if await self._store.run(lambda state: outboxes.waits_since(state, row, since)):
            await self._ledger.commit(lambda tx: _skip(tx, since))
        rows = await self._store.run(lambda state: outboxes.newest_details(state, row, most))
        return [Pending(key, session) for key, session in rows]

    async def read(self, it: Pending, details: Details) -> None:
        """Count what a bot's details say, and take it off. Raises StateError."""
        await self._done(it, "read", details)

    async def missing(self, it: Pending) -> None:
        """Count that a bot has none that could be read, and take it off. Raises StateError."""
        await self._done(it, "missing", Details({}, None))

    async def _done(self, it: Pending, outcome: str, details: Details) -> None:
        added: dict[tuple[str, str], float] = {(states.DETAIL, outcome): 1}
        for name, number in details.events.items():
            added[states.EVENT, name] = number
        if details.duration is not None:
            place = bucket(catalogue.DURATION_BOUNDS, details.duration)
            added[states.DURATION, str(place)] = 1
            added[states.DURATION_SUM] = details.duration

        def work(tx: Transaction) -> None:
            if outboxes.remove_detail(tx.connection, tx.state.row, it.key):
                tx.add(added)  # else another has done it

        await self._ledger.commit(work)


def _skip(tx: Transaction, since: float) -> None:
    skipped = outboxes.remove_details_before(tx.connection, tx.state.row, since)
    tx.add({(states.DETAIL, "skipped"): skipped})
