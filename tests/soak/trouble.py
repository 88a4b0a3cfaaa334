"""A daemon that is killed at random and started again, and what it counted once all is quiet."""

import asyncio
import contextlib
import random
import shutil
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic

from exporter.simulator.truth import Truth
from tests.e2e.running import Exporter, Process, Scrape, client_of, process, rounded
from tests.soak.disk import Disk, draw
from tests.soak.watch import ProcessRun, Watch

STARTING_SHARE = 0.25
"""Lives that are ended while they start."""
SHORT_SHARE = 0.4
"""Lives that serve for some seconds only; the others may last as long as any."""
SHORT_SECONDS = 10.0
STAYS_POLLS = 3
"""So many more polls of the sessions change nothing in the end."""


class Lives:
    """One life after another on the same state, each ended at random."""

    def __init__(
        self, variables: Mapping[str, str], watch: Watch, seed: int, longest: float
    ) -> None:
        """longest: seconds that a life serves at most."""
        self._variables = variables
        self._folder = Path(variables["ISNOTAI_STATE_PATH"]).parent
        self._watch = watch
        self._seed = seed
        self._longest = longest
        self._start_seconds = 1.0
        self.unwritable = 0
        """Lives that said that their state could not be opened or committed."""

    async def live(self, until: float) -> None:
        """One life: start, be watched, and be killed at a random moment, `until` at the latest.

        until: monotonic seconds.
        """
        life = self._watch.born()
        chance = random.Random(f"{self._seed} life {len(self._watch.lives)}")  # noqa: S311 - reproducible
        kind = chance.random()
        disk = draw(chance, self._folder)
        began = monotonic()
        try:
            async with process(self._variables, prepare=disk.prepare()) as daemon:
                if kind < STARTING_SHARE:
                    deadline = began + chance.uniform(0.0, 1.2 * self._start_seconds)
                    await self._serve(daemon, min(deadline, until))
                else:
                    await daemon.until_logged("serving")
                    self._start_seconds = monotonic() - began
                    short = kind < STARTING_SHARE + SHORT_SHARE
                    most = min(SHORT_SECONDS, self._longest) if short else self._longest
                    seconds = chance.uniform(0.0, most)
                    async with _troubled(daemon, disk, chance, seconds):
                        await self._serve(daemon, min(monotonic() + seconds, until))
                await self._end(daemon, life, chance)
        finally:
            disk.recover()

    async def _serve(self, daemon: Process, deadline: float) -> None:
        """Watch until the deadline, monotonic seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline - monotonic()), client_of(daemon) as exporter:
                await self._watch.follow(exporter)

    async def _end(self, daemon: Process, life: ProcessRun, chance: random.Random) -> None:
        """Kill it; or tell it to stop, and kill it at a random moment of that."""
        # Whatever happens, it stays up until then.
        assert daemon.process.returncode is None, daemon.output
        errors = [str(event.get("error")) for event in daemon.events()]
        self.unwritable += any("the state" in error for error in errors)
        if life.served is not None and chance.random() < 0.25:
            daemon.process.terminate()
            with contextlib.suppress(TimeoutError):
                await daemon.ended(chance.uniform(0.0, 0.5))


@asynccontextmanager
async def _troubled(
    daemon: Process, disk: Disk, chance: random.Random, seconds: float
) -> AsyncIterator[None]:
    """The disk's trouble comes and perhaps goes while the block runs, some `seconds`."""
    loop = asyncio.get_running_loop()
    comes, goes = sorted(chance.uniform(0, seconds) for _ in range(2))
    timers = [loop.call_later(comes, disk.strike, daemon.pid)]
    if disk.recovers:
        timers.append(loop.call_later(goes, disk.recover, daemon.pid))
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()


async def settle(
    daemon: Process, watch: Watch, truth: Truth, seconds: float
) -> tuple[Truth, Scrape]:
    """What is counted once it agrees with the truth and some more polls have changed nothing.

    Or what is counted when the time is over. Invalid items are left to `remembered_invalid`.
    """
    expected = replace(rounded(truth), invalid_items=0)
    agreed: float | None = None
    async with client_of(daemon) as exporter, sampled(exporter, watch):
        deadline = monotonic() + seconds
        while True:
            scrape = await exporter.scrape()
            counted = replace(scrape.counted(), invalid_items=0)
            settled = scrape.value("isnotai_sessions_unsettled") == 0
            polls = scrape.value("isnotai_polls_total", resource="sessions", outcome="success")
            if counted == expected and settled:
                agreed = polls or 0.0 if agreed is None else agreed
                if (polls or 0.0) >= agreed + STAYS_POLLS:
                    return counted, scrape
            elif agreed is not None or monotonic() >= deadline:
                return counted, scrape
            await exporter.alive.moment()


@asynccontextmanager
async def sampled(exporter: Exporter, watch: Watch) -> AsyncIterator[None]:
    """The daemon is watched for as long as the block lasts."""
    following = asyncio.create_task(watch.follow(exporter))
    try:
        yield
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


def remembered_invalid(state: Path, aside: Path) -> int:
    """How many invalid items the state of a daemon that is dead remembers.

    aside: a new folder for a copy, so that what a kill left behind is not touched.
    """
    shutil.copytree(state.parent, aside)
    with contextlib.closing(sqlite3.connect(aside / state.name)) as connection:
        number: int = connection.execute("SELECT count(*) FROM invalid").fetchone()[0]
    return number
