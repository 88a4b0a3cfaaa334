"""The command sessions, against the simulated API on a real socket."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from exporter import cli
from exporter.api.schema.session import Session
from exporter.commands.sessions import Options, Row, harmless, read_wanted
from exporter.settings.errors import SettingsError
from tests.e2e.simulation import Simulation, simulated

HOUR = timedelta(hours=1)


async def listed(api: Simulation, *arguments: str, **more: str) -> int:
    """The exit code of the command."""
    variables = {**api.variables, **more}
    return await asyncio.to_thread(cli.main, ["sessions", *arguments], variables)


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What `--json` printed."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("order", ["newest", "oldest", "random"])
async def test_it_lists_each_session_of_the_range_once_newest_first(
    capsys: pytest.CaptureFixture[str], order: str
) -> None:
    async with simulated(rate=0.2, history=2 * HOUR, lists={"order": order}) as api:
        api.freeze()
        api.fail(repeat_items=1.0)
        assert await listed(api, "--json", "--since", "1h") == 0
        shown = rows(capsys)
        now = api.service.now()
        start = (now - HOUR).timestamp()
        expected = {
            session.id
            for session in api.service.world.visible(now)
            if session.created / 1e6 >= start + 5 and not session.invalid
        }

    ids = [row["id"] for row in shown]
    assert len(set(ids)) == len(ids)
    assert expected <= set(ids)
    assert [row["createdAt"] for row in shown] == sorted(
        (row["createdAt"] for row in shown), reverse=True
    )
    assert set(shown[0]) == {"integration", "id", "createdAt", "status", "score", "flags"}


async def test_a_server_that_honours_only_the_date_gives_no_older_session(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with simulated(rate=0.2, history=20 * HOUR, lists={"date_filter": "day"}) as api:
        api.freeze()
        assert await listed(api, "--json", "--since", "10m") == 0
        oldest = rows(capsys)[-1]["createdAt"]
        assert oldest >= (api.service.now() - HOUR / 5).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_bot_only_lists_nothing_below_the_apis_threshold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with simulated(rate=0.5, history=HOUR) as api:
        api.freeze()
        assert await listed(api, "--json", "--bot-only") == 0

    shown = rows(capsys)
    assert shown
    assert all(row["score"] >= 0.7 for row in shown)


@pytest.mark.parametrize("threshold", [0.5, 0.9])
async def test_bot_only_follows_the_threshold_of_the_settings(
    capsys: pytest.CaptureFixture[str], threshold: float
) -> None:
    variables = {"ISNOTAI_SESSIONS_BOT_THRESHOLD": str(threshold)}
    async with simulated(rate=0.5, history=HOUR) as api:
        api.freeze()
        assert await listed(api, "--json", "--since", "30m") == 0
        scores = [row["score"] for row in rows(capsys)]
        assert await listed(api, "--json", "--since", "30m", "--bot-only", **variables) == 0
        shown = [row["score"] for row in rows(capsys)]

    bots = [score for score in scores if score is not None and score >= threshold]
    assert shown
    assert shown == bots
    assert any(score < 0.7 for score in shown) == (threshold < 0.7)


async def test_users_and_pages_are_shown_only_when_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with simulated(rate=0.2, history=HOUR) as api:
        api.freeze()
        # Well before the oldest: the range's start moves on between the two.
        assert await listed(api, "--since=2h") == 0
        plain = capsys.readouterr()
        assert await listed(api, "--since=2h", "--show-users") == 0
        full = capsys.readouterr()

    assert "synthetic-user" not in plain.out + plain.err
    assert "/courses/" not in plain.out + plain.err
    assert "synthetic-user" in full.out
    assert "/courses/" in full.out
    assert len(plain.out.splitlines()) == len(full.out.splitlines())


async def test_a_limit_keeps_the_newest_and_says_what_it_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with simulated(rate=0.2, history=HOUR) as api:
        api.freeze()
        assert await listed(api, "--since=2h", "--json") == 0
        everything = rows(capsys)
        assert await listed(api, "--since=2h", "--json", "--limit", "7") == 0

    said = capsys.readouterr()
    assert [json.loads(line) for line in said.out.splitlines()] == everything[:7]
    assert f"{len(everything) - 7} older ones are left out" in said.err


async def test_it_says_so_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    async with simulated(rate=0.001, history=HOUR / 60) as api:
        api.freeze()
        assert await listed(api, "--since", "1s") == 0

    said = capsys.readouterr()
    assert said.out == ""
    assert "none" in said.err


async def test_a_refused_key_is_one_line_and_exit_code_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with simulated() as api:
        wrong = "aik_v1_" + "x" * 40
        assert await listed(api, ISNOTAI_API_KEY=wrong) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert wrong not in said.err


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"since": "60"}, "--since: a duration needs a unit"),
        ({"since": "0"}, "--since: must be above 0"),
        ({"limit": 0}, "--limit: must be at least 1"),
    ],
)
def test_a_bad_option_is_named(given: dict[str, Any], named: str) -> None:
    options = Options(since="1h", limit=10, bot_only=False, json=False, show_users=False)
    with pytest.raises(SettingsError, match=named):
        read_wanted(replace(options, **given), 0.7)


def test_a_session_cannot_drive_the_terminal() -> None:
    evil = Session("a\x1b]0;owned\x07b", 0, status="\x9bm", flags=("\u202e", "ok"))

    line = Row("campus", evil, {"userId": "\r\n", "pageUrl": None}).as_line()

    assert line.isprintable()
    assert "a?]0;owned?b" in line
    assert "?,ok" in line
    assert harmless("Zoë – 学生") == "Zoë – 学生"
