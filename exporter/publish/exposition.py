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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from io import BytesIO
from itertools import chain, repeat
from typing import Literal, NamedTuple, cast

from msgspec import Struct
from prometheus_client import exposition as text_format
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import Metric as WireFamily
from prometheus_client.openmetrics import exposition as openmetrics_format
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.samples import Exemplar as WireExemplar
from prometheus_client.utils import floatToGoString

from exporter.metrics import catalogue
from exporter.metrics.model import Exemplar, Histogram, Metric
from exporter.metrics.snapshot import Family, Part, Point, Snapshot
from exporter.publish.text import utf8

Format = Literal["text", "openmetrics"]

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

# The names that OpenMetrics wants a family's name to end in, by UCUM unit.
_UNIT_SUFFIXES = {"s": "seconds", "By": "bytes", "1": "ratio"}

# "The combined length of the label names and values of an Exemplar's LabelSet MUST NOT exceed
# 128 UTF-8 character code points" (OpenMetrics 1.0, Exemplars).
_EXEMPLAR_RUNES = 128

# prometheus-client leaves these untyped.
_go_float = cast(Callable[[float], str], floatToGoString)
_write_openmetrics = cast(Callable[..., bytes], openmetrics_format.generate_latest)

_END_MARK = b"# EOF\n"


class Lines(NamedTuple):
    """One series as it is written, a histogram's lines included.

    text: in both formats; further: what OpenMetrics has besides. apart: the whole of it in
    OpenMetrics, where its lines differ from those of the text format.
    """

    text: bytes
    further: bytes = b""
    apart: bytes | None = None


class RenderedFamily(Struct, frozen=True, gc=False):
    """A family of one part, and the lines of each of its points, as columns of `Lines`.

    further, apart: empty where no point has any. series: as the family has them.
    """

    family: Family
    series: int
    text: tuple[bytes, ...] = ()
    further: tuple[bytes, ...] = ()
    apart: tuple[bytes | None, ...] = ()

    @classmethod
    def of(cls, family: Family, lines: Iterable[Lines]) -> "RenderedFamily":
        text, further, apart = zip(*lines, strict=True)
        return cls(
            family,
            family.series,
            text,
            further if any(further) else (),
            apart if any(apart) else (),
        )

    def pieces(self, form: Format) -> Iterable[bytes]:
        if form == "text" or not (self.further or self.apart):
            return self.text
        if not self.apart:
            return chain.from_iterable(zip(self.text, self.further, strict=True))
        return (
            text + further if apart is None else apart for text, further, apart in self._lines()
        )

    def changed(self, family: Family) -> "RenderedFamily":
        """The family with the same series, of which only those that changed are written."""
        lines = [*self._lines()]
        values = zip(family.values, family.created, strict=True)
        before = zip(self.family.values, self.family.created, strict=True)
        for place, (now, then) in enumerate(zip(values, before, strict=True)):
            if now != then:
                lines[place] = _lines(family.metric, Point(family.labels[place], *now))
        return RenderedFamily.of(family, lines)

    def known(self) -> dict[Point, Lines]:
        """The lines by their points."""
        return dict(zip(self.family.points, self._lines(), strict=True))

    def _lines(self) -> Iterable[Lines]:
        further, apart = self.further or repeat(b""), self.apart or repeat(None)
        return map(Lines, self.text, further, apart)


class RenderedPart(NamedTuple):
    """A part of the snapshot, rendered. series: how many it has."""

    part: Part
    families: Mapping[Metric, RenderedFamily]
    series: int


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
                yield _head(metric, form)
            for first in range(0, len(found), PARTS_AT_ONCE):
                block = found[first : first + PARTS_AT_ONCE]
                yield b"".join(chain.from_iterable(family.pieces(form) for family in block))
        yield self._runtime[form == "openmetrics"]
        if form == "openmetrics":
            yield _END_MARK

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
            family.metric: _rendered(family, before.get(family.metric)) for family in part.families
        }
        return RenderedPart(part, families, sum(it.series for it in families.values()))

    def runtime(self) -> tuple[bytes, bytes]:
        """The process as it is now, as text and as OpenMetrics."""
        families = list(self._runtime.collect())
        return _text(families), _openmetrics(families)

    def render(self, snapshot: Snapshot) -> Exposition:
        """A whole snapshot at once."""
        return Exposition([self.part(it) for it in snapshot.parts], snapshot.taken, self.runtime())


def _rendered(family: Family, last: RenderedFamily | None) -> RenderedFamily:
    """The family, of which only the points that changed are written anew."""
    if last is not None and (last.family is family or last.family == family):
        return last
    if last is not None and last.family.labels == family.labels:
        return last.changed(family)
    known = {} if last is None else last.known()
    lines = (known.get(point) or _lines(family.metric, point) for point in family.points)
    return RenderedFamily.of(family, lines)


def _lines(metric: Metric, point: Point) -> Lines:
    """One point, byte for byte as prometheus-client writes it, in a tenth of the time."""
    name, value = metric.name, point.value
    labels = sorted(zip(metric.label_names, map(_escaped, point.labels), strict=True))
    pairs = [(label, f'{label}="{text}"') for label, text in labels]
    if metric.kind == "histogram":
        if not isinstance(value, Histogram):
            raise TypeError(f"{name} is a histogram, but holds {value!r}")
        if value.exemplars:
            return _with_exemplars(metric, point)
        text = _histogram_text(name, pairs, value)
    elif isinstance(value, Histogram):
        raise TypeError(f"{name} is a {metric.kind}, but holds a histogram")
    else:
        text = f"{metric.exposed_name}{_braced(pairs)} {_go_float(value)}\n"
    if point.created is None or metric.kind == "gauge":
        return Lines(text.encode())
    created = f"{name}_created{_braced(pairs)} {_go_float(point.created)}\n"
    return Lines(text.encode(), created.encode())


