"""The daemon's own decisions: health, readiness, the state's lock, reloads, its end."""

import asyncio
import signal
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
import structlog
import trustme

from exporter import cli, daemon, pipeline
from exporter.api import client
from exporter.clock import SystemClock
from exporter.daemon import Daemon
from exporter.ledger import store
from exporter.ledger.engine import Connection
from exporter.ledger.filelock import FileLock
from exporter.net import peer_client
from exporter.polling.frame import STUCK_GRACE_SECONDS
from exporter.publish.otlp_settings import read_otlp
from exporter.settings.load import load
from exporter.settings.model import Settings
from exporter.web.backend import ReloadError
from tests.e2e.running import Exporter, Scrape, in_process, process
from tests.e2e.simulation import simulated
from tests.plain import TRUSTS_NOBODY

KEY = "aik_v1_" + "x" * 40
UNREACHABLE = {
    "ISNOTAI_API_KEY": KEY,
    "ISNOTAI_BASE_URL": "http://127.0.0.1:9",
    "ISNOTAI_WEB_LISTEN_ADDRESS": "127.0.0.1:0",
}


class Leaping(SystemClock):
    """The real clock, which a test can set forward; what sleeps does not wake earlier."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


async def verdict(exporter: Exporter, path: str) -> tuple[int, str]:
    response = await exporter.get(path)
    return response.status_code, response.text


async def test_it_is_ready_once_all_was_tried_or_after_half_a_minute() -> None:
    clock = Leaping()
    async with simulated(rate=1.0) as api:
        api.fail(hang=1.0, only=("/v1/stats",))
        async with in_process(api.variables, clock=clock) as exporter:
            await exporter.until(lambda scrape: scrape.value("isnotai_resource_up") == 5)
            assert await verdict(exporter, "/-/ready") == (
                503,
                "not ready\ndefault: stats was not tried yet\n",
            )

            clock.ahead = 30

            assert await verdict(exporter, "/-/ready") == (200, "ready\n")


async def test_it_is_healthy_until_a_poll_gives_no_sign_for_longer_than_it_can_rightly_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A request that outlives all its time-outs: a defect, of which only a restart helps.
    monkeypatch.setattr(client, "REQUEST_SECONDS", 1000)
    monkeypatch.setattr(peer_client, "PHASES", 1000)
    clock = Leaping()
    async with simulated(rate=1.0) as api:
        api.fail(hang=1.0, only=("/v1/stats",))
        async with in_process(api.variables, clock=clock) as exporter:
            await exporter.until(lambda scrape: scrape.value("isnotai_resource_up") == 5)
            clock.ahead = STUCK_GRACE_SECONDS
            assert (await verdict(exporter, "/-/healthy"))[0] == 200

            clock.ahead = 2000
            code, text = await verdict(exporter, "/-/healthy")

            assert (code, "default: the poll of stats is stuck" in text) == (503, True)


async def test_polls_start_once_when_the_state_is_free_though_settings_are_reloaded_meanwhile(
    tmp_path: Path,
) -> None:
    other = FileLock(tmp_path / "state.db")
    assert other.acquire()
    async with simulated(rate=1.0) as api:
        variables = {
            **api.variables,
            "ISNOTAI_STATE_PATH": str(tmp_path / "state.db"),
            "ISNOTAI_WEB_ENABLE_LIFECYCLE": "true",
            "ISNOTAI_POLL_HEALTH_INTERVAL": "1h",
        }
        async with in_process(variables) as exporter:
            for _ in range(2):
                assert (await exporter.client.post("/-/reload")).status_code == 200
            assert api.asked() == 0
            assert await exporter.healthy()

            other.release()

            await exporter.until(lambda scrape: scrape.value("isnotai_resource_up") == 6)
            assert api.asked("/health") == 1


async def test_a_reload_changes_what_is_polled_and_keeps_what_wants_a_restart() -> None:
    async with simulated(rate=1.0) as api:
        variables = {**api.variables, "ISNOTAI_WEB_ENABLE_LIFECYCLE": "true"}

        def reload() -> Settings:
            changed = {
                **variables,
                "ISNOTAI_POLL_STATS_INTERVAL": "0",
                "ISNOTAI_WEB_TELEMETRY_PATH": "/elsewhere",
            }
            return load([], changed).settings

        async with in_process(variables, reload) as exporter:
            before = await exporter.until(lambda scrape: scrape.value("isnotai_stats") is not None)

            assert (await exporter.client.post("/-/reload")).status_code == 200

            after = await exporter.until(lambda scrape: scrape.value("isnotai_stats") is None)
            assert after.value("isnotai_resource_up", resource="stats") is None
            assert (after.value("isnotai_sessions_total") or 0) >= (
                before.value("isnotai_sessions_total") or 0
            )
            assert (await exporter.get("/elsewhere")).status_code == 404


async def test_the_page_tells_the_settings_in_force_and_where_they_come_from() -> None:
    origins = {"poll.stats_interval": "ISNOTAI_POLL_STATS_INTERVAL"}
    variables = {**UNREACHABLE, "ISNOTAI_POLL_STATS_INTERVAL": "2m"}

    def reload() -> Settings:
        origins["poll.stats_interval"] = "exporter.yaml:7"
        return load([], {**variables, "ISNOTAI_POLL_STATS_INTERVAL": "3m"}).settings

    async with in_process(
        {**variables, "ISNOTAI_WEB_ENABLE_LIFECYCLE": "true"}, reload, origins=lambda: origins
    ) as exporter:

        async def shown() -> dict[str, str]:
            told: dict[str, str] = (await exporter.get("/api/status")).json()["settings"][
                "poll.stats_interval"
            ]
            return told

        assert await shown() == {"value": "2m", "source": "ISNOTAI_POLL_STATS_INTERVAL"}
        assert (await exporter.client.post("/-/reload")).status_code == 200
        assert await shown() == {"value": "3m", "source": "exporter.yaml:7"}


@pytest.mark.parametrize("broken", [OSError, ValueError, ImportError])
async def test_a_reload_that_cannot_be_applied_leaves_the_old_polls_running(
    monkeypatch: pytest.MonkeyPatch, broken: type[Exception]
) -> None:
    def refuse(base_url: str, network: object) -> NoReturn:
        raise broken(f"no client for {base_url}")

    async with simulated(rate=1.0) as api:
        variables = {**api.variables, "ISNOTAI_WEB_ENABLE_LIFECYCLE": "true"}
        elsewhere = {"ISNOTAI_BASE_URL": "http://127.0.0.1:9"}

        def reload() -> Settings:
            changed = {"ISNOTAI_POLL_STATS_INTERVAL": "0", "ISNOTAI_POLL_HEALTH_INTERVAL": "1h"}
            return load([], {**variables, **changed, **elsewhere}).settings

        async with in_process(variables, reload) as exporter:
            await exporter.until(lambda scrape: scrape.value("isnotai_resource_up") == 6)
            with monkeypatch.context() as spoilt:
                spoilt.setattr(pipeline, "http_client", refuse)
                answer = await exporter.client.post("/-/reload")

            assert (answer.status_code, broken.__name__ in answer.text) == (500, True)
            assert api.url not in answer.text
            scrape = await exporter.until(
                lambda scrape: scrape.value("isnotai_exporter_config_last_reload_successful") == 0
            )
            assert scrape.value("isnotai_polls_total", resource="stats")
            asked = api.asked("/health")
            await exporter.until(lambda scrape: api.asked("/health") > asked + 1)
            elsewhere.clear()

            assert (await exporter.client.post("/-/reload")).status_code == 200


KNOWN = (
    "isnotai_up",
    "isnotai_api_key_valid",
    "isnotai_api_clock_skew_seconds",
    "isnotai_api_info",
    "isnotai_stats",
    "isnotai_usage_storage_bytes",
    "isnotai_sessions_active",
)


async def test_a_reload_forgets_nothing_that_is_still_true() -> None:
    async with simulated(rate=1.0) as api:
        variables = {
            **api.variables,
            "ISNOTAI_WEB_ENABLE_LIFECYCLE": "true",
            "ISNOTAI_ANALYTICS_WINDOWS": "24h,7d",
        }

        def reload() -> Settings:
            # The API will not answer before the test has looked.
            api.fail(hang=1.0)
            return load([], {**variables, "ISNOTAI_ANALYTICS_WINDOWS": "24h"}).settings

        async with in_process(variables, reload) as exporter:
            before = await exporter.until(
                lambda scrape: (
                    scrape.value("isnotai_resource_up") == 6
                    and scrape.value("isnotai_analytics_sessions", window="7d") is not None
                )
            )
            assert (await exporter.client.post("/-/reload")).status_code == 200
            after = await exporter.until(
                lambda scrape: scrape.value("isnotai_analytics_sessions", window="7d") is None
            )

            assert after.value("isnotai_resource_up") == 6
            missing = [name for name in KNOWN if after.value(name) is None]
            assert missing == [name for name in KNOWN if before.value(name) is None] == []
            success = "isnotai_resource_last_success_timestamp_seconds"
            assert all(
                (after.value(success, resource=name) or 0)
                >= (before.value(success, resource=name) or 0)
                > 0
                for name in ("health", "integration", "stats", "analytics", "usage", "sessions")
            )
            assert await verdict(exporter, "/-/ready") == (200, "ready\n")


async def test_a_reload_to_another_key_forgets_what_was_said_of_the_old_one() -> None:
    async with simulated(rate=1.0) as api:
        variables = {**api.variables, "ISNOTAI_WEB_ENABLE_LIFECYCLE": "true"}

        def reload() -> Settings:
            api.fail(hang=1.0)
            return load([], {**variables, "ISNOTAI_API_KEY": KEY}).settings

        async with in_process(variables, reload) as exporter:
            await exporter.until(lambda scrape: scrape.value("isnotai_api_key_valid") == 1)
            assert (await exporter.client.post("/-/reload")).status_code == 200
            await exporter.until(lambda scrape: scrape.value("isnotai_api_key_valid") is None)


async def test_it_says_when_all_was_made_that_is_to_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start, when the first polls are over, and after a reload."""
    monkeypatch.setattr(daemon, "SETTLED_SECONDS", 0.0)
    built: list[bool] = []
    twice = asyncio.Event()

    def on_built(reloaded: bool) -> None:
        built.append(reloaded)
        if len(built) == 2:
            twice.set()

    settings = load([], UNREACHABLE).settings
    running = Daemon(settings, lambda: settings, on_built=on_built)
    serving: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(running.run(serving.set_result))
    async with asyncio.timeout(60):
        await serving
        await twice.wait()
    await running.reload()
    running.stop()
    await asyncio.wait_for(task, 60)

    assert built == [False, False, True]


