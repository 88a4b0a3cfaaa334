"""The command check, against the simulated API on a real socket."""

import asyncio
from pathlib import Path

import pytest

from exporter import cli
from exporter.collect import registry
from exporter.commands.check import warnings
from exporter.commands.cost import Capacity
from exporter.settings.model import Settings
from exporter.simulator.service import DEFAULT_KEY
from tests.e2e.simulation import Simulation, simulated

RESOURCES = registry.polled_names(Settings())


async def checked(
    capsys: pytest.CaptureFixture[str], api: Simulation, **more: str
) -> tuple[int, dict[str, str]]:
    """The exit code of `check` and its lines by their first word."""
    variables = {"ISNOTAI_BASE_URL": api.url, "ISNOTAI_API_KEY": DEFAULT_KEY, **more}
    variables = {name: value for name, value in variables.items() if value}
    # The command has an event loop of its own, so it runs beside that of the simulator.
    code = await asyncio.to_thread(cli.main, ["check"], variables)
    lines: dict[str, str] = {}
    for line in capsys.readouterr().out.splitlines():
        word, _, rest = line.strip().partition(" ")
        lines.setdefault(word, rest.strip())
    return code, lines


async def test_a_good_check_tells_tier_cost_capacity_and_series(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with simulated(tier="free") as api:
        code, lines = await checked(capsys, api)

        assert code == 0
        assert lines["verdict"] == "all is well"
        assert lines["key"] == "accepted"
        assert lines["tier"].startswith("free: 60 requests/minute, 50 items a page, 7 days")
        assert all(lines[resource].startswith("answered in") for resource in RESOURCES)
        assert "an hour (health 60, integration 4, stats 12, analytics 24" in lines["requests"]
        assert lines["budget"].startswith("900 an hour")
        assert "0.69 sessions/s" in lines["capacity"]
        assert int(lines["series"].split()[0]) > 100
        assert 6 <= api.asked() <= 12


async def test_a_check_that_fails_says_what_failed_and_gives_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with simulated() as api:
        api.fail(down="503", retry_after="none", only=("/v1/stats",))

        code, lines = await checked(capsys, api)

        assert code == 1
        assert lines["stats"] == "FAILED: the API answered 503 (SERVICE_ERROR)"
        assert lines["usage"].startswith("answered in")
        assert lines["verdict"] == "something failed"
        assert api.asked("/v1/stats") == 1


async def test_a_refused_key_is_told_without_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    key = "aik_v1_" + "x" * 40
    async with simulated() as api:
        code, lines = await checked(capsys, api, ISNOTAI_API_KEY=key)

        assert code == 1
        assert lines["key"].startswith("refused")
        assert lines["health"].startswith("answered")
        assert key not in str(lines)


async def test_a_key_file_without_a_key_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async with simulated() as api:
        code, lines = await checked(
            capsys, api, ISNOTAI_API_KEY="", ISNOTAI_API_KEY_FILE=str(tmp_path / "none")
        )

        assert (code, lines["key"]) == (1, "none: its file is missing or empty")


async def test_a_check_reads_the_state_file_and_never_writes_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    absent, foreign = tmp_path / "state.db", tmp_path / "notes.txt"
    foreign.write_text("not a state file, but somebody's notes" * 10)
    async with simulated() as api:
        code, lines = await checked(capsys, api, ISNOTAI_STATE_PATH=str(absent))
        assert (code, lines["state"]) == (0, f"{absent} will be made")

        code, lines = await checked(capsys, api, ISNOTAI_STATE_PATH=str(foreign))
        assert (code, lines["state"][:6]) == (1, "FAILED")

        code, lines = await checked(capsys, api, ISNOTAI_STATE_PATH=str(tmp_path / "no" / "where"))
        assert (code, lines["state"][:6]) == (1, "FAILED")

    assert list(tmp_path.iterdir()) == [foreign]  # noqa: ASYNC240


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
    assert "less often" in next(warnings(capacity, 2.0))
    assert "cannot keep up" in next(warnings(capacity, 12.0))
    assert "budget.share" in next(warnings(Capacity(0.0, 0.0), 0.1))
