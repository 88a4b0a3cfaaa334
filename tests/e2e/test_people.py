"""Users and courses: what is shown equals the truth after faults and kills, and names nobody."""

from datetime import timedelta
from typing import Any

import pytest

from exporter.metrics.catalogue import SCORE_LEVELS
from exporter.simulator.people import People, people
from tests.e2e.running import Scrape, client_of, in_process, process
from tests.e2e.simulation import Simulation, simulated
from tests.e2e.test_privacy import personal

ON = {"ISNOTAI_POLL_USERS_INTERVAL": "1s", "ISNOTAI_POLL_COURSES_INTERVAL": "1s"}
TROUBLE: dict[str, Any] = {
    "status_429": 0.05,
    "retry_after_seconds": 0.0,
    "status_5xx": 0.1,
    "retry_after": "none",
    "garbage": 0.1,
    "cut_body": 0.1,
    "refuse_cursor": 0.2,
    "repeat_items": 0.3,
    "short_pages": 0.3,
}


def truth(api: Simulation) -> People:
    settings, now = api.service.settings, api.service.now()
    sessions = api.service.world.visible(now)
    return people(sessions, settings.risk_levels, settings.user_nulls)


def levels(scores: tuple[float, ...]) -> dict[str, float]:
    """How many scores are at most each level."""
    return {level: float(sum(score <= float(level) for score in scores)) for level in SCORE_LEVELS}


def agrees(scrape: Scrape, true: People, names: tuple[str, str] | None) -> bool:
    """names: of the numbers of a course; None where its items have none."""
    value = scrape.value
    shown = {level: value("isnotai_user_max_bot_score", le=level) for level in SCORE_LEVELS}
    stats = scrape.by("stat", "isnotai_course_stats")
    wanted = (
        dict(zip(names, (true.course_sessions, true.course_bot_sessions), strict=True))
        if names
        else {}
    )
    return (
        value("isnotai_users") == true.users
        and value("isnotai_users_with_bot_sessions") == true.with_bot_sessions
        and value("isnotai_users_multi_device") == true.multi_device
        and scrape.by("risk_level", "isnotai_users_by_risk") == true.by_risk
        and shown == levels(true.scores)
        and value("isnotai_courses") == true.courses
        and stats == wanted
    )


FLAT = ("session_count", "bot_session_count")


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"courses_form": "nested", "users_order": "last_seen"},
         ("stats_today_session_count", "stats_today_bot_session_count")),
        ({"courses_form": "numeric_ids", "user_nulls": False}, FLAT),
        ({"courses_form": "names", "risk_levels": ("none", "elevated", "severe")}, None),
        ({"courses_form": "unpaged"}, FLAT),
    ],
    ids=lambda value: value.get("courses_form") if isinstance(value, dict) else "",
)  # fmt: skip
async def test_users_and_courses_are_true_whatever_their_lists_are_like(
    settings: dict[str, Any], names: tuple[str, str] | None
) -> None:
    async with simulated(seed=7, history=timedelta(minutes=1)) as api:
        api.settings(**settings)
        async with in_process({**api.variables, **ON}) as exporter:
            await exporter.until(lambda scrape: scrape.value("isnotai_users"))

            api.freeze()

            true = truth(api)
            await exporter.until(lambda scrape: agrees(scrape, true, names))
            assert true.users > 100
            assert true.with_bot_sessions > 10


async def test_they_are_true_after_faults_and_a_kill() -> None:
    async with simulated(seed=8, history=timedelta(minutes=1)) as api:
        variables = {**api.variables, **ON}
        api.fail(**TROUBLE, only=("/v1/users", "/v1/courses"))
        async with process(variables) as daemon, client_of(daemon) as exporter:
            await daemon.until_logged("walk_not_whole")
            assert (await exporter.get("/metrics")).status_code == 200
            daemon.process.kill()
        api.freeze()
        true = truth(api)
        api.fail()
        async with process(variables) as daemon, client_of(daemon) as exporter:
            await exporter.until(lambda scrape: agrees(scrape, true, FLAT))


async def test_nothing_that_comes_out_of_walks_names_anybody() -> None:
    async with simulated(seed=9) as api:
        variables = {
            **api.variables,
            **ON,
            "ISNOTAI_POLL_OPENAPI_INTERVAL": "1s",
            "ISNOTAI_LOG_LEVEL": "debug",
        }
        written = {}
        async with process(variables) as daemon, client_of(daemon) as exporter:
            await daemon.until_logged("walk_whole")
            await daemon.until_logged("api_schema_told")
            api.settings(openapi_changes=("remove /v1/users data[].riskLevel",))
            changed = await daemon.until_logged("api_schema_changed")
            assert changed["what"] == "GET /v1/users: data[].riskLevel"
            await exporter.until(lambda scrape: scrape.value("isnotai_api_schema_known") == 0)
            api.fail(**TROUBLE, odd_value=0.3, only=("/v1/users", "/v1/courses"))
            await daemon.until_logged("walk_not_whole")
            written["metrics"] = (await exporter.get("/metrics")).text
            written["page"] = (await exporter.get("/")).text
            written["status"] = (await exporter.get("/api/status")).text
            secrets = personal(api)
        written["log"] = daemon.output

    assert '"resource": "users"' in written["log"]
    assert len(secrets) > 300
    for place, text in written.items():
        assert not [secret for secret in secrets if secret in text], place
        assert "Synthetic" not in text, place
        assert "cursor=" not in text, place
