"""A daemon that is killed at random and started again, while its API has every fault at once."""

import asyncio
import contextlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import monotonic

import httpx

from exporter.simulator.truth import Truth
from tests.e2e.running import Process, Scrape, client_of, process, rounded

ALL_FAULTS = {
    "status_429": 0.03,
    "edge_429": True,
    "retry_after": "seconds",
    "retry_after_seconds": 1.0,
    "status_5xx": 0.03,
    "no_content": 0.01,
    "slow": 0.02,
    "slow_seconds": 0.5,
    "hang": 0.001,
    "trickle": 0.002,
    "trickle_seconds": 0.001,
    "drop_connection": 0.02,
    "cut_body": 0.02,
    "garbage": 0.02,
    "oversized": 0.002,
    "refuse_cursor": 0.05,
    "repeat_items": 0.2,
    "short_pages": 0.1,
    "no_tier_header": 0.1,
}

SAMPLE_SECONDS = 0.2
COUNTERS = (
    "isnotai_sessions_total",
    "isnotai_bot_sessions_total",
    "isnotai_late_sessions_total",
    "isnotai_session_gap_seconds_total",
    "isnotai_session_bot_score_count",
    "isnotai_session_bot_score_sum",
    "isnotai_session_bot_score_bucket",
    "isnotai_session_flags_total",
)


@dataclass
class Watch:
    """Samples every counter of the ledger all the time; none may ever fall, kills or not."""

    highest: dict[tuple[str, frozenset[tuple[str, str]]], float] = field(default_factory=dict)
    samples: int = 0
    falls: list[str] = field(default_factory=list)

    def look(self, scrape: Scrape) -> None:
        self.samples += 1
        for (name, labels), value in scrape.samples.items():
            if name not in COUNTERS:
                continue
            if value < self.highest.get((name, labels), 0.0) - 1e-9:
                self.falls.append(f"{name}{sorted(labels)} fell to {value}")
            self.highest[name, labels] = max(value, self.highest.get((name, labels), 0.0))

    async def follow(self, client: httpx.AsyncClient) -> None:
        """Sample until cancelled, or until the daemon is gone."""
        tick = monotonic()
        while True:
            with contextlib.suppress(httpx.TransportError):
                self.look(Scrape((await client.get("/metrics")).text))
            tick += SAMPLE_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, tick - monotonic())):
                    await asyncio.Event().wait()


async def live_and_die(
    variables: Mapping[str, str], watch: Watch, chance: random.Random, longest: float
) -> None:
    """One life: start, be watched, and be killed at a random moment, perhaps while starting."""
    async with process(variables) as daemon:
        end = monotonic() + chance.uniform(0.1, longest)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + end - monotonic()):
                async with client_of(daemon) as exporter:
                    await watch.follow(exporter.client)


async def settle(
    daemon: Process, watch: Watch, truth: Truth, seconds: float
) -> tuple[Truth, Scrape]:
    """What is counted once all is settled, or when the time is over."""
    expected = replace(rounded(truth), invalid_items=0)
    async with client_of(daemon) as exporter:
        deadline = monotonic() + seconds
        while True:
            scrape = await exporter.scrape()
            watch.look(scrape)
            counted = replace(scrape.counted(), invalid_items=0)
            if counted == expected or monotonic() >= deadline:
                return counted, scrape
            await exporter.alive.moment()