async def test_a_reload_reads_where_to_push_anew() -> None:
    """The variables, through whatever the daemon was given to read them; off, on, elsewhere."""
    variables: dict[str, str] = {}
    async with simulated(rate=1.0) as api:
        loaded = load([], {**api.variables, "ISNOTAI_WEB_LISTEN_ADDRESS": "127.0.0.1:0"}).settings
        running = Daemon(loaded, lambda: loaded, otlp=lambda: read_otlp(variables)[0])
        serving: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(running.run(serving.set_result))
        try:
            async with asyncio.timeout(60):
                url = (await serving).replace("localhost", "127.0.0.1")
            async with httpx.AsyncClient(base_url=url, timeout=10, verify=TRUSTS_NOBODY) as client:

                async def pushes() -> bool:
                    return (
                        "isnotai_exporter_otlp_exports_total" in (await client.get("/metrics")).text
                    )

                assert not await pushes()
                for endpoint in ("http://127.0.0.1:1", "http://127.0.0.1:2", ""):
                    variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
                    await running.reload()
                    await running._publisher.renew()
                    # A body is handed out for half a second at most.
                    async with asyncio.timeout(20):
                        while await pushes() != bool(endpoint):
                            pass
        finally:
            running.stop()
            await asyncio.wait_for(task, 60)


