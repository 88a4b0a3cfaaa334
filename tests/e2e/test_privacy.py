"""No personal data and no key comes out anywhere, whatever the API says and in whatever trouble."""

import json

from exporter.simulator.service import DEFAULT_KEY
from tests.e2e.running import client_of, process
from tests.e2e.simulation import Simulation, simulated
from tests.e2e.state import State

PERSONAL = ("id", "pageUrl", "userAgentSummary", "userId", "userName", "userUrl")
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def personal(api: Simulation) -> set[str]:
    """What the API told of people, and the key."""
    sessions = [json.loads(row.json()) for row in api.service.world.visible(api.service.now())]
    told = {session.get(name) for session in sessions for name in PERSONAL}
    return {value for value in told if isinstance(value, str)} | {DEFAULT_KEY}


async def test_no_personal_data_and_no_key_comes_out_of_a_whole_run(state: State) -> None:
    written: dict[str, str] = {}
    async with simulated() as api:
        variables = {**api.variables, **state.variables, "ISNOTAI_LOG_LEVEL": "debug"}
        async with process(variables) as daemon, client_of(daemon) as exporter:
            await exporter.until(lambda scrape: scrape.value("isnotai_session_bot_score_count"))
            written["metrics"] = (await exporter.get("/metrics")).text
            written["openmetrics"] = (await exporter.get("/metrics", accept=OPENMETRICS)).text
            written["page"] = (await exporter.get("/")).text
            api.fail(
                status_5xx=0.2,
                retry_after="none",
                garbage=0.3,
                refuse_cursor=0.5,
                short_pages=0.5,
                cut_body=0.2,
            )
            await exporter.until(
                lambda scrape: (
                    scrape.value("isnotai_api_invalid_responses_total")
                    and scrape.value("isnotai_api_requests_total", code="connection")
                )
            )
            api.fail()
            api.settings(keys=("aik_v1_" + "y" * 40,))
            await exporter.until(lambda scrape: scrape.value("isnotai_api_key_valid") == 0)
            written["metrics in trouble"] = (await exporter.get("/metrics")).text
            written["page in trouble"] = (await exporter.get("/")).text
            written["page as JSON"] = (await exporter.get("/api/status")).text
            written["missing page"] = (await exporter.get("/nothing")).text
            secrets = personal(api)
            kept = [state.contents()]
            daemon.process.terminate()
            assert await daemon.ended() == 0
        written["log"] = daemon.output
    kept.append(state.contents())  # at rest

    assert len(secrets) > 500
    assert any("poll_failed" in event["event"] for event in daemon.events())
    for place, text in written.items():
        assert not [secret for secret in secrets if secret in text], place
    for contents in kept:
        for place, content in contents.items():
            assert not [secret for secret in secrets if secret.encode() in content], place
    assert sum(map(len, kept[0].values())) > 1_000
