"""The command sessions, against the simulated API on a real socket."""

import asyncio
import csv
import json
import random
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exporter import cli
from exporter.api.schema.session import Session
from exporter.commands.session_rows import COLUMNS, USER_COLUMNS, Row, Table, harmless
from exporter.commands.sessions import Options, read_wanted
from exporter.settings.errors import SettingsError
from exporter.simulator.service import DEFAULT_KEY
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
    async with simulated(rate=0.05, history=20 * HOUR, lists={"date_filter": "day"}) as api:
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
        # A duration would leave out, of the second list, what grew too old in between.
        since = f"{datetime.now(UTC) - timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}"
        assert await listed(api, "--json", "--since", since) == 0
        scores = [row["score"] for row in rows(capsys)]
        assert await listed(api, "--json", "--since", since, "--bot-only", **variables) == 0
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
    assert plain.out.split()[:6] == ["created", "integration", "score", "status", "id", "flags"]


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
    assert "default: older ones than these are left out; raise --limit" in said.err


async def test_it_says_so_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    async with simulated(rate=0.0, history=HOUR) as api:
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
        ({"since": "60"}, "--since: must be a time such as"),
        ({"since": "0"}, "--since: must lie in the past"),
        ({"since": "2090-01-01"}, "--since: must lie in the past"),
        ({"limit": 0}, "--limit: must be at least 1"),
        ({"json": True, "csv": True}, "--json and --csv contradict each other"),
        ({"timeout": "10"}, "--timeout: a duration needs a unit"),
    ],
)
def test_a_bad_option_is_named(given: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        read_wanted(replace(OPTIONS, **given), 0.7, 1.79e9)


OPTIONS = Options(
    since="1h",
    limit=10,
    bot_only=False,
    min_score=None,
    flag=(),
    timeout="10m",
    show_users=False,
    json=False,
    csv=False,
    follow=False,
)


def test_a_session_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = Session("a\x1b]0;owned\x07b", 0, status="\x9bm", flags=("\u202e", "ok"))

    Table("table", ["campus"], users=True).add(
        Row("campus", evil, {"userId": "\r\n", "pageUrl": None})
    )

    line = capsys.readouterr().out.splitlines()[1]
    assert line.isprintable()
    assert "a?]0;owned?b" in line
    assert "? ok" in line
    assert harmless("Zoë – 学生") == "Zoë – 学生"


def test_csv_has_a_header_and_holds_nothing_that_a_spreadsheet_calculates(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = Table("csv", ["campus"], users=True)
    evil = Session('=HYPERLINK("x")', 0, score=0.75, flags=("a", "b,c"))
    table.add(Row("campus", evil, {"userId": "@u\n1", "pageUrl": None}))

    header, row = csv.reader(capsys.readouterr().out.splitlines())
    assert header == [*COLUMNS, *USER_COLUMNS]
    assert dict(zip(header, row, strict=True)) == {
        "integration": "campus",
        "id": '\'=HYPERLINK("x")',
        "createdAt": "1970-01-01T00:00:00Z",
        "status": "",
        "score": "0.75",
        "flags": "a b,c",
        "userId": "'@u?1",
        "pageUrl": "",
    }


async def test_rows_come_as_they_are_read_and_a_limit_ends_the_reading(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Five sessions a second on the free tier: the hour has 18,000, a minute's budget 750."""
    async with simulated(tier="free", rate=5.0, history=HOUR, flat=True) as api:
        api.freeze()
        assert await listed(api, "--since=1h", "--limit=20", "--json") == 0
        asked = api.asked()

    said = capsys.readouterr()
    shown = [json.loads(line)["createdAt"] for line in said.out.splitlines()]
    assert len(shown) == 20
    assert shown == sorted(shown, reverse=True)
    assert asked <= 14
    assert "default: about 20 sessions" in said.err


async def test_what_a_weak_server_cannot_read_at_once_is_listed_in_narrower_parts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives up on windows of more than 300 sessions, and a slice is cut for 600."""
    monkeypatch.setattr(random, "random", lambda: 0.0)  # a retry waits that part of its longest
    async with simulated(rate=0.5, history=2 * HOUR, flat=True, tier="enterprise") as api:
        api.freeze()
        api.fail(most_sessions=300, retry_after="none")
        assert await listed(api, "--json", "--since", "1h", "--limit", "600") == 0

    assert len({row["id"] for row in rows(capsys)}) == 600


async def test_what_the_tier_does_not_serve_is_said_and_the_rest_is_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # A share of the budget in which nothing has to wait.
    share = {"ISNOTAI_BUDGET_SHARE": "0.9"}
    async with simulated(tier="free", rate=0.0, static_sessions=400, history=192 * HOUR) as api:
        assert await listed(api, "--since=7d", "--json", **share) == 0
        whole = capsys.readouterr()
        assert await listed(api, "--since=6d", "--json", **share) == 0
        less = capsys.readouterr()

    assert "default: the API serves nothing older (tier free): lists what is since " in whole.err
    assert len(whole.out.splitlines()) == pytest.approx(350, abs=5)
    assert len(less.out.splitlines()) == pytest.approx(300, abs=5)
    assert "nothing older" not in less.err


async def test_time_that_runs_out_leaves_what_was_read_and_says_up_to_where(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Requests enough for two slices, however many pages the second one has, and not for all.
    share = {"ISNOTAI_BUDGET_SHARE": "0.3"}
    async with simulated(tier="free", rate=2.0, history=HOUR, flat=True) as api:
        api.freeze()
        options = ("--since=1h", "--limit=9999", "--timeout=3s", "--json")
        assert await listed(api, *options, **share) == 1

    said = capsys.readouterr()
    assert len(said.out.splitlines()) > 200
    assert "default: stopped after 3s; what was created before 2" in said.err
    assert "raise --timeout" in said.err


def two_integrations(api: Simulation, tmp_path: Path) -> dict[str, str]:
    """Settings of one that works and one whose key is refused, the latter first."""
    (tmp_path / "good.key").write_text(DEFAULT_KEY)
    (tmp_path / "bad.key").write_text("aik_v1_" + "x" * 40)
    entries = [
        {"name": name, "api_key_file": str(tmp_path / f"{key}.key"), "base_url": api.url}
        for name, key in (("closed", "bad"), ("campus", "good"))
    ]
    config = tmp_path / "config.yml"
    config.write_text(json.dumps({"integrations": entries}))
    return {"ISNOTAI_CONFIG_FILE": str(config)}


async def test_one_integration_that_fails_is_named_and_stops_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with simulated(rate=0.2, history=HOUR) as api:
        variables = two_integrations(api, tmp_path)
        command = ["sessions", "--json", "--limit=3"]
        assert await asyncio.to_thread(cli.main, command, variables) == 1
        both = capsys.readouterr()
        picked = [*command, "--integration=campus"]
        assert await asyncio.to_thread(cli.main, picked, variables) == 0
        one = capsys.readouterr()
        assert await asyncio.to_thread(cli.main, [*command, "--integration=x"], variables) == 2
        none = capsys.readouterr()

    assert "isnotai-exporter: closed: the API refused the key\n" in both.err
    assert {json.loads(line)["integration"] for line in both.out.splitlines()} == {"campus"}
    assert "closed" not in one.err
    assert len(one.out.splitlines()) == 3
    assert "is none of the integrations, which are closed, campus" in none.err


async def test_scores_and_flags_can_be_picked(capsys: pytest.CaptureFixture[str]) -> None:
    async with simulated(rate=0.5, history=HOUR) as api:
        api.freeze()
        assert await listed(api, "--json", "--min-score=0.9") == 0
        high = rows(capsys)
        flag = next(row["flags"][0] for row in high if row["flags"])
        assert await listed(api, "--json", "--flag", flag, "--flag", "none-such") == 0
        flagged = rows(capsys)

    assert high
    assert min(row["score"] for row in high) >= 0.9
    assert flagged
    assert all(flag in row["flags"] for row in flagged)


async def _end(process: asyncio.subprocess.Process, seconds: float) -> None:
    """Wait for its end; where it does not come, fail with where each of its threads stands."""
    ending = asyncio.create_task(process.communicate())
    in_time, _ = await asyncio.wait({ending}, timeout=seconds)
    if not in_time:
        process.send_signal(signal.SIGABRT)
    _, said = await asyncio.wait_for(ending, seconds)
    assert in_time, f"it did not end within {seconds} s:\n{said.decode()}"


async def test_following_prints_what_there_is_oldest_first_and_then_what_comes() -> None:
    async with simulated(rate=4.0, history=HOUR / 60) as api:
        variables = {**api.variables, "ISNOTAI_SESSIONS_OVERLAP": "5s"}
        following = await asyncio.create_subprocess_exec(
            *(sys.executable, "-X", "faulthandler", "-m", "exporter"),
            *("sessions", "--follow", "--json", "--since=20s"),
            env=variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert following.stdout is not None
        began = api.service.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        seen: list[dict[str, Any]] = []
        try:
            async with asyncio.timeout(60):
                while sum(row["createdAt"] > began for row in seen) < 12:
                    seen.append(json.loads(await following.stdout.readline()))
            following.send_signal(signal.SIGINT)
            await _end(following, 20)
        finally:
            if following.returncode is None:
                following.kill()

    assert following.returncode == 130
    ids = [row["id"] for row in seen]
    assert len(set(ids)) == len(ids)
    assert seen[0]["createdAt"] < began
    first = [row["createdAt"] for row in seen[:20]]
    assert first == sorted(first)
