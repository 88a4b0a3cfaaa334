"""The daemon starts and stays up whatever the API does, says so, and recovers by itself."""

import asyncio
import os
import resource
import signal
from pathlib import Path

import httpx
import pytest

from exporter.net import peer_client
from exporter.simulator.service import DEFAULT_KEY
from tests.e2e.running import Scrape, client_of, in_process, process
from tests.e2e.simulation import simulated

RESOURCES = ("integration", "stats", "analytics", "usage", "sessions")

# The tier is unknown while nothing answers, so the budget is the smallest tier's.
PATIENT = {
    "ISNOTAI_BUDGET_SHARE": "1",
    "ISNOTAI_POLL_SESSIONS_INTERVAL": "2s",
    "ISNOTAI_POLL_STATS_INTERVAL": "5s",
    "ISNOTAI_POLL_ANALYTICS_INTERVAL": "5s",
    "ISNOTAI_POLL_USAGE_INTERVAL": "5s",
    "ISNOTAI_POLL_INTEGRATION_INTERVAL": "5s",
    "ISNOTAI_POLL_HEALTH_INTERVAL": "5s",
}


def failing(scrape: Scrape) -> bool:
    """Every resource was tried, and none answered well."""
    return all(
        scrape.value("isnotai_resource_consecutive_failures", resource=resource)
        for resource in RESOURCES
    )


