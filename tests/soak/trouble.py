"""A daemon that is killed at random and started again, and what it counted once all is quiet."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from time import monotonic
from typing import Protocol

from exporter.simulator.truth import Truth
from tests.e2e.running import Exporter, Process, Scrape, client_of, process, rounded
from tests.e2e.state import State
from tests.soak.watch import ProcessRun, Watch

STARTING_SHARE = 0.25
"""Lives that are ended while they start."""
SHORT_SHARE = 0.4
"""Lives that serve for some seconds only; the others may last as long as any."""
SHORT_SECONDS = 10.0
STAYS_POLLS = 3
"""So many more polls of the sessions change nothing in the end."""


class Trouble(Protocol):
    """What keeps one life of the exporter from its state; nothing is damaged by it.

    A state that is lost begins anew, which is not part of what soaks show.
    recovers: whether it ends before the life does.
    """

    recovers: bool

    def prepare(self) -> Callable[[], None] | None:
        """Make it so before the life begins; gives what the new process does first."""
        ...

    def strike(self, pid: int) -> None:
        """What comes in the midst of the life."""
        ...

    def recover(self, pid: int | None = None) -> None:
        """Nothing stands in the way any more; pid: of the life, unless that is over."""
        ...


class Troubled(State, Protocol):
    """A state that is not always to be had."""

    def draw(self, chance: random.Random) -> Trouble:
        """The trouble of one life."""
        ...


class Lives:
    """One life after another on the same state, each ended at random."""

    def __init__(
        self,
        variables: Mapping[str, str],
        state: Troubled,
        watch: Watch,
        seed: int,
        longest: float,
    ) -> None:
        """longest: seconds that a life serves at most."""
        self._variables = variables
        self._state = state
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
        trouble = self._state.draw(chance)
        began = monotonic()
        try:
            async with process(self._variables, prepare=trouble.prepare()) as daemon:
                if kind < STARTING_SHARE:
                    deadline = began + chance.uniform(0.0, 1.2 * self._start_seconds)
                    await self._serve(daemon, min(deadline, until))
                else:
                    await daemon.until_logged("serving")
                    self._start_seconds = monotonic() - began
                    short = kind < STARTING_SHARE + SHORT_SHARE
                    most = min(SHORT_SECONDS, self._longest) if short else self._longest
                    seconds = chance.uniform(0.0, most)
                    async with _troubled(daemon, trouble, chance, seconds):
                        await self._serve(daemon, min(monotonic() + seconds, until))
                await self._end(daemon, life, chance)
        finally:
            trouble.recover()

    async def _serve(self, daemon: Process, deadline: float) -> None:
        """Watch until the deadline, monotonic seconds.

        It breaks off no request: a connection that is just being made would be left open.
        """
        try:
            async with asyncio.timeout(deadline - monotonic()):
                await daemon.until_logged("serving")
        except TimeoutError:
            return
        async with client_of(daemon) as exporter:
            await self._watch.follow(exporter, deadline)

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
    daemon: Process, trouble: Trouble, chance: random.Random, seconds: float
) -> AsyncIterator[None]:
    """The state's trouble comes and perhaps goes while the block runs, some `seconds`."""
    loop = asyncio.get_running_loop()
    comes, goes = sorted(chance.uniform(0, seconds) for _ in range(2))
    timers = [loop.call_later(comes, trouble.strike, daemon.pid)]
    if trouble.recovers:
        timers.append(loop.call_later(goes, trouble.recover, daemon.pid))
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()


async def settle(
    daemon: Process, watch: Watch, truth: Truth, seconds: float
) -> tuple[Truth, Scrape]:
    """What is counted once it agrees with the truth and some more polls have changed nothing.

    Or what is counted when the time is over. Invalid items are left to the state.
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
