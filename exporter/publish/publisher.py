"""Makes the snapshot, renders it, and swaps both in whole; after each poll and at least every 5 s.

So staleness and `process_*` are true even when every poll hangs, and a scrape renders nothing.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable

from exporter.log import get_logger
from exporter.metrics import snapshot as snapshots
from exporter.metrics.snapshot import Group, Snapshot
from exporter.publish.exposition import Exposition, Renderer, runtime_registry

RENEWAL_SECONDS = 5.0

_log = get_logger(__name__)


class Publisher:
    """Holds the current snapshot and its exposition.

    groups: gives all samples as they are now. now: Unix seconds.
    """

    def __init__(self, groups: Callable[[], Iterable[Group]], now: Callable[[], float]) -> None:
        self._groups = groups
        self._now = now
        self._renderer = Renderer(runtime_registry())
        self._rendering = threading.Lock()
        self._changed = asyncio.Event()
        self.snapshot: Snapshot = snapshots.build((), now())
        self.exposition: Exposition | None = None

    def changed(self) -> None:
        """Something was read; a new snapshot is due."""
        self._changed.set()

    async def renew(self) -> None:
        """Make and render a snapshot of what is known now.

        Rendered on a thread, so that scrapes are answered meanwhile.
        """
        snapshot = snapshots.build(self._groups(), self._now())
        self.exposition = await asyncio.to_thread(self._render, snapshot)
        self.snapshot = snapshot

    def _render(self, snapshot: Snapshot) -> Exposition:
        # A renewal that was cancelled may still be rendering on its thread.
        with self._rendering:
            return self._renderer.render(snapshot)

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            try:
                async with asyncio.timeout(RENEWAL_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            try:
                await self.renew()
            except Exception:  # noqa: BLE001 - one bad sample must end neither the polls nor the scrapes
                _log.exception("snapshot_failed")
