"""The exposition: the snapshot's parts rendered to bytes, and joined to what scrapes are given.

There are the text format 0.0.4 and OpenMetrics 1.0.0, byte for byte as prometheus-client's own code
writes them, with its `process_*` and `python_*` added. The two formats hold the same samples; only
OpenMetrics carries `_created` and exemplars. A part is rendered when it is made, each series once
until it changes. A body is joined, and compressed, when it is asked for first. Nothing here knows
HTTP.
"""

import threading
import time
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from io import BytesIO
from itertools import chain

from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import CollectorRegistry

from exporter.metrics import catalogue
from exporter.metrics.snapshot import Part, Snapshot
from exporter.publish import wire
from exporter.publish.rendering import RenderedPart, rendered
from exporter.publish.wire import Format

CONTENT_TYPES: dict[Format, str] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}

# Measured on 14,053 series (1.71 MB of OpenMetrics): level 1 gives 175 kB in 7 ms, 3 gives 162 kB
# in 9 ms, 6 gives 140 kB in 29 ms. A gzip member for each family of each integration, made when it
# changes and joined (RFC 1952, 2.2), would give 360 kB, cost as much in all, and show only the
# first member in Chrome, which ignores what follows.
GZIP_LEVEL = 1

PARTS_AT_ONCE = 100
"""Parts of which the lines of a family are joined in one go: a megabyte of the largest families."""


class Exposition:
    """The bodies that scrapes are given, of parts that do not change any more.

    parts: in the order of their names; the exporter's own last.
    runtime: prometheus-client's own families, ready written, as text and as OpenMetrics.
    taken: Unix seconds of our clock.
    """

    def __init__(
        self,
        parts: Sequence[RenderedPart],
        taken: float,
        runtime: tuple[bytes, bytes] = (b"", b""),
    ) -> None:
        self.taken = taken
        self.took = 0.0
        """Seconds that its bodies took to make."""
        self._parts = parts
        self._runtime = runtime
        self._bodies: dict[tuple[Format, bool], bytes] = {}
        self._making = threading.Lock()

    @property
    def integrations(self) -> tuple[str, ...]:
        """Their names, sorted."""
        return tuple(name for name in self._by_name if name)

    @cached_property
    def series(self) -> int:
        """How many there are, process and python ones aside."""
        return sum(it.series for it in self._parts)

    def only(self, integrations: Collection[str]) -> "Exposition":
        """The same with these integrations alone; "" is the exporter itself and its process.

        Raises KeyError for one that is not there.
        """
        # Sorted as all are: the exporter's own series come last.
        names = sorted(set(integrations), key=lambda name: (not name, name))
        runtime = self._runtime if "" in names else (b"", b"")
        return Exposition([self._by_name[name] for name in names], self.taken, runtime)

    @cached_property
    def _by_name(self) -> Mapping[str, RenderedPart]:
        return {it.part.integration or "": it for it in self._parts}

    def ready(self, form: Format, gzipped: bool) -> bytes | None:
        """The body if it was asked for before; None where it is yet to be made."""
        return self._bodies.get((form, gzipped))

    def body(self, form: Format, gzipped: bool) -> bytes:
        """The body, made at the first call; that may take some time, and may be on a thread."""
        with self._making:
            body = self._bodies.get((form, gzipped))
            if body is None:
                began = time.perf_counter()
                blocks = self._blocks(form)
                body = _gzip(blocks) if gzipped else _joined(blocks)
                self._bodies[form, gzipped] = body
                self.took += time.perf_counter() - began
            return body

    def _blocks(self, form: Format) -> Iterator[bytes]:
        """The body block by block, so that no second copy of it is needed to compress it.

        Small ones: where it is made on a thread, nothing else runs while a block is joined.
        """
        for metric in catalogue.METRICS:
            found = [part.families[metric] for part in self._parts if metric in part.families]
            if found:
                yield wire.head(metric, form)
            for first in range(0, len(found), PARTS_AT_ONCE):
                block = found[first : first + PARTS_AT_ONCE]
                yield b"".join(chain.from_iterable(family.pieces(form) for family in block))
        yield self._runtime[form == "openmetrics"]
        if form == "openmetrics":
            yield wire.END_MARK

    @property
    def text(self) -> bytes:
        return self.body("text", gzipped=False)

    @property
    def openmetrics(self) -> bytes:
        return self.body("openmetrics", gzipped=False)


def runtime_registry() -> CollectorRegistry:
    """A private registry of prometheus-client's own `process_*` and `python_*` collectors."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class Renderer:
    """Renders parts of the snapshot; what did not change since the last time is not written again.

    runtime: prometheus-client's own collectors, read at each call of `runtime`.
    """

    def __init__(self, runtime: CollectorRegistry) -> None:
        self._runtime = runtime

    def changed_series(self, part: Part, last: RenderedPart | None) -> int:
        """How many series the families have of which something is to be written."""
        before = {} if last is None else last.families
        return sum(
            family.series
            for family in part.families
            if family.metric not in before or before[family.metric].family is not family
        )

    def part(self, part: Part, last: RenderedPart | None = None) -> RenderedPart:
        """The part, rendered. last: the same integration's part as it was rendered before."""
        if last is not None and last.part is part:
            return last
        before = {} if last is None else last.families
        families = {
            family.metric: rendered(family, before.get(family.metric)) for family in part.families
        }
        return RenderedPart(part, families, sum(it.series for it in families.values()))

    def runtime(self) -> tuple[bytes, bytes]:
        """The process as it is now, as text and as OpenMetrics."""
        families = list(self._runtime.collect())
        return wire.text(families), wire.openmetrics(families)

    def render(self, snapshot: Snapshot) -> Exposition:
        """A whole snapshot at once."""
        return Exposition([self.part(it) for it in snapshot.parts], snapshot.taken, self.runtime())


def _joined(blocks: Iterable[bytes]) -> bytes:
    """All of them, of which none is looked at twice; others run in between."""
    buffer = BytesIO()
    for block in blocks:
        buffer.write(block)
    return buffer.getvalue()


def _gzip(blocks: Iterable[bytes]) -> bytes:
    """The same bytes for the same body: zlib leaves the time of day in the header at 0."""
    compressor = zlib.compressobj(GZIP_LEVEL, wbits=zlib.MAX_WBITS | 16)
    return b"".join([*map(compressor.compress, blocks), compressor.flush()])
