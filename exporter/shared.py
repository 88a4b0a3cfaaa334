"""What all integrations of a process share."""

from collections.abc import Callable
from dataclasses import dataclass

from exporter.api.retry import RetryPolicy
from exporter.clock import Clock
from exporter.fleet.fleet import Leases
from exporter.ledger.store import Store
from exporter.polling.timetable import Timetable


@dataclass(frozen=True, slots=True)
class Shared:
    """What all integrations of a process share.

    on_change: told the name of an integration of which something new is known.
    retry: what is tried again within one poll.
    timetable: which begins the polls.
    leases: by integration, where replicas share the state, which poll by leases; None: one process.
    """

    store: Store
    clock: Clock
    on_change: Callable[[str], None]
    retry: RetryPolicy
    timetable: Timetable
    leases: Leases | None = None
