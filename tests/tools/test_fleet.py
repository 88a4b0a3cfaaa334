"""Several exporters on one database: one polls, all show the same, and whoever is left goes on."""

import asyncio
import signal
from contextlib import nullcontext
from time import monotonic
from typing import Any

import pytest

from tests.e2e.running import Exporter, Scrape
from tests.e2e.simulation import simulated
from tests.tools.fleet import DEAF, START, UNFENCED, fleet
from tests.tools.postgres import Cluster

pytestmark = [pytest.mark.tools, pytest.mark.timeout(300)]

HANDED_OVER_SECONDS = 10.0
TAKEN_OVER_SECONDS = 20.0


async def test_one_polls_all_show_the_same_and_the_next_takes_over(postgres: Cluster) -> None:
    async with (
        simulated() as api,
        fleet(postgres, api.variables, api.truth) as ours,
        ours.watched(),
    ):
        for _ in range(3):
            await ours.start()
        first = await ours.poller()
        for replica in ours.replicas:
            await replica.exporter.until(lambda it: it.value("isnotai_sessions_total"))
        shown = [await it.exporter.scrape() for it in ours.replicas]
        assert sum(it.value("isnotai_exporter_poller") or 0 for it in shown) == 1
        assert sum(it.value("isnotai_up") is not None for it in shown) == 1
        # Each looks at the leases every few seconds.
        told = [await naming(it.exporter) for it in ours.replicas]
        assert [it["integrations"][0]["polls"] for it in told].count(True) == 1
        assert len({it["integrations"][0]["polled_by"] for it in told}) == 1
        assert {it["findings"][0]["headline"] for it in told} == {"all is well"}

        # Told to stop, it hands over at once; killed, it is missed soon.
        began = monotonic()
        await ours.end(first, signal.SIGTERM)
        second = await ours.polled_well()
        handed_over = monotonic() - began
        began = monotonic()
        await ours.end(second)
        await ours.polled_well()
        taken_over = monotonic() - began
        print(f"handed over in {handed_over:.1f} s, taken over in {taken_over:.1f} s")
        assert handed_over < HANDED_OVER_SECONDS
        assert taken_over < TAKEN_OVER_SECONDS
        await ours.start()
        api.pause()
        api.freeze()
        await ours.until_all_agree(api.truth())

        assert ours.faults == []


async def naming(exporter: Exporter) -> Any:
    """The status of a replica, once it names the one that polls."""
    async with asyncio.timeout(TAKEN_OVER_SECONDS):
        while True:
            status = (await exporter.get("/api/status")).json()
            if status["integrations"][0]["polled_by"] is not None:
                return status
            await exporter.alive.moment()


def session_polls(scrape: Scrape) -> float:
    """Polls of the sessions that ended, well or badly."""
    outcomes = ("success", "failure")
    name = "isnotai_polls_total"
    return sum(scrape.value(name, resource="sessions", outcome=it) or 0.0 for it in outcomes)


@pytest.mark.parametrize("broken", [False, True], ids=["fenced", "unfenced"])
async def test_the_fence_alone_keeps_a_replica_from_harm_that_was_stopped_past_its_lease(
    postgres: Cluster, broken: bool
) -> None:
    program = ("-c", DEAF + (UNFENCED if broken else "") + START)
    async with (
        simulated() as api,
        fleet(postgres, api.variables, api.truth) as ours,
        ours.watched(),
    ):
        await ours.start(program)
        await ours.start(program)
        lost = await ours.poller()
        ours.record_commits()
        lost.send(signal.SIGSTOP)
        await ours.poller()
        (other,) = [it for it in ours.replicas if it is not lost]
        before = (await other.exporter.scrape()).value("isnotai_sessions_total") or 0.0
        await other.exporter.until(
            lambda it: (it.value("isnotai_sessions_total") or 0) > before + 10
        )
        lost.send(signal.SIGCONT)
        polled = session_polls(await lost.exporter.scrape())
        await lost.exporter.until(lambda it: session_polls(it) > polled + 5)
        await ours.end(lost)
        api.pause()
        api.freeze()
        try:
            await ours.until_all_agree(api.truth(), 20.0)
            agree = True
        except AssertionError:
            agree = False

        assert (agree and ours.faults == []) != broken, ours.faults
        with pytest.raises(AssertionError) if broken else nullcontext():
            ours.check_commits()
