"""Signals and reloads: the daemon ends cleanly, and takes new settings without losing the old."""

import os
import signal
from pathlib import Path

import trustme

from exporter.settings.errors import SettingsError
from exporter.settings.load import load
from exporter.settings.model import Settings
from tests.e2e.running import Scrape, client_of, in_process, process
from tests.e2e.simulation import simulated
from tests.e2e.state import State

GRACE_SECONDS = 5


async def test_sigterm_ends_the_daemon_with_0_though_every_poll_hangs(state: State) -> None:
    async with simulated() as api:
        variables = {**api.variables, **state.variables}
        async with process(variables) as daemon, client_of(daemon) as exporter:
            await exporter.until(lambda scrape: scrape.value("isnotai_sessions_total"))
            api.fail(hang=1.0)
            asked = api.asked()
            await exporter.until(lambda scrape: api.asked() > asked + 3)

            daemon.process.terminate()

            assert await daemon.ended(GRACE_SECONDS) == 0
            assert [event["event"] for event in daemon.events()][-2:] == ["stopping", "stopped"]


async def test_sighup_reloads_good_settings_and_survives_bad_ones(tmp_path: Path) -> None:
    config = tmp_path / "exporter.yml"
    config.write_text("integration: one\n")
    async with simulated(rate=2.0) as api:
        variables = {**api.variables, "ISNOTAI_CONFIG_FILE": str(config)}
        async with process(variables) as daemon, client_of(daemon) as exporter:
            await exporter.until(lambda scrape: scrape.value("isnotai_up", integration="one"))

            config.write_text("integration: two\n")
            os.kill(daemon.pid, signal.SIGHUP)

            await exporter.until(
                lambda scrape: (
                    scrape.value("isnotai_up", integration="two")
                    and scrape.value("isnotai_up", integration="one") is None
                )
            )

            config.write_text("region: mars\n")
            os.kill(daemon.pid, signal.SIGHUP)

            await exporter.until(
                lambda scrape: scrape.value("isnotai_exporter_config_last_reload_successful") == 0
            )
            assert "mars" in (await daemon.until_logged("reload_failed"))["error"]
            polled = (await exporter.scrape()).value("isnotai_polls_total", outcome="success")
            await exporter.until(
                lambda scrape: (
                    (scrape.value("isnotai_polls_total", outcome="success") or 0) > (polled or 0)
                )
            )

            # A reload that is under way starts no polls that nobody would end.
            config.write_text("integration: three\n")
            os.kill(daemon.pid, signal.SIGHUP)
            daemon.process.send_signal(signal.SIGINT)

            assert await daemon.ended(GRACE_SECONDS) == 0


async def test_a_reload_with_certificates_that_are_gone_changes_nothing(
    tmp_path: Path,
) -> None:
    certificates = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(certificates)
    async with simulated(rate=2.0) as api:
        variables = {**api.variables, "SSL_CERT_FILE": str(certificates)}
        async with process(variables) as daemon, client_of(daemon) as exporter:
            await exporter.until(lambda scrape: scrape.value("isnotai_up") == 1)
            certificates.unlink()

            os.kill(daemon.pid, signal.SIGHUP)

            await daemon.until_logged("reloaded")
            asked = api.asked("/health")
            scrape = await exporter.until(lambda scrape: api.asked("/health") > asked + 1)
            assert scrape.value("isnotai_exporter_config_last_reload_successful") == 1
            assert scrape.value("isnotai_up") == 1


class Source:
    """Settings that a test changes, or spoils."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables
        self.problem: str | None = None

    def __call__(self) -> Settings:
        if self.problem is not None:
            raise SettingsError(self.problem)
        return load([], self.variables).settings


async def test_post_reload_takes_good_settings_and_answers_500_to_bad_ones() -> None:
    async with simulated(rate=2.0) as api:
        source = Source({**api.variables, "ISNOTAI_WEB_ENABLE_LIFECYCLE": "true"})
        async with in_process(source.variables, source) as exporter:
            before = await exporter.until(lambda scrape: scrape.value("isnotai_sessions_total"))
            source.problem = "region: must be us or eu, got 'mars'"

            refused = await exporter.client.post("/-/reload")

            assert (refused.status_code, source.problem in refused.text) == (500, True)
            await exporter.until(
                lambda scrape: scrape.value("isnotai_exporter_config_last_reload_successful") == 0
            )

            source.problem = None
            source.variables["ISNOTAI_QUOTA_LIMITS"] = "sessions=1000"
            assert (await exporter.client.post("/-/reload")).status_code == 200

            after = await exporter.until(
                lambda scrape: scrape.value("isnotai_quota_limit", metric="sessions") == 1000
            )
            assert after.value("isnotai_exporter_config_last_reload_successful") == 1
            assert after.counted().sessions >= before.counted().sessions
            assert requests(after) >= requests(before)


def requests(scrape: Scrape) -> float:
    return scrape.value("isnotai_api_requests_total") or 0.0


async def test_a_reload_does_not_give_the_budget_anew() -> None:
    async with simulated(tier="free", rate=2.0) as api:
        source = Source({**api.variables, "ISNOTAI_WEB_ENABLE_LIFECYCLE": "true"})
        async with in_process(source.variables, source) as exporter:
            await exporter.until(lambda scrape: api.asked() >= 15)
            for _ in range(3):
                assert (await exporter.client.post("/-/reload")).status_code == 200
            await exporter.until(lambda scrape: requests(scrape) == 15)

            assert api.asked() == 15