def _histogram_text(name: str, pairs: Sequence[tuple[str, str]], value: Histogram) -> str:
    before = "".join(f"{pair}," for label, pair in pairs if label < "le")
    after = "".join(f",{pair}" for label, pair in pairs if label > "le")
    buckets = (
        f'{name}_bucket{{{before}le="{edge}"{after}}} {_go_float(count)}\n'
        for edge, count in zip(_edges(value.bounds), value.cumulative, strict=True)
    )
    labels = _braced(pairs)
    total = f"{name}_count{labels} {_go_float(value.count)}\n"
    return f"{''.join(buckets)}{total}{name}_sum{labels} {_go_float(value.sum)}\n"


def _braced(pairs: Sequence[tuple[str, str]]) -> str:
    return f"{{{','.join(pair for _, pair in pairs)}}}" if pairs else ""


def _escaped(value: str) -> str:
    return utf8(value).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


@cache
def _edges(bounds: tuple[float, ...]) -> tuple[str, ...]:
    return (*map(_go_float, bounds), "+Inf")


def _with_exemplars(metric: Metric, point: Point) -> Lines:
    family = [_wire_family(Family.of(metric, [point]))]
    text = _text(family).removeprefix(_head(metric, "text"))
    return Lines(text, apart=_openmetrics(family).removeprefix(_head(metric, "openmetrics")))


@cache
def _head(metric: Metric, form: Format) -> bytes:
    """The lines before a family's samples: help, type and, in OpenMetrics, unit."""
    empty = [_wire_family(Family.of(metric, ()))]
    return _text(empty) if form == "text" else _openmetrics(empty)


def _text(families: Sequence[WireFamily]) -> bytes:
    return text_format.generate_latest(_Families([_without_created(one) for one in families]))


def _openmetrics(families: Sequence[WireFamily]) -> bytes:
    """The families as OpenMetrics, without its end mark."""
    # Every name is valid as it is. Any other escaping gives the same bytes in twice the time.
    written = _write_openmetrics(_Families(families), escaping=openmetrics_format.ALLOWUTF8)
    return written.removesuffix(_END_MARK)


class _Families(Collector):
    """Families ready made, in the shape that prometheus-client's writers ask for."""

    def __init__(self, families: Iterable[WireFamily]) -> None:
        self._families = families

    def collect(self) -> Iterable[WireFamily]:
        return self._families


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


def _unit(metric: Metric) -> str:
    """The OpenMetrics unit, where the name ends in it as the format requires."""
    unit = _UNIT_SUFFIXES.get(metric.unit, "")
    return unit if unit and metric.name.endswith(f"_{unit}") else ""


def _wire_family(family: Family) -> WireFamily:
    metric = family.metric
    if metric.kind == "counter":
        counter = CounterMetricFamily(
            metric.name, metric.help, labels=metric.label_names, unit=_unit(metric)
        )
        for point in family.points:
            counter.add_metric(_labels(point), _number(metric, point), created=point.created)
        return counter
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(
            metric.name, metric.help, labels=metric.label_names, unit=_unit(metric)
        )
        for point in family.points:
            _add_histogram(histogram, metric, point)
        return histogram
    gauge = GaugeMetricFamily(
        metric.name, metric.help, labels=metric.label_names, unit=_unit(metric)
    )
    for point in family.points:
        gauge.add_metric(_labels(point), _number(metric, point))
    return gauge


def _add_histogram(family: HistogramMetricFamily, metric: Metric, point: Point) -> None:
    value = point.value
    if not isinstance(value, Histogram):
        raise TypeError(f"{metric.name} is a histogram, but holds {value!r}")
    edges = _edges(value.bounds)
    exemplars = value.exemplars or (None,) * len(edges)
    buckets: list[tuple[str, float] | tuple[str, float, WireExemplar]] = []
    for edge, count, exemplar in zip(edges, value.cumulative, exemplars, strict=True):
        wire = _wire_exemplar(exemplar)
        buckets.append((edge, count) if wire is None else (edge, count, wire))
    labels = _labels(point)
    family.add_metric(labels, buckets, value.sum)
    if point.created is not None:
        names = dict(zip(metric.label_names, labels, strict=True))
        family.add_sample(f"{metric.name}_created", names, point.created)


def _wire_exemplar(exemplar: Exemplar | None) -> WireExemplar | None:
    """The exemplar as the writer wants it; None where the format has no room for it."""
    if exemplar is None:
        return None
    labels = {name: utf8(value) for name, value in exemplar.labels}
    if sum(len(name) + len(value) for name, value in labels.items()) > _EXEMPLAR_RUNES:
        return None
    return WireExemplar(labels, exemplar.value, exemplar.timestamp)


def _number(metric: Metric, point: Point) -> float:
    if isinstance(point.value, Histogram):
        raise TypeError(f"{metric.name} is a {metric.kind}, but holds a histogram")
    return point.value


def _labels(point: Point) -> list[str]:
    return [utf8(value) for value in point.labels]


def _without_created(family: WireFamily) -> WireFamily:
    """`family` as the text format knows it, in which `_created` would be one more series."""
    if family.type not in ("counter", "histogram"):
        return family
    plain = WireFamily(family.name, family.documentation, family.type, family.unit)
    created = f"{family.name}_created"
    plain.samples = [sample for sample in family.samples if sample.name != created]
    return plain