@pytest.fixture
def quick_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests time out in a fraction of a second."""
    monkeypatch.setattr(peer_client, "PHASES", httpx.Timeout(0.3))


async def test_an_api_that_answers_503_to_everything_is_survived_and_recovered_from() -> None:
    async with simulated() as api:
        api.fail(down="503", retry_after="none")
        async with in_process({**api.variables, **PATIENT}) as exporter:
            scrape = await exporter.until(failing)
            assert scrape.value("isnotai_up") == 0
            assert scrape.value("isnotai_sessions_total") in (None, 0)
            assert await exporter.healthy()
            assert (await exporter.get("/-/ready")).status_code == 200

            api.fail()

            await exporter.until(
                lambda scrape: (
                    scrape.value("isnotai_up") == 1
                    and scrape.value("isnotai_resource_up") == 1 + len(RESOURCES)
                )
            )
            api.pause()
            await exporter.until_counted(api.truth)


@pytest.mark.usefixtures("quick_timeouts")
async def test_an_api_that_never_answers_is_survived_and_its_gauges_go_stale() -> None:
    async with simulated() as api:
        variables = {**api.variables, "ISNOTAI_POLL_STALE_AFTER": "2s"}
        async with in_process(variables) as exporter:
            before = await exporter.until(
                lambda scrape: (
                    scrape.value("isnotai_resource_up") == 1 + len(RESOURCES)
                    and scrape.value("isnotai_sessions_active") is not None
                    and scrape.value("isnotai_analytics_sessions") is not None
                    and scrape.value("isnotai_stats") is not None
                )
            )

            api.fail(hang=1.0)

            scrape = await exporter.until(
                lambda scrape: (
                    failing(scrape)
                    and scrape.value("isnotai_analytics_sessions") is None
                    and scrape.value("isnotai_sessions_unsettled") is None
                )
            )
            for gone in (
                "isnotai_stats",
                "isnotai_usage",
                "isnotai_sessions_active",
                "isnotai_session_coverage_ratio",
            ):
                assert scrape.value(gone) is None
            for lasting in (
                "isnotai_sessions_total",
                "isnotai_session_frontier_timestamp_seconds",
                "isnotai_integration_info",
                "isnotai_api_info",
            ):
                assert scrape.value(lasting) == pytest.approx(before.value(lasting), abs=60)
            assert scrape.value("isnotai_up") == 0
            assert scrape.value("isnotai_api_requests_total", code="timeout")
            assert await exporter.healthy()

            api.fail()

            await exporter.until(lambda scrape: scrape.value("isnotai_stats") is not None)


async def test_values_disappear_on_time_while_the_poll_still_hangs() -> None:
    # The request's own time-outs are far away: only the timer's snapshots show time passing.
    stale_after = {"ISNOTAI_POLL_STALE_AFTER": "2s"}
    async with (
        simulated(rate=2.0) as api,
        in_process({**api.variables, **stale_after}) as exporter,
    ):
        await exporter.until(
            lambda scrape: (
                scrape.value("isnotai_stats") is not None
                and scrape.value("isnotai_sessions_unsettled") is not None
            )
        )

        api.fail(hang=1.0)

        scrape = await exporter.until(
            lambda scrape: (
                scrape.value("isnotai_stats") is None
                and scrape.value("isnotai_sessions_unsettled") is None
            ),
            seconds=9,
        )
        assert scrape.value("isnotai_resource_consecutive_failures") == 0
        assert await exporter.healthy()


async def test_a_refused_key_is_not_hammered_with(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("aik_v1_" + "x" * 40)
    async with simulated() as api:
        variables = {**api.variables, "ISNOTAI_API_KEY_FILE": str(key_file)}
        del variables["ISNOTAI_API_KEY"]
        async with in_process(variables) as exporter:
            scrape = await exporter.until(
                lambda scrape: (
                    failing(scrape)
                    and (scrape.value("isnotai_polls_total", resource="stats") or 0) >= 4
                )
            )
            assert scrape.value("isnotai_api_key_valid") == 0
            assert scrape.value("isnotai_up") == 0
            assert api.answered(401) <= len(RESOURCES)
            assert api.answered(401) == scrape.value("isnotai_api_requests_total", code="401")
            assert await exporter.healthy()

            key_file.write_text(DEFAULT_KEY + "\n")

            await exporter.until(
                lambda scrape: (
                    scrape.value("isnotai_api_key_valid") == 1
                    and scrape.value("isnotai_resource_up") == 1 + len(RESOURCES)
                )
            )


async def test_a_key_file_that_comes_later_is_no_reason_to_exit(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    async with simulated(rate=2.0) as api:
        variables = {**api.variables, "ISNOTAI_API_KEY_FILE": str(key_file)}
        del variables["ISNOTAI_API_KEY"]
        async with process(variables) as daemon, client_of(daemon) as exporter:
            scrape = await exporter.until(
                lambda scrape: (
                    failing(scrape) and scrape.value("isnotai_resource_up", resource="health") == 1
                )
            )
            assert scrape.value("isnotai_api_key_valid") == 0
            assert api.asked() == api.asked("/health")
            assert await exporter.healthy()
            said = [event for event in daemon.events() if event["event"] == "poll_failed"]
            assert any("key file" in event["error"] for event in said)

            key_file.write_text(DEFAULT_KEY)

            await exporter.until(
                lambda scrape: (
                    scrape.value("isnotai_api_key_valid") == 1
                    and scrape.value("isnotai_sessions_total")
                )
            )


async def test_one_exporter_serves_several_integrations(tmp_path: Path) -> None:
    config = tmp_path / "exporter.yml"
    async with simulated(seed=1) as first, simulated(seed=2, rate=3.0) as second:
        config.write_text(
            "integrations:\n"
            f"- {{name: north, base_url: '{first.url}', api_key_env: NORTH_KEY}}\n"
            f"- {{name: south, base_url: '{second.url}', api_key_env: SOUTH_KEY}}\n"
        )
        southern = "aik_v1_" + "s" * 40
        second.settings(keys=(southern,))
        variables = {**first.variables, "NORTH_KEY": DEFAULT_KEY, "SOUTH_KEY": southern}
        for name in ("ISNOTAI_API_KEY", "ISNOTAI_BASE_URL"):
            del variables[name]
        async with in_process({**variables, "ISNOTAI_CONFIG_FILE": str(config)}) as exporter:
            await exporter.until(
                lambda scrape: (
                    scrape.value("isnotai_sessions_total", integration="north")
                    and scrape.value("isnotai_sessions_total", integration="south")
                )
            )
            first.freeze()
            second.freeze()
            second.fail(down="closed")

            scrape = await exporter.until(
                lambda scrape: (
                    scrape.agrees(first.truth(), "north")
                    and scrape.value("isnotai_up", integration="south") == 0
                )
            )
            assert scrape.value("isnotai_up", integration="north") == 1

            second.fail()

            await exporter.until(lambda scrape: scrape.agrees(second.truth(), "south"))


async def test_a_machine_that_is_paused_goes_on_as_if_nothing_had_been() -> None:
    async with (
        simulated(rate=2.0) as api,
        process(api.variables) as daemon,
        client_of(daemon) as exporter,
    ):
        before = await exporter.until(lambda scrape: scrape.value("isnotai_sessions_total"))
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            # Nobody answers now, which takes a moment to be sure of.
            with pytest.raises(httpx.ReadTimeout):
                await exporter.client.get("/-/healthy", timeout=2.0)
        finally:
            os.kill(daemon.pid, signal.SIGCONT)

        after = await exporter.until(
            lambda scrape: (
                (scrape.value("isnotai_sessions_total") or 0)
                > (before.value("isnotai_sessions_total") or 0)
            )
        )
        assert after.value("isnotai_up") == 1
        assert await exporter.healthy()
        assert "Traceback" not in daemon.output
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.ended() == 0


async def test_a_process_without_home_zone_locale_or_many_descriptors_counts() -> None:
    """As containers run it; the time zone and the locale do not even exist."""

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    odd = {"TZ": "Mars/Olympus", "LC_ALL": "xx_YY.KOI8-R", "PYTHONIOENCODING": "latin-1"}
    async with (
        simulated(rate=2.0) as api,
        process({**api.variables, **odd}, prepare=few) as daemon,
        client_of(daemon) as exporter,
    ):
        await exporter.until(lambda scrape: scrape.value("isnotai_sessions_total"))
        assert await exporter.healthy()
        assert "Traceback" not in daemon.output


@pytest.mark.parametrize("sent", [b"", b"GET /metrics HTTP/1.1\r\nX-Slow:"])
async def test_more_clients_than_descriptors_do_not_make_a_scraper_wait(sent: bytes) -> None:
    """They fall silent at once or within their request, and hold on to their connections.

    They come from one address. A scraper of another keeps its connection, and whoever is at their
    own address gets a new one.
    """

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    async with (
        simulated(rate=2.0) as api,
        process(api.variables, prepare=few) as daemon,
        client_of(daemon) as exporter,
    ):
        await exporter.until(lambda scrape: scrape.value("isnotai_up") == 1)
        port = int(exporter.url.rpartition(":")[2])
        held = [
            await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
            for _ in range(80)
        ]
        beside = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        try:
            for _, writer in held:
                writer.write(sent)
            # Far less than the 15 s after which a request that is not finished ends.
            assert (await exporter.client.get("/metrics", timeout=5)).status_code == 200
            assert await exporter.healthy()
            async with httpx.AsyncClient(transport=beside, timeout=5) as other:
                assert (await other.get(f"{exporter.url}/metrics")).status_code == 200
        finally:
            for _, writer in held:
                writer.transport.abort()
        await exporter.until(lambda scrape: scrape.value("isnotai_up") == 1)
        assert "connection_not_accepted" not in daemon.output
        assert "Traceback" not in daemon.output
