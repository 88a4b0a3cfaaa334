"""The outbox of findings of one integration: it is emptied only after the Collector took them."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace

from exporter.ledger import outboxes, records
from exporter.ledger import state as states
from exporter.ledger.effects import Effects
from exporter.ledger.ledger import Ledger
from exporter.ledger.state import LedgerState
from exporter.ledger.store import StateError, Store
from exporter.publish.findings import Finding, OutboxError


class StoredOutbox:
    """The findings that wait in the state, beside its ledger."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger

    async def waiting(self, most: int) -> Sequence[Finding]:
        """Those to be sent next, the oldest first. Raises OutboxError."""
        try:
            state = await self._ledger.prepare()
            if not state.findings:
                # As it is most of the time, for most integrations: nothing is read then.
                return ()
            return await self._store.run(
                lambda connection: outboxes.oldest_findings(connection, state.row, most)
            )
        except StateError as error:
            raise OutboxError(str(error)) from error

    async def sent(self, findings: Iterable[Finding], rejected: int) -> None:
        """Take off what the Collector took, less what it says it rejected. Raises OutboxError."""
        uids = [it.uid for it in findings]

        def work(
            connection: sqlite3.Connection, state: LedgerState, effects: Effects
        ) -> LedgerState:
            gone = outboxes.remove_findings(connection, state.row, uids)
            refused = min(rejected, gone)
            added = {
                (states.FINDING, "sent"): gone - refused,
                (states.FINDING, "rejected"): refused,
            }
            after = records.raise_counts(connection, state, added, self._ledger.now())
            return replace(after, findings=outboxes.waiting_findings(connection, state.row))

        try:
            await self._ledger.commit(work)
        except StateError as error:
            raise OutboxError(str(error)) from error
