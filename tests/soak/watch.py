"""Samples of every counter, five a second, over many lives of the exporter: none may ever fall.

What the ledger counts may not fall across lives either; the exporter's own counters begin anew with
each. It only looks: it starts and ends nothing.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from time import monotonic

import httpx

from tests.e2e.running import Exporter

SAMPLE_SECONDS = 0.2
LATE_SECONDS = 0.2
"""A sample is on time if it follows the last one by no more than this beyond SAMPLE_SECONDS; that
is what a slow scrape may take on a machine which runs all of this at once."""

LASTING = frozenset(
    {
        "isnotai_sessions_total",
        "isnotai_bot_sessions_total",
        "isnotai_session_flags_total",
        "isnotai_bot_session_flags_total",
        "isnotai_late_sessions_total",
        "isnotai_session_gap_seconds_total",
        "isnotai_session_bot_score",
        "isnotai_session_frontier_timestamp_seconds",
    }
)
"""What the state keeps: falls neither within a life nor from one to the next."""

INVALID = 'isnotai_api_invalid_items_total{integration="default",resource="sessions"}'


def counters(text: str) -> Iterator[tuple[str, float, bool]]:
    """Each series that may not fall, its value, and whether that holds across lives.

    text: an exposition, whose lines end with the value.
    """
    lasting = rising = False
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            lasting = name in LASTING
            rising = lasting or kind in ("counter", "histogram")
        elif rising and not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            yield series, float(value), lasting


@dataclass
class ProcessRun:
    """One life of the exporter, as far as it was watched. Times are monotonic seconds."""

    served: float | None = None
    times: list[float] = field(default_factory=list)
    highest: dict[str, float] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)
    invalid: float = 0.0

    @property
    def gaps(self) -> list[float]:
        """Seconds between one sample and the next."""
        return [after - before for before, after in pairwise(self.times)]

    @property
    def watched(self) -> float:
        """Seconds from the first sample to the last."""
        return self.times[-1] - self.times[0] if self.times else 0.0


@dataclass
class Watch:
    """All lives so far; `falls` says which counter fell or went, and in which."""

    lives: list[ProcessRun] = field(default_factory=list)
    highest: dict[str, float] = field(default_factory=dict)
    falls: list[str] = field(default_factory=list)

    def born(self) -> ProcessRun:
        """A new life, to be watched from now on."""
        self.lives.append(ProcessRun())
        return self.lives[-1]

    def look(self, text: str) -> None:
        """Take a sample of the present life."""
        life = self.lives[-1]
        life.times.append(monotonic())
        shown = set()
        for series, value, lasting in counters(text):
            shown.add(series)
            highest = self.highest if lasting else life.highest
            before = highest.get(series, 0.0)
            if not value >= before:
                self.falls.append(f"life {len(self.lives)}: {series} fell from {before} to {value}")
            highest[series] = max(before, value)
            if series == INVALID:
                life.invalid = value
        for series in life.shown - shown:
            self.falls.append(f"life {len(self.lives)}: {series} is gone")
        life.shown |= shown

    async def follow(self, exporter: Exporter, until: float = inf) -> None:
        """Sample a daemon that serves, at once and then every SAMPLE_SECONDS, until cancelled.

        until: monotonic seconds at which it ends by itself.
        """
        life = self.lives[-1]
        life.served = tick = monotonic()
        while monotonic() < until:
            with contextlib.suppress(httpx.TransportError):
                response = await exporter.get("/metrics")
                assert response.status_code == 200, response.text
                self.look(response.text)
            tick = min(max(tick + SAMPLE_SECONDS, monotonic()), until)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(tick - monotonic()):
                    await asyncio.Event().wait()

    @property
    def samples(self) -> int:
        return sum(len(life.times) for life in self.lives)

    @property
    def on_time(self) -> float:
        """The share of samples that followed the last one of their life in time."""
        gaps = [gap for life in self.lives for gap in life.gaps]
        punctual = sum(gap <= SAMPLE_SECONDS + LATE_SECONDS for gap in gaps)
        return punctual / len(gaps) if gaps else 0.0

    @property
    def mean_gap(self) -> float:
        """Seconds from one sample of a life to the next, on average."""
        gaps = sum(len(life.gaps) for life in self.lives)
        return self.watched / gaps if gaps else 0.0

    @property
    def longest_gap(self) -> float:
        """The longest time that a daemon which served was not watched, in seconds."""
        return max((gap for life in self.lives for gap in life.gaps), default=0.0)

    @property
    def watched(self) -> float:
        """Seconds for which there were samples, over all lives."""
        return sum(life.watched for life in self.lives)

    @property
    def invalid(self) -> float:
        """Invalid items that all lives together were seen to have counted."""
        return sum(life.invalid for life in self.lives)
