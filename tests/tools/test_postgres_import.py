"""A state file goes on in a database: nothing falls, nothing counts twice, and only once."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from exporter.ledger import schema, takeover
from tests.e2e.running import client_of, process
from tests.e2e.simulation import simulated
from tests.ledger.bench import rows_of
from tests.tools.postgres import Cluster
from tests.tools.test_postgres_commands import printed, variables_of

pytestmark = [pytest.mark.tools, pytest.mark.timeout(200)]

VALUES: dict[str, Any] = {"INTEGER": 7, "REAL": 0.5, "TEXT": "a", "BLOB": b"\x00\x01"}
NAMES = ("east", "west")


def full(path: Path) -> sqlite3.Connection:
    """A state of two integrations, with a row of each in every table."""
    connection = sqlite3.connect(path, isolation_level=None)
    schema.initialise(connection)
    for number, name in enumerate(NAMES):
        for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"):
            columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
            row = {column: VALUES[kind] for _, column, kind, *_ in columns}
            if table == "integration":
                row |= {"id": 40 + number, "name": name}
            else:
                row["integration"] = 40 + number
            if table != "meta":
                marks = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO {table} VALUES ({marks})", [*row.values()])
    return connection


async def test_every_row_of_every_table_is_taken_over_once(
    postgres: Cluster, tmp_path: Path
) -> None:
    server = postgres.server()
    path = tmp_path / "state.db"
    kept = full(path)
    variables = {
        "ISNOTAI_API_KEY": "k" * 32,
        "ISNOTAI_STATE_URL": postgres.url(),
        "ISNOTAI_STATE_SCHEMA": server.schema,
    }

    code, said = await printed(variables, "import-state", str(path))

    assert code == 0, said
    place = server.schema
    tables = postgres.ask(f"SELECT tablename FROM pg_tables WHERE schemaname = '{place}'")
    assert {name for (name,) in tables} - takeover.APART >= {"session", "finding", "place_user"}
    for (table,) in tables:
        if table in takeover.APART:
            continue
        there = postgres.ask(
            f"SELECT it.name, kept.* FROM {place}.{table} AS kept "
            f"JOIN {place}.integration AS it ON it.id = kept.integration ORDER BY 1"
        )
        here = kept.execute(
            f"SELECT it.name, kept.* FROM {table} AS kept "
            "JOIN integration AS it ON it.id = kept.integration ORDER BY 1"
        ).fetchall()
        assert [(it[0], *it[2:]) for it in there] == [(it[0], *it[2:]) for it in here], table
        assert len(here) == len(NAMES)
    before = rows_of(server)
    kept.close()

    code, said = await printed(variables, "import-state", str(path))

    assert code == 1
    assert "counts 2 integrations already" in said
    assert rows_of(server) == before


async def test_counting_goes_on_in_the_database_where_the_file_was_left(
    postgres: Cluster, tmp_path: Path
) -> None:
    server = postgres.server()
    path = tmp_path / "state.db"
    async with simulated(invalid_share=0.0) as api:
        variables = variables_of(api, postgres, server.schema)
        filed = {**api.variables, "ISNOTAI_STATE_PATH": str(path)}
        async with process(filed) as daemon, client_of(daemon) as exporter:
            await exporter.until(lambda it: (it.value("isnotai_sessions_total") or 0) >= 30)
            code, said = await printed(variables, "import-state", str(path))
            assert code == 1
            assert "stop that first" in said
            assert rows_of(server) == b""
            counted = (await exporter.scrape()).value("isnotai_sessions_total")
        before = path.read_bytes()

        code, said = await printed(variables, "import-state", str(path))

        assert code == 0, said
        assert path.read_bytes() == before
        async with process(variables) as daemon, client_of(daemon) as exporter:
            first = await exporter.until(lambda it: it.value("isnotai_sessions_total"))
            assert (first.value("isnotai_sessions_total") or 0) >= (counted or 1)
            api.pause()
            api.freeze()
            await exporter.until_counted(api.truth)


@pytest.mark.parametrize(
    ("content", "code", "named"),
    [(None, 1, "no such file"), (b"text" * 100, 2, "not a state file")],
)
async def test_a_file_that_is_no_state_is_named(
    postgres: Cluster, tmp_path: Path, content: bytes | None, code: int, named: str
) -> None:
    server = postgres.server()
    path = tmp_path / "state.db"
    if content is not None:
        path.write_bytes(content)
    variables = {
        "ISNOTAI_API_KEY": "k" * 32,
        "ISNOTAI_STATE_URL": postgres.url(),
        "ISNOTAI_STATE_SCHEMA": server.schema,
    }

    ended, said = await printed(variables, "import-state", str(path))

    assert ended == code
    assert named in said
    assert [it.name for it in tmp_path.iterdir()] == ([] if content is None else ["state.db"])
    assert rows_of(server) == b""
