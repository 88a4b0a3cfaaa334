"""One integration's part of an open transaction: what it reads, and what it will have changed.

Nobody sees its state before the commit; if that fails, it is dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.ledger import records
from exporter.ledger.effects import Effects
from exporter.ledger.engine import Connection
from exporter.ledger.state import LedgerState


@dataclass(slots=True)
class Transaction:
    """state: where counting stands once this is committed. wall: Unix seconds of our clock."""

    connection: Connection
    state: LedgerState
    effects: Effects
    wall: float

    def write(self, state: LedgerState) -> None:
        """Change where counting stands; counts have `add`."""
        self.state = state
        records.write_row(self.connection, state)

    def add(self, added: Mapping[tuple[str, str], float]) -> None:
        """Raise these counts, by name and label."""
        changes = {key: self.state.value(key) + amount for key, amount in added.items() if amount}
        self.state = self.state.with_counts(changes, self.wall)
        records.write_counts(self.connection, self.state, changes)
