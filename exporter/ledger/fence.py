"""Who may commit: every transaction of a ledger passes its fence first.

A process that keeps its state for itself has none. Replicas that share one hold a lease for each
integration that they poll; see `exporter.fleet`.
"""

from typing import Protocol

from exporter.ledger.engine import Connection, StateError


class LostLeaseError(StateError):
    """Another replica polls the integration now; nothing was committed."""


class Fence(Protocol):
    """epoch: raised with each change of who polls; what is kept in memory holds for one of them."""

    epoch: int

    def check(self, connection: Connection) -> int:
        """Keep all others from committing until this transaction ends; the commit's number.

        Raises LostLeaseError where another may commit now, and so nothing may be committed.
        """


class NoFence:
    """The process alone has the state."""

    epoch = 0

    def check(self, connection: Connection) -> int:
        return 0
