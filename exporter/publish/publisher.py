"""Keeps what is exposed up to date: a part for each integration, renewed after each of its polls.

A part is also renewed every few seconds while a poll is under way, and when values go stale. So
what a scrape shows is at most 5 s old, also when all polls hang. What did not change is
neither built nor rendered again: the cost follows the change, not the number of integrations.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile

from exporter.clock import Clock
from exporter.log import get_logger
from exporter.metrics.model import Sample
from exporter.metrics.snapshot import Group, Snapshot, build_part, with_series
from exporter.publish.exposition import Exposition, Renderer, runtime_registry
from exporter.publish.rendering import RenderedPart

RENEWAL_SECONDS = 4.0
"""A part that may have changed without the end of a poll is renewed so often."""

GATHERED_SECONDS = 0.25
"""Parts are looked at together with one that is due, where they are due within so many seconds."""

OWN_SECONDS = 0.001
"""The exporter's own part, which every poll changes, is renewed no more often than after so many
seconds for each integration."""

HOLD_FACTOR = 10
LONGEST_HOLD_SECONDS = 0.5
"""An exposition is handed out for ten times as long as its bodies took to make, so that scrapers
take no more than a tenth of a core; but no longer than this."""

MOST_AT_ONCE = 500
"""Series of families that changed, which are rendered where they are made; more of them are
rendered on a thread."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the samples of a part come from.

    steady: whether they stay as they were from one monotonic time to another, unless a poll ends.
    """

    samples: Callable[[], Iterable[Sample]]
    steady: Callable[[float, float], bool] = lambda since, until: False


Sources = Mapping[str | None, Source]
"""By integration; None for the exporter's own."""


class Publisher:
    """Holds all parts as they are now, and the exposition that is handed out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._renderer = Renderer(runtime_registry())
        self._sources: Sources = {None: Source(lambda: ())}
        self._parts: dict[str, RenderedPart | None] = {}
        self._own: RenderedPart | None = None
        self._own_behind = False
        self._runtime = (b"", b"")
        self._changed: set[str | None] = set()
        self._wake = asyncio.Event()
        self._renewing = asyncio.Lock()
        self._seen: dict[str | None, float] = {}
        """When each part was last renewed, or seen to be steady; the oldest first."""
        self._exposition: Exposition | None = None
        self._joined = 0.0
        self._outdated = True

    def follow(self, sources: Sources) -> None:
        """Expose these from now on; what was exposed of others is gone."""
        for name, source in sources.items():
            if self._sources.get(name) != source:
                self.changed(name)
        self._sources = sources
        names = sorted(name for name in sources if name is not None)
        self._parts = {name: self._parts.get(name) for name in names}
        self._seen = {name: at for name, at in self._seen.items() if name in sources}
        self._outdated = True

    def changed(self, integration: str | None = None) -> None:
        """Something was read of that integration, or happened to the exporter itself."""
        self._changed.add(integration)
        self._wake.set()

    async def renew(self) -> None:
        """Renew every part."""
        self._changed |= self._sources.keys()
        await self.renew_changed()
        await self.renew_own()

    async def run(self) -> None:
        """Keep all parts up to date until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._idle_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            self._note_unsteady()
            if None in self._changed:
                await self.renew_own()
            await self.renew_changed()
            if self._clock.monotonic() >= self._own_due():
                await self.renew_own()

    @property
    def snapshot(self) -> Snapshot:
        """All parts as they are now; may be asked for on any thread."""
        return Snapshot(tuple(it.part for it in self._made()), self._clock.now())

    @property
    def series(self) -> int:
        """How many series are exposed, process and python ones aside."""
        return sum(it.series for it in self._made())

    @property
    def exposition(self) -> Exposition | None:
        """What to hand out now; None until every part was made once."""
        now, last = self._clock.monotonic(), self._exposition
        hold = min(HOLD_FACTOR * last.took, LONGEST_HOLD_SECONDS) if last else 0.0
        if self._outdated and now >= self._joined + hold:
            parts = self._made()
            if len(parts) == len(self._parts) + 1:
                self._exposition = Exposition(parts, self._clock.now(), self._runtime)
                self._joined, self._outdated = now, False
        return self._exposition

    def _made(self) -> list[RenderedPart]:
        """All parts that were made so far, by the integrations' names; the exporter's own last."""
        return [it for it in (*self._parts.values(), self._own) if it is not None]

    def _idle_seconds(self) -> float:
        """How long nothing is to be done unless something changes."""
        oldest = next(iter(self._seen.values()), self._clock.monotonic())
        due = min(oldest + RENEWAL_SECONDS, self._own_due())
        return max(0.0, due - self._clock.monotonic())

    def _own_due(self) -> float:
        wait = OWN_SECONDS * len(self._parts) if self._own_behind else RENEWAL_SECONDS
        return self._seen.get(None, float("-inf")) + wait

    def _note_unsteady(self) -> None:
        """Have those renewed that were not seen for a while and may have changed since."""
        now = self._clock.monotonic()
        old = now - RENEWAL_SECONDS + GATHERED_SECONDS
        for name, seen in list(takewhile(lambda part: part[1] <= old, self._seen.items())):
            if name is None:
                continue
            if self._sources[name].steady(seen, now + RENEWAL_SECONDS):
                self._see(name)
            else:
                self._changed.add(name)

    async def renew_changed(self) -> None:
        """Renew the parts of integrations that changed, one by one, giving way in between."""
        async with self._renewing:
            for name in sorted(name for name in self._changed if name is not None):
                self._changed.discard(name)
                if name in self._parts:
                    await self._renew_part(name)
                    # Own series count what happened to others, and how many they are.
                    self._own_behind = True

    async def _renew_part(self, name: str) -> None:
        self._see(name)
        last = self._parts[name]
        rendered = await self._rendered(name, last)
        if rendered is not None and rendered is not last and name in self._parts:
            self._parts[name] = rendered
            self._outdated = True

    async def renew_own(self) -> None:
        """Renew the exporter's own part."""
        async with self._renewing:
            self._see(None)
            self._changed.discard(None)
            self._own_behind = False
            rendered = await self._rendered(None, self._own)
            if rendered is not None:
                self._own = rendered
                self._runtime = self._renderer.runtime()
                self._outdated = True

    async def _rendered(self, name: str | None, last: RenderedPart | None) -> RenderedPart | None:
        """The part as it is now; None where no part can be made of its samples."""
        try:
            before = None if last is None else last.part
            part = build_part(Group(name, self._sources[name].samples()), before)
            if name is None:
                others = sum(it.series for it in self._parts.values() if it is not None)
                part = with_series(part, others)
            if self._renderer.changed_series(part, last) > MOST_AT_ONCE:
                return await asyncio.to_thread(self._renderer.part, part, last)
            await asyncio.sleep(0)
            return self._renderer.part(part, last)
        except Exception:  # noqa: BLE001 - one bad sample must end neither the polls nor the scrapes
            _log.exception("snapshot_failed", integration=name)
            return None

    def _see(self, name: str | None) -> None:
        self._seen.pop(name, None)
        self._seen[name] = self._clock.monotonic()