async def test_the_status_page_shows_integrations_keys_and_errors() -> None:
    async with simulated(rate=1.0) as api:
        api.fail(down="503", retry_after="none", only=("/v1/usage",))
        async with in_process(api.variables) as exporter:
            await exporter.until(
                lambda scrape: (
                    scrape.value("isnotai_resource_up") == 5
                    and scrape.value("isnotai_resource_consecutive_failures", resource="usage")
                )
            )
            page = (await exporter.get("/")).text

            for shown in (
                "default",
                "enterprise",
                "valid",
                "the API answered 503",
                'href="metrics"',
            ):
                assert shown in page


def ended(capsys: pytest.CaptureFixture[str], **more: str) -> tuple[int, str]:
    """The exit code of the daemon, and the last line on stderr."""
    code = cli.main([], {**UNREACHABLE, **more})
    return code, capsys.readouterr().err.splitlines()[-1]


def test_a_state_file_of_somebody_else_ends_it_with_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    notes.write_text("somebody's notes, longer than a hundred bytes" * 5)

    code, line = ended(capsys, ISNOTAI_STATE_PATH=str(notes))

    assert code == 2
    assert line == (f"isnotai-exporter: state.path: {notes} is not a state file of this exporter")
    assert notes.read_text().startswith("somebody's notes")


