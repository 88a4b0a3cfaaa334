"""What all integrations of a process share."""

from collections.abc import Callable
from dataclasses import dataclass, field

from exporter.api.retry import RetryPolicy
from exporter.clock import Clock
from exporter.fleet.fleet import Leases
from exporter.ledger.store import Store
from exporter.polling.starts import Starts


@dataclass(frozen=True, slots=True)
class Shared:
    """What all integrations of a process share.

    on_change: told the name of an integration of which something new is known.
    retry: what is tried again within one poll.
    leases: by integration, where replicas share the state, which poll by leases; None: one process.
    starts: when each poll may begin.
    """

    store: Store
    clock: Clock
    on_change: Callable[[str], None]
    retry: RetryPolicy
    leases: Leases | None = None
    starts: Starts = field(default_factory=Starts)
