"""The outbox of findings of one integration, emptied only after the Collector accepted them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from exporter.ledger import outboxes
from exporter.ledger.engine import StateError
from exporter.ledger.ledger import Ledger
from exporter.ledger.state import FINDING
from exporter.ledger.store import Store
from exporter.ledger.transaction import Transaction
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
        """Remove what was sent; so many of it were rejected. Raises OutboxError."""
        uids = [it.uid for it in findings]

        def work(tx: Transaction) -> None:
            gone = outboxes.remove_findings(tx.connection, tx.state.row, uids)
            refused = min(rejected, gone)
            tx.add({(FINDING, "sent"): gone - refused, (FINDING, "rejected"): refused})
            waiting = outboxes.waiting_findings(tx.connection, tx.state.row)
            tx.write(replace(tx.state, findings=waiting))

        try:
            await self._ledger.commit(work)
        except StateError as error:
            raise OutboxError(str(error)) from error
