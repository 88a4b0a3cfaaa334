"""The storm: replicas are killed, stopped and cut off, the database falls; every number holds."""

import asyncio
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic, time

import pytest

from tests.e2e.simulation import simulated
from tests.tools.fleet import Fleet, Replica, fleet
from tests.tools.joined import TARGETS, check_joined, joining
from tests.tools.postgres import running_cluster

pytestmark = [pytest.mark.tools, pytest.mark.timeout(1800)]

REPLICAS = 3
TAKEN_OVER_SECONDS = 20.0
SWALLOWED_SECONDS = 20.0
"""By then a replica has said something to the database, or has been told something."""


class Storm:
    """One blow after another, of all kinds in turn, in an order that chance shuffles."""

    def __init__(self, ours: Fleet, seed: int) -> None:
        self.ours = ours
        self.chance = random.Random(seed)  # noqa: S311 - reproducible
        self.blows: list[str] = []
        self.taken_over: list[float] = []

    async def blow(self, seconds: float) -> None:
        """Rounds of all kinds, for at least so long."""
        deadline = monotonic() + seconds
        kinds = [self.kill, self.stop, self.cut, self.crash, self.roll]
        while not self.blows or monotonic() < deadline:
            self.chance.shuffle(kinds)
            for kind in kinds:
                self.blows.append(kind.__name__)
                await kind()
                await self.ours.sampled(self.chance.randint(0, 10))

    def anyone(self) -> Replica:
        return self.chance.choice(self.ours.replicas)

    async def kill(self) -> None:
        poller = await self.ours.poller()
        began = monotonic()
        await self.ours.end(poller)
        await self.ours.polled_well()
        self.taken_over.append(monotonic() - began)
        await self.ours.start()

    async def stop(self) -> None:
        poller = await self.ours.poller()
        poller.send(signal.SIGSTOP)
        await self.ours.poller()  # another: the lease is over
        poller.send(signal.SIGCONT)

    async def cut(self) -> None:
        for there, back in ((True, True), (True, False), (False, True)):
            relay = self.anyone().relay
            relay.swallow(there=there, back=back)
            assert await asyncio.to_thread(relay.swallowed.wait, SWALLOWED_SECONDS)
            await self.ours.sampled(self.chance.randint(0, 12))
            relay.pass_on()
            relay.cut()

    async def crash(self) -> None:
        await asyncio.to_thread(self.ours.cluster.stop)
        await self.ours.sampled(self.chance.randint(0, 8))
        await asyncio.to_thread(self.ours.cluster.start)

    async def roll(self) -> None:
        for old in list(self.ours.replicas):
            await self.ours.start()
            await self.ours.end(old, signal.SIGTERM)


async def storm(seconds: float, seed: int, program: Path, folder: Path) -> Storm:
    """A storm of so long, through which Prometheus scrapes; and what must hold after it."""
    began = time()
    with running_cluster() as cluster:
        async with (
            simulated(seed=seed) as api,
            fleet(cluster, api.variables, api.truth, folder / TARGETS) as ours,
            joining(program, folder) as asked,
        ):
            for _ in range(REPLICAS):
                await ours.start()
            await ours.poller()
            ours.record_commits()
            blows = Storm(ours, seed)
            api.fail(status_5xx=0.05, refuse_cursor=0.05)
            async with ours.watched():
                await blows.blow(seconds)
                api.fail()
                api.pause()
                api.freeze()
                await ours.until_all_agree(api.truth())
            print(
                f"seed {seed}: {len(blows.blows)} blows, {ours.samples} samples, "
                f"{api.truth().sessions} sessions, taken over in "
                f"{[round(it, 1) for it in blows.taken_over]} s"
            )
            assert ours.faults == []
            ours.check_commits()
            await check_joined(asked, api.truth(), began)
            return blows


async def test_in_a_storm_every_number_holds(tool: Callable[[str], Path], tmp_path: Path) -> None:
    blows = await storm(30.0, 7, tool("prometheus"), tmp_path)

    assert sorted(set(blows.blows)) == ["crash", "cut", "kill", "roll", "stop"]
    assert max(blows.taken_over) < TAKEN_OVER_SECONDS


@pytest.mark.soak
async def test_in_a_storm_of_ten_minutes_every_number_holds(
    tool: Callable[[str], Path], tmp_path: Path
) -> None:
    seconds, seed = float(os.environ.get("STORM_SECONDS", "600")), int(os.environ.get("SEED", "1"))
    await storm(seconds, seed, tool("prometheus"), tmp_path)
