"""The command audit, against the simulated API and the state of a real daemon."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from exporter import cli
from exporter.api.times import MINUTE
from tests.e2e.running import Exporter, in_process
from tests.e2e.simulation import Simulation, simulated

MINUTES = timedelta(minutes=1)

Outcome = tuple[int, dict[str, Any]]


async def audited(variables: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Outcome:
    """The exit code of `audit --json`, and what it says of the one integration."""
    code = await asyncio.to_thread(cli.main, ["audit", "--json"], variables)
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["agrees"] == (code == 0)
    return code, told["integrations"][0]


@asynccontextmanager
async def counting(
    tmp_path: Path,
) -> AsyncIterator[tuple[Simulation, dict[str, str], AbstractAsyncContextManager[Exporter]]]:
    """An API with half an hour of sessions that last up to ten minutes, and a daemon for it."""
    async with simulated(
        rate=0.5, history=30 * MINUTES, lifetime=(MINUTES / 3, 10 * MINUTES), late_share=0.0
    ) as api:
        variables = {
            **api.variables,
            "ISNOTAI_STATE_PATH": str(tmp_path / "state.db"),
            "ISNOTAI_SESSIONS_SETTLE_AFTER": "20m",
        }

        @asynccontextmanager
        async def daemon() -> AsyncIterator[Exporter]:
            async with in_process(variables) as exporter:
                recent = api.service.now().timestamp() - 60
                frontier = "isnotai_session_frontier_timestamp_seconds"
                await exporter.until(lambda scrape: (scrape.value(frontier) or 0) > recent)
                yield exporter

        yield api, variables, daemon()


def change(tmp_path: Path, statement: str, *values: object) -> None:
    """Change the state of a daemon that has ended. The statement is to change one row or more."""
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection, connection:
        assert connection.execute(statement, values).rowcount >= 1


async def test_beside_a_running_daemon_nothing_is_missing_and_the_state_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with counting(tmp_path) as (_, variables, daemon), daemon as exporter:
        code, told = await audited(variables, capsys)
        after = await exporter.scrape()

        assert code == 0
        assert told["listed"] == told["counted"] > 600
        assert told["compared_by_id"] > 100
        assert told["compared_by_minute"] > 100
        assert told["missing"] == told["doubled"] == told["settled_with_another_score"] == 0
        assert after.value("isnotai_up") == 1
        assert after.value("isnotai_exporter_state_last_commit_timestamp_seconds")


async def test_an_audit_leaves_a_state_without_a_daemon_byte_by_byte_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with counting(tmp_path) as (_, variables, daemon), daemon:
        pass
    async with simulated(rate=0.0) as other:
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        elsewhere = {**variables, "ISNOTAI_BASE_URL": other.url}
        code, told = await audited(elsewhere, capsys)

        # Another API, which lists none of the sessions that were counted.
        assert code == 3
        assert told["counted_and_not_listed"] > 100
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("statement", "key", "number"),
    [
        ("DELETE FROM session WHERE id IN (SELECT id FROM session {where} LIMIT 2)", "missing", 2),
        (
            (
                "UPDATE minute SET sessions = sessions + 3 WHERE minute = "
                "(SELECT created / 60000000 + 1 FROM session {where} LIMIT 1)"
            ),
            "doubled",
            3,
        ),
        (
            (
                "UPDATE session SET score = score / 2 WHERE id IN "
                "(SELECT id FROM session {where} AND settled = 1 AND score > 0 LIMIT 4)"
            ),
            "settled_with_another_score",
            4,
        ),
        (
            (
                "UPDATE minute SET sessions = sessions - 2 WHERE minute = "
                "(SELECT min(minute) + 1 FROM minute)"
            ),
            "missing",
            2,
        ),
        (
            (
                "UPDATE minute SET sessions = sessions + 2 WHERE minute = "
                "(SELECT min(minute) + 1 FROM minute)"
            ),
            "counted_and_not_listed",
            2,
        ),
    ],
    ids=["a hole", "doubled", "another score", "a hole long ago", "doubled long ago"],
)
async def test_a_ledger_that_is_wrong_is_found_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], statement: str, key: str, number: int
) -> None:
    async with counting(tmp_path) as (api, variables, daemon):
        async with daemon:
            pass
        now = round(api.service.now().timestamp() * 1e6)
        where = f"WHERE created > {now - 5 * MINUTE} AND created < {now - 3 * MINUTE}"
        change(tmp_path, statement.format(where=where))

        code, told = await audited(variables, capsys)
        others = {"missing", "doubled", "counted_and_not_listed", "settled_with_another_score"}

    assert code == 3
    assert told[key] == number
    assert key == "missing" or told["missing"] == 0
    assert [name for name in others - {key, "doubled"} if told[name]] == []


@pytest.mark.parametrize(
    ("variables", "code", "line"),
    [
        ({}, 2, "state.path: is not set"),
        ({"ISNOTAI_STATE_PATH": "{}/none.db"}, 1, "none.db is not there yet"),
        ({"ISNOTAI_STATE_PATH": "{}/notes.txt"}, 1, "is not a state file of this exporter"),
    ],
)
async def test_without_a_ledger_there_is_nothing_to_compare_with(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    variables: dict[str, str],
    code: int,
    line: str,
) -> None:
    (tmp_path / "notes.txt").write_text("somebody's notes" * 20)
    async with simulated(rate=0.0) as api:
        given = {name: value.format(tmp_path) for name, value in variables.items()}
        told = await asyncio.to_thread(cli.main, ["audit"], {**api.variables, **given})

        assert told == code
        assert line in capsys.readouterr().err
        assert api.asked() == 0
