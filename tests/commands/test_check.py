"""The command check, against the simulated API on a real socket."""

import asyncio
import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from exporter import cli
from exporter.collect import registry
from exporter.commands.check import local
from exporter.commands.check.costs import warnings
from exporter.commands.check.remote import ask_again
from exporter.commands.cost import Capacity
from exporter.redaction import redact
from exporter.settings.load import load
from exporter.settings.model import BASE_URLS, Settings
from exporter.simulator.service import DEFAULT_KEY
from tests.e2e.simulation import Simulation, simulated
from tests.net.peers import answer, certified, listening

RESOURCES = registry.polled_names(Settings())


Lines = dict[str, str]


async def checked(
    capsys: pytest.CaptureFixture[str], api: Simulation, *options: str, **more: str
) -> tuple[int, Lines]:
    """The exit code of `check`, and by name the worst mark of its lines with their texts."""
    variables = {"ISNOTAI_BASE_URL": api.url, "ISNOTAI_API_KEY": DEFAULT_KEY, **more}
    variables = {name: value for name, value in variables.items() if value}
    # The command has an event loop of its own, so it runs beside that of the simulator.
    code = await asyncio.to_thread(cli.main, ["check", *options], variables)
    lines: Lines = {}
    for line in capsys.readouterr().out.splitlines():
        mark, _, rest = line.strip().partition(" ")
        name, _, text = rest.partition(" ")
        if name not in lines or mark != "✓":
            lines[name] = f"{mark} {text.strip()}"
    return code, lines


