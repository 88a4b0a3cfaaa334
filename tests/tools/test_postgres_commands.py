"""The commands that look at a state look at one in PostgreSQL, too, and change nothing of it."""

import asyncio

import pytest

from tests.e2e.running import client_of, process
from tests.e2e.simulation import Simulation, simulated
from tests.ledger.bench import rows_of
from tests.tools.postgres import PASSWORD, QUOTED, Cluster

pytestmark = [pytest.mark.tools, pytest.mark.timeout(200)]


async def printed(variables: dict[str, str], *arguments: str) -> tuple[int, str]:
    """The exit code of a command, and all that it printed."""
    async with process(variables, arguments) as command:
        code = await command.ended()
    return code, command.output


def variables_of(api: Simulation, cluster: Cluster, schema: str) -> dict[str, str]:
    place = {"ISNOTAI_STATE_URL": cluster.url(), "ISNOTAI_STATE_SCHEMA": schema}
    return {**api.variables, **place}


async def test_check_tells_whether_the_database_can_be_used_and_makes_nothing(
    postgres: Cluster,
) -> None:
    server = postgres.server()
    async with simulated() as api:
        variables = variables_of(api, postgres, server.schema)
        good, _ = await printed(variables, "check")
        assert good == 0
        assert rows_of(server) == b""

        variables["ISNOTAI_STATE_URL"] = postgres.url().replace(QUOTED, "wrong-password")
        bad, said = await printed(variables, "check")
        assert bad != 0
        assert PASSWORD not in said


async def test_audit_compares_the_list_with_a_ledger_in_the_database(postgres: Cluster) -> None:
    server = postgres.server()
    async with simulated() as api:
        variables = variables_of(api, postgres, server.schema)
        async with process(variables) as daemon, client_of(daemon) as exporter:
            await exporter.until(lambda it: it.value("isnotai_sessions_total"))
            # The status page says where the counts are, and never how to get there.
            status = (await exporter.get("/api/status")).text
            assert f"PostgreSQL, schema {server.schema}" in status
            assert QUOTED not in status
            assert PASSWORD not in status
            assert (await exporter.get("/-/ready")).status_code == 200
            api.pause()
            api.freeze()
            await exporter.until_counted(api.truth)
        before = rows_of(server)
        code, said = await asyncio.wait_for(printed(variables, "audit", "--since", "1h"), 60)

        # Nothing differs; or no whole minute has passed yet.
        assert code == 0 or "no whole minute" in said
        assert rows_of(server) == before