def test_a_state_that_another_exporter_keeps_ends_it_with_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LOCK_SECONDS", 0.2)
    other = FileLock(tmp_path / "state.db")
    assert other.acquire()

    code, line = ended(capsys, ISNOTAI_STATE_PATH=str(tmp_path / "state.db"))

    other.release()
    assert (code, "another exporter holds" in line) == (1, True)


def test_an_address_that_is_taken_ends_it_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, line = ended(capsys, ISNOTAI_WEB_LISTEN_ADDRESS=address)

    assert (code, address in line) == (1, True)


def test_a_bad_web_configuration_ends_it_with_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = tmp_path / "web.yml"
    config.write_text("tls_server_config: {cert_file: nothing.pem}\n")

    assert ended(capsys, ISNOTAI_WEB_CONFIG_FILE=str(config))[0] == 2


HASH = "$2b$04$" + "x" * 53
GUARDED = f"basic_auth_users: {{prometheus: {HASH}}}\n"


async def test_a_reload_survives_whatever_the_files_hold(tmp_path: Path) -> None:
    config, web = tmp_path / "config.yml", tmp_path / "web.yml"
    config.write_text("poll: {stats_interval: 1h}\n")
    web.write_text(GUARDED)
    variables = {
        **UNREACHABLE,
        "ISNOTAI_CONFIG_FILE": str(config),
        "ISNOTAI_WEB_CONFIG_FILE": str(web),
    }
    bad = [
        (config, "poll: {stats_interval: !!timestamp x}"),
        (config, "[" * 3000),
        (config, "region: 2026-02-30"),
        (web, "tls_server_config: {cert_file: a, key_file: b, cipher_suites: [[x]]}"),
        (web, "!!timestamp x"),
        (web, "- " * 50_000),
        (web, f"{GUARDED}basic_auth_users:"),
        # What was protected stays so.
        (web, ""),
        (web, "http_server_config: {http2: false}"),
    ]

    running = Daemon(load([], variables).settings, lambda: load([], variables).settings)
    serving: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(running.run(serving.set_result))
    async with httpx.AsyncClient(
        base_url=(await serving), timeout=10, verify=TRUSTS_NOBODY
    ) as exporter:
        for file, text in bad:
            before = file.read_text()
            file.write_text(text)
            with pytest.raises(ReloadError) as refused:
                await running.reload()
            assert "\n" not in str(refused.value)
            assert (await exporter.get("/metrics")).status_code == 401
            assert (await exporter.get("/-/healthy")).status_code == 200
            file.write_text(before)
            await running.reload()
    running.stop()
    await asyncio.wait_for(task, 10)