async def test_a_good_check_tells_tier_cost_capacity_and_series(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with simulated(tier="free", invalid_share=0.0) as api:
        code, lines = await checked(capsys, api)

        assert code == 0
        assert lines["verdict:"] == "✓ all is well"
        assert lines["key"] == "✓ accepted"
        assert lines["tier"].startswith("✓ free: 60 requests/minute, 50 items a page, 7 days")
        assert all(lines[resource].startswith("✓ answered in") for resource in RESOURCES)
        assert "an hour (health 60, integration 4, stats 12, analytics 24" in lines["requests"]
        assert lines["budget"].startswith("✓ 900 an hour")
        assert "0.67 sessions/s" in lines["capacity"]
        assert 6 <= api.asked() <= 12


async def test_a_check_that_fails_says_what_failed_and_gives_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with simulated() as api:
        api.fail(down="503", retry_after="none", only=("/v1/stats",))

        code, lines = await checked(capsys, api)

        assert code == 1
        assert lines["stats"].startswith("✗ the API answered 503 (SERVICE_ERROR) → ")
        assert lines["usage"].startswith("✓ answered in")
        assert lines["verdict:"] == "✗ 1 failed: stats (default)"
        assert api.asked("/v1/stats") == 1


async def test_a_refused_key_is_told_without_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    key = "aik_v1_" + "x" * 40
    async with simulated() as api:
        code, lines = await checked(capsys, api, ISNOTAI_API_KEY=key)

        assert code == 1
        assert lines["key"].startswith("✗ refused")
        assert lines["health"].startswith("✓ answered")
        assert lines["endpoints"].startswith(
            "✗ the API refused the key (integration, stats, analytics, usage, sessions) → "
        )
        assert lines["verdict:"] == "✗ 2 failed: key (default), endpoints (default)"
        assert key not in str(lines)


async def test_a_key_file_without_a_key_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async with simulated() as api:
        code, lines = await checked(
            capsys, api, ISNOTAI_API_KEY="", ISNOTAI_API_KEY_FILE=str(tmp_path / "none")
        )

        assert code == 1
        assert lines["key"] == "✗ none: its file is missing or empty → put the key there"


async def test_a_check_reads_the_state_file_and_never_writes_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    absent, foreign = tmp_path / "state.db", tmp_path / "notes.txt"
    foreign.write_text("not a state file, but somebody's notes" * 10)
    async with simulated() as api:
        code, lines = await checked(capsys, api, ISNOTAI_STATE_PATH=str(absent))
        assert (code, lines["state"]) == (0, f"✓ {absent} will be made")

        code, lines = await checked(capsys, api, ISNOTAI_STATE_PATH=str(foreign))
        assert (code, lines["state"][0]) == (1, "✗")

        code, lines = await checked(capsys, api, ISNOTAI_STATE_PATH=str(tmp_path / "no" / "where"))
        assert (code, lines["state"][0]) == (1, "✗")

    assert list(tmp_path.iterdir()) == [foreign]


async def test_bad_settings_give_2_and_ask_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    web = tmp_path / "web.yml"
    web.write_text("tls_server_config: {cert_file: nothing.pem}\n")
    async with simulated() as api:
        assert (await checked(capsys, api, ISNOTAI_REGION="mars"))[0] == 2
        assert (await checked(capsys, api, ISNOTAI_WEB_CONFIG_FILE=str(web)))[0] == 2
        assert api.asked() == 0


def test_warnings_follow_from_what_the_budget_bears() -> None:
    capacity = Capacity(rhythm=0.7, limit=11.0)

    assert list(warnings(capacity, 0.5)) == []
    assert list(warnings(capacity, None)) == []
    assert "less often" in next(warnings(capacity, 2.0))[0]
    assert "cannot keep up" in next(warnings(capacity, 12.0))[0]
    assert "budget.share" in next(warnings(Capacity(0.0, 0.0), 0.1))[1]


async def test_what_is_odd_is_named_and_is_not_well(capsys: pytest.CaptureFixture[str]) -> None:
    async with simulated(tier="free", skew=-120.0, invalid_share=0.0) as api:
        api.settings(region="eu")
        code, lines = await checked(
            capsys,
            api,
            "--stats.include=total_*,nope_*",
            ISNOTAI_ANALYTICS_WINDOWS="24h,30d",
            ISNOTAI_SESSIONS_LOOKBACK="9d",
        )

    assert code == 0
    assert lines["region"] == (
        "! the API says eu, the setting is us, which api_region shows → set region to eu"
    )
    assert lines["stats"].startswith("! stats.include nope_* matches nothing → there are ")
    assert lines["windows"].startswith("! analytics.windows 30d reach beyond the tier's 7 days")
    assert lines["lookback"].startswith("! sessions.lookback 9d reaches beyond")
    assert "ahead of the API's" in lines["clock"]
    assert lines["verdict:"].startswith("! it works; to look at: clock (default), ")


async def test_a_dead_otlp_endpoint_fails_and_a_live_one_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
    async with simulated() as api:
        code, lines = await checked(capsys, api, OTEL_EXPORTER_OTLP_ENDPOINT=dead)
        # What accepts: the simulator's own answer to an unknown path is 404.
        refused, told = await checked(capsys, api, OTEL_EXPORTER_OTLP_ENDPOINT=api.url)

    assert code == 1
    assert lines["OTLP"].startswith(f"✗ {dead}/v1/metrics: connection refused by ")
    assert lines["verdict:"] == "✗ 1 failed: OTLP"
    assert (refused, told["OTLP"][0]) == (1, "✗")


async def test_what_otlp_sends_as_a_secret_is_one_from_then_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with simulated() as api:
        await checked(
            capsys,
            api,
            OTEL_EXPORTER_OTLP_ENDPOINT=api.url,
            OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20quite-secret-token",
        )

    assert "quite-secret-token" not in redact.text("not accepted: quite-secret-token")


async def test_many_integrations_are_a_line_each_and_what_failed_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = []
    async with simulated(invalid_share=0.0) as api:
        for number in range(5):
            key = tmp_path / f"{number}.key"
            key.write_text(DEFAULT_KEY + str(number) if number else "aik_v1_" + "x" * 40)
            entries.append({"name": f"site-{number}", "api_key_file": str(key)})
        api.settings(keys=tuple(DEFAULT_KEY + str(number) for number in range(5)))
        config = tmp_path / "config.yml"
        config.write_text(json.dumps({"integrations": entries, "base_url": api.url}))
        variables = {"ISNOTAI_CONFIG_FILE": str(config)}
        assert await asyncio.to_thread(cli.main, ["check"], variables) == 1
        shown = capsys.readouterr().out.splitlines()
        assert await asyncio.to_thread(cli.main, ["check", "--json"], variables) == 1
        told = json.loads(capsys.readouterr().out.splitlines()[-1])

    # The key files do not look like keys: a log line each, no more.
    lines = [line for line in shown if line and "setting_warning" not in line]
    assert len(lines) < 25
    assert [line for line in lines if line.startswith("✗ site-0: 2 of 7 endpoints answered")]
    assert sum(line.startswith("✓ site-") for line in lines) == 4
    assert "✗ key" in "".join(lines)
    assert lines[-1].startswith("✗ verdict: ")
    assert (told["level"], len(told["checks"])) == ("bad", 6)
    assert told["checks"][0]["integration"] == ""
    assert told["checks"][2]["series"]["isnotai_up"] == 1


async def test_offline_asks_nobody_and_wants_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    async with simulated() as api:
        code, lines = await checked(
            capsys,
            api,
            "--offline",
            ISNOTAI_API_KEY="",
            OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:4318",
        )
        assert api.asked() == 0

    assert code == 0
    assert lines["key"] == "! none is set → ISNOTAI_API_KEY or --api-key-file"
    assert lines["OTLP"] == "✓ pushes to http://localhost:4318/v1/metrics; not asked"


async def test_the_other_region_is_asked_only_when_told_to(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "aik_v1_" + "y" * 40
    async with simulated() as us, simulated() as eu:
        eu.settings(keys=(key,))
        monkeypatch.setitem(BASE_URLS, "eu", eu.url)
        code, lines = await checked(capsys, us, ISNOTAI_API_KEY=key)
        assert (code, eu.asked()) == (1, 0)
        assert "--probe-regions" in lines["key"]

        code, lines = await checked(capsys, us, "--probe-regions", ISNOTAI_API_KEY=key)

    assert code == 1
    assert lines["regions"] == "✗ the key belongs to eu → set region to eu"


def test_the_end_of_a_certificate_is_told_in_time() -> None:
    now = 1_790_000_000.0

    levels = [local.certificate("x", now + days * 86_400, now).level for days in (-1, 5, 60)]

    assert levels == ["bad", "warning", "good"]


async def test_the_certificate_of_the_web_server_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    issued = trustme.CA().issue_cert("localhost", not_after=datetime.now(UTC) + timedelta(days=5))
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    web = tmp_path / "web.yml"
    web.write_text("tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n")
    (tmp_path / "key.pem").chmod(0o600)
    async with simulated() as api:
        code, lines = await checked(capsys, api, "--offline", ISNOTAI_WEB_CONFIG_FILE=str(web))

    assert code == 0
    assert lines["web"].startswith("! certificate ends on 20")


async def test_the_end_of_the_apis_certificate_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with listening(answer, certified(authority)) as port:
        variables = {
            "ISNOTAI_BASE_URL": f"https://127.0.0.1:{port}",
            "ISNOTAI_API_KEY": DEFAULT_KEY,
            "ISNOTAI_TLS_CA_FILE": str(tmp_path / "ca.pem"),
        }
        # What answers is no API; its certificate is seen all the same.
        assert await asyncio.to_thread(cli.main, ["check"], variables) == 1

    assert "! certificate  ends on 20" in capsys.readouterr().out


async def test_walks_and_the_live_contract_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    async with simulated(tier="free", invalid_share=0.0) as api:
        scale = '{"type": "number", "maximum": 1}'
        api.settings(
            openapi_changes=(
                "remove /v1/users data[].deviceCount",
                f"set /v1/analytics data.topOrigins[].botPercentage {scale}",
            )
        )
        on = {"ISNOTAI_POLL_USERS_INTERVAL": "1h", "ISNOTAI_POLL_COURSES_INTERVAL": "1d"}
        assert await asyncio.to_thread(
            cli.main,
            ["check"],
            {"ISNOTAI_BASE_URL": api.url, "ISNOTAI_API_KEY": DEFAULT_KEY, **on},
        ) in (0, 1)
        shown = capsys.readouterr().out
        pages = api.asked("/v1/users")

    assert "contract     removed: GET /v1/users: data[].deviceCount → a newer exporter" in shown
    assert "bot_percentage_scale is 100, but the API's document says 1 → set analytics" in shown
    assert "the answer of /v1/stats is described, with 7 fields" in shown
    assert pages >= 2
    assert f"users {pages}, courses below 1, openapi below 1)" in shown


@pytest.mark.parametrize("name", registry.NAMES)
def test_the_setting_that_leaves_an_endpoint_out_is_one(name: str) -> None:
    _, _, said = ask_again(name).partition("; ")
    setting, _, value = said.removesuffix(" leaves it out").partition(": ")
    section, _, field = setting.partition(".")

    variable = f"ISNOTAI_{section}_{field}".upper()
    settings = load([], {"ISNOTAI_API_KEY": DEFAULT_KEY, variable: value}).settings

    assert not getattr(getattr(settings, section), field)
    assert name not in registry.polled_names(settings)
