"""`/api/status`: the page as JSON, with times in UTC and null for what is not known."""

import json
from typing import Any

from exporter.ledger.recent import Slot
from exporter.settings.effective import Effective
from exporter.web import status_json
from exporter.web.backend import (
    Finding,
    Quota,
    Reload,
    StateStatus,
    Status,
)
from tests.web.test_status_page import NOW, integration, resource


def document(**changes: Any) -> Any:
    one = integration(
        resource(last_error="status 503", last_success=None),
        frontier=NOW - 134,
        recent=(Slot(int(NOW), 7, None),),
        quotas=(Quota("events", 5e6, None),),
    )
    finding = Finding("bad", "API", "API down", "Nothing is read.", "Wait.", ("campus",))
    values: dict[str, Any] = {
        "findings": (finding,),
        "reload": Reload(NOW, "bad"),
        "state": StateStatus("/state.db", None),
        "settings": (Effective("region", "us", "default"),),
        **changes,
    }
    return json.loads(status_json.document(Status("1.2.3", "abc", NOW - 60, NOW, (one,), **values)))


def test_it_says_what_the_page_says() -> None:
    made = document()

    assert made["verdict"] == "bad"
    assert made["findings"][0] == {
        "level": "bad",
        "about": "API",
        "headline": "API down",
        "words": "Nothing is read.",
        "next_step": "Wait.",
        "integrations": ["campus"],
    }
    assert made["started"] == "2026-09-21T14:12:20+00:00"
    assert made["settings"]["region"] == {"value": "us", "source": "default"}
    assert made["reload"] == {"at": "2026-09-21T14:13:20+00:00", "problem": "bad"}
    assert made["state"] == {"path": "/state.db", "last_commit": None, "problem": None}


def test_an_integration_has_its_resources_quotas_and_last_day() -> None:
    (one,) = document()["integrations"]

    assert (one["name"], one["key"], one["sessions"]) == ("campus", "valid", None)
    assert one["frontier"] == "2026-09-21T14:11:06+00:00"
    assert one["resources"][0]["last_success"] is None
    assert one["resources"][0]["last_error"] == "status 503"
    assert one["quotas"] == [{"metric": "events", "limit": 5e6, "used": None}]
    assert one["last_day"] == [{"start": "2026-09-21T14:13:20+00:00", "sessions": 7, "bots": None}]


def test_before_the_first_reload_and_finding_there_is_null() -> None:
    made = document(findings=(), reload=None)
    assert (made["verdict"], made["reload"]) == ("unknown", None)