async def test_a_hangup_that_would_change_tls_leaves_the_daemon_running(tmp_path: Path) -> None:
    certificate = trustme.CA().issue_cert("localhost")
    certificate.private_key_pem.write_to_path(tmp_path / "tls.key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "tls.crt")
    web = tmp_path / "web.yml"
    web.write_text(GUARDED)
    async with process({**UNREACHABLE, "ISNOTAI_WEB_CONFIG_FILE": str(web)}) as running:
        await running.until_logged("serving")
        web.write_text(f"{GUARDED}tls_server_config: {{cert_file: tls.crt, key_file: tls.key}}\n")
        running.process.send_signal(signal.SIGHUP)

        failed = await running.until_logged("reload_failed")

        assert "restart" in failed["error"]
        running.process.terminate()
        assert await running.ended() == 0


async def test_it_ends_in_time_while_a_commit_waits_for_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transact, entered = store.Store._transact, asyncio.Event()
    loop = asyncio.get_running_loop()
    held = [False]

    def watched(self: store.Store, work: Callable[..., Any], then: Callable[..., Any]) -> Any:
        if held[0]:
            loop.call_soon_threadsafe(entered.set)
        return transact(self, work, then)

    monkeypatch.setattr(store.Store, "_transact", watched)
    monkeypatch.setattr(daemon, "CLOSE_SECONDS", 0.05)
    path = tmp_path / "state.db"
    async with simulated(rate=20.0) as api:
        variables = {**api.variables, "ISNOTAI_STATE_PATH": str(path)}
        with structlog.testing.capture_logs() as lines:
            async with in_process(variables) as exporter:
                await exporter.until(counted)
                other = sqlite3.connect(path, isolation_level=None)
                other.execute("BEGIN IMMEDIATE")
                held[0] = True
                async with asyncio.timeout(30):
                    await entered.wait()
            other.close()
    assert "state_not_closed" in [line["event"] for line in lines]
    assert lines[-1]["event"] == "stopped"


async def test_damage_that_is_met_at_a_reload_lets_no_counter_fall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transact, harms = store.Store._transact, [0]

    def harmed(self: store.Store, work: Callable[..., Any], then: Callable[..., Any]) -> Any:
        def damaged(connection: Connection) -> None:
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

        if not harms[0]:
            return transact(self, work, then)
        harms[0] -= 1
        return transact(self, damaged, then)

    monkeypatch.setattr(store.Store, "_transact", harmed)
    async with simulated(rate=20.0) as api:
        variables = {
            **api.variables,
            "ISNOTAI_STATE_PATH": str(tmp_path / "state.db"),
            "ISNOTAI_WEB_ENABLE_LIFECYCLE": "true",
        }
        async with in_process(variables) as exporter:
            last = (await exporter.until(counted)).value("isnotai_sessions_total") or 0.0
            for _ in range(3):
                harms[0] = 1
                assert (await exporter.client.post("/-/reload")).status_code == 200
                scrape = await exporter.until(lambda scrape: not harms[0])
                value = scrape.value("isnotai_sessions_total")
                assert value is not None
                assert value >= last
                last = value
            more = await exporter.until(
                lambda scrape: (scrape.value("isnotai_sessions_total") or 0) > last
            )
            assert more.value("isnotai_exporter_config_last_reload_successful") == 1


def counted(scrape: Scrape) -> bool:
    return (scrape.value("isnotai_sessions_total") or 0) > 0
