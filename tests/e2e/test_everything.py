"""All that is off by default, on: true after faults and kills, and nothing personal in it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from exporter.simulator.truth import Truth
from tests.e2e import test_people
from tests.e2e.findings import LogReceiver, log_receiver
from tests.e2e.running import Scrape, client_of, process
from tests.e2e.simulation import Simulation, simulated
from tests.e2e.state import State
from tests.e2e.test_privacy import OPENMETRICS, personal

CONFIG = r"""
sessions:
  places:
    - {name: course, pattern: '/courses/(\d+)'}
  places_min_users: 2
  details: true
otlp: {findings: true}
"""
WORLD: dict[str, Any] = {
    # Enough of everything from the first moment on, however short the run.
    "history": timedelta(minutes=1),
    "rate": 3.0,
    "bot_share": 0.3,
    "invalid_share": 0.0,
}
OTHERS = ("STATS", "ANALYTICS", "USAGE", "INTEGRATION", "HEALTH")
PAGES = (
    "/",
    "/metrics",
    "/metrics?integration=default",
    "/api/status",
    "/sd",
    "/-/healthy",
    "/-/ready",
)
TROUBLE: dict[str, Any] = {
    "status_5xx": 0.1,
    "retry_after": "none",
    "garbage": 0.1,
    "cut_body": 0.1,
    "hide_details": 0.2,
}


def agrees(scrape: Scrape, api: Simulation) -> bool:
    """Whether users, courses, places, details, findings and the contract are as they should be."""
    truth = api.truth()

    def value(name: str, **labels: str) -> float:
        return scrape.value(name, **labels) or 0.0

    return (
        value("isnotai_place_sessions_total") == sum(truth.courses.values())
        and value("isnotai_place_bot_sessions_total") == sum(truth.bot_courses.values())
        and scrape.by("type", "isnotai_bot_events_total")
        == {name: count for name, count in truth.bot_events.items() if count}
        and value("isnotai_bot_details_total", outcome="missing") == truth.missing_details
        and value("isnotai_bot_details_total", outcome="skipped") == 0
        and value("isnotai_bot_details_total") == truth.bot_sessions
        and value("isnotai_bot_session_duration_seconds_count")
        == truth.bot_sessions - truth.missing_details
        and abs(value("isnotai_bot_session_duration_seconds_sum") - truth.bot_seconds) < 1e-3
        and value("isnotai_findings_total", outcome="sent") == truth.bot_sessions
        and value("isnotai_findings_waiting") == 0
        and value("isnotai_api_schema_known") == 1
        and test_people.agrees(scrape, test_people.truth(api), test_people.FLAT)
    )


def check_values(scrape: Scrape, truth: Truth) -> None:
    """No value shows more than there is of it, and some show."""
    shown = scrape.by("value", "isnotai_place_sessions_total", place="course")
    values = {value: count for value, count in shown.items() if value != "other"}
    assert values
    assert all(count <= truth.courses[value] for value, count in values.items())
    bots = scrape.by("value", "isnotai_place_bot_sessions_total", place="course")
    assert all(count <= shown[value] for value, count in bots.items())


def check_findings(api: Simulation, receiver: LogReceiver, truth: Truth) -> None:
    """Each bot was told, with one id however often, and nothing of a person."""
    told = {record["session.id"]: record["log.record.uid"] for record in receiver.records}
    again = {record["log.record.uid"] for record in receiver.records}
    assert len(told) == len(again) == truth.bot_sessions
    assert all(api.service.world.session(identity) is not None for identity in told)
    assert any(record["isnotai.session.flags"] for record in receiver.records)
    assert any("isnotai.place.course" in record for record in receiver.records)
    secrets = personal(api) - set(told)
    bodies = b"".join(receiver.bodies)
    assert not [secret for secret in secrets if secret.encode() in bodies]


async def test_all_of_it_is_true_after_faults_and_kills_and_names_nobody(
    tmp_path: Path, state: State
) -> None:
    config = tmp_path / "config.yml"
    config.write_text(CONFIG)
    written: dict[str, str] = {}
    with log_receiver() as (receiver, endpoint):
        async with simulated(seed=21, **WORLD) as api:
            variables = {
                **api.variables,
                **state.variables,
                # What is not looked at here would only take turns with details.
                **{f"ISNOTAI_POLL_{name}_INTERVAL": "1h" for name in OTHERS},
                **test_people.ON,
                "ISNOTAI_POLL_OPENAPI_INTERVAL": "1s",
                "ISNOTAI_CONFIG_FILE": str(config),
                "ISNOTAI_LOG_LEVEL": "debug",
                "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"{endpoint}/v1/logs",
                "OTEL_BLRP_SCHEDULE_DELAY": "200",
                "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{endpoint}/v1/metrics",
                "OTEL_METRIC_EXPORT_INTERVAL": "500",
            }
            api.fail(**TROUBLE)
            for refuse in (True, False):
                receiver.refuse = refuse
                async with process(variables) as daemon, client_of(daemon) as exporter:
                    await exporter.until(
                        lambda scrape: (
                            scrape.value("isnotai_bot_details_total", outcome="read")
                            and scrape.value("isnotai_place_bot_sessions_total")
                        )
                    )
                    daemon.process.kill()
                    await daemon.ended()
                written[f"log {refuse}"] = daemon.output
            async with process(variables) as daemon, client_of(daemon) as exporter:
                api.fail(hide_details=TROUBLE["hide_details"])
                api.pause()
                await exporter.until_counted(api.truth)
                scrape = await exporter.until(lambda scrape: agrees(scrape, api), 240)
                async with client_of(daemon) as another:
                    for page in PAGES:
                        written[page] = (await another.get(page)).text
                    openmetrics = await another.get("/metrics", accept=OPENMETRICS)
                    written["openmetrics"] = openmetrics.text
                truth, secrets = api.truth(), personal(api)
                daemon.process.terminate()
                assert await daemon.ended() == 0
            written["log"] = daemon.output
            check_values(scrape, truth)
            check_findings(api, receiver, truth)

    assert truth.bot_sessions > 10
    assert len(secrets) > 300
    assert b"isnotai.users" in receiver.metrics
    assert not [secret for secret in secrets if secret.encode() in receiver.metrics]
    for place, text in written.items():
        assert not [secret for secret in secrets if secret in text], place
    held = b"".join(state.contents().values())
    assert not [secret for secret in secrets if secret.encode() in held]
    assert json.loads(written["log"].splitlines()[-1])["event"] == "stopped"
