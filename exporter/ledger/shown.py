"""What is shown of one integration's counts: what was last committed, and no counter falls.

A commit of our own ends on the store's thread; what other replicas committed comes from the event
loop. So both are taken in under a lock, and an older one never over a newer.
"""

import operator
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from exporter.ledger import state as states
from exporter.ledger.rules import Rules
from exporter.ledger.state import LedgerState
from exporter.metrics.model import Exemplar, Sample


class Shown:
    """state: what was last committed; None before the state could be opened.

    losses: how often the state had less than was committed.
    """

    def __init__(self) -> None:
        self.state: LedgerState | None = None
        self.losses = 0
        self._version = 0
        self._highest: dict[tuple[str, str], float] = {}
        """Counts as they were shown, where the state has lost some of them."""
        self._lock = threading.Lock()
        self._samples: tuple[Sample, ...] = ()
        self._basis: tuple[object, ...] = (None,) * 4
        """What the samples were made of."""

    def committed(self, state: LedgerState, version: int) -> None:
        """Show what was committed here, unless what came after it is shown already."""
        with self._lock:
            if version >= self._version:
                self.state, self._version = state, version

    def found(self, state: LedgerState, version: int) -> int | None:
        """Show what the state has; how many sessions it lost, None where it lost no count.

        Where it has less than was shown, another server took over that lacks it. No counter falls:
        what was lost is read and counted again, and shows once it exceeds what was shown.
        """
        with self._lock:
            before = self.state.counts if self.state is not None else {}
            fallen = {key: n for key, n in before.items() if n > state.value(key)}
            self.state, self._version = state, version
            if not fallen:
                return None
            for key, count in fallen.items():
                self._highest[key] = max(count, self._highest.get(key, count))
            self.losses += 1
        return int(before.get(states.SESSIONS, 0.0) - state.value(states.SESSIONS))

    def samples(
        self, exemplars: Mapping[int, Exemplar], rules: Rules, *, gauges: bool
    ) -> Sequence[Sample]:
        """The series of the state; the same objects until it is another. Called by one thread."""
        state = self._counted()
        if state is None:
            return ()
        basis = (state, exemplars, rules, gauges)
        if not all(map(operator.is_, basis, self._basis)):
            self._samples = (*states.samples(state, exemplars, gauges=gauges, rules=rules),)
            self._basis = basis
        return self._samples

    def _counted(self) -> LedgerState | None:
        """The state with the counts that are to be shown."""
        with self._lock:
            state = self.state
            if state is None or not self._highest:
                return state
            higher = {key: n for key, n in self._highest.items() if n > state.value(key)}
            return replace(state, counts={**state.counts, **higher})
