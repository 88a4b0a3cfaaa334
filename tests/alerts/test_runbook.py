"""The runbook has exactly one heading for each alert, and names only what exists."""

import re
from pathlib import Path

import pytest

from alerts.generate.model import Alert
from alerts.generate.outputs import alerts
from exporter.metrics import catalogue
from tests.alerts.test_outputs import RECORDED, prometheus

RUNBOOK = (Path(__file__).resolve().parents[2] / "docs" / "runbooks" / "alerts.md").read_text()
PARTS = (
    "**How urgent.**",
    "**Means.**",
    "**Causes.**",
    "**First steps.**",
    "**False alarms and tuning.**",
    "**Tell.**",
)


def sections() -> dict[str, str]:
    """The text below each heading of the second level."""
    pieces = re.split(r"^## (.+)$", RUNBOOK, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def test_headings_and_alerts_are_the_same() -> None:
    headings = re.findall(r"^## (.+)$", RUNBOOK, flags=re.MULTILINE)

    assert sorted(headings) == sorted(alert.name for alert in alerts())


@pytest.mark.parametrize("name", [alert.name for alert in alerts()])
def test_each_heading_says_what_it_means_why_how_to_check_and_what_to_do(name: str) -> None:
    text = sections()[name]
    places = [text.index(part) for part in PARTS]

    assert places == sorted(places)
    steps = text[places[3] : places[4]]
    assert re.findall(r"^(\d)\. ", steps, flags=re.MULTILINE) == ["1", "2", "3"]
    assert len(re.findall(r"^```(?:promql|sh)$", steps, flags=re.MULTILINE)) >= 2


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_each_heading_says_how_urgent_it_is_by_its_severity(alert: Alert) -> None:
    urgent = {"critical": "Critical:", "warning": "A warning:", "info": "A hint:"}

    assert f"**How urgent.** {urgent[alert.severity]}" in sections()[alert.name]


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_each_heading_says_when_it_begins_and_ends(alert: Alert) -> None:
    begins = f"after {in_words(alert.hold)}" if alert.hold != "0s" else "at once"
    ends = f"{in_words(alert.keep)} after its cause" if alert.keep != "0s" else "with its cause"

    (line,) = re.findall(r"^\*\*How urgent\.\*\*.+$", sections()[alert.name], flags=re.MULTILINE)
    assert line.endswith(f"It begins {begins} and ends {ends}.")


def in_words(duration: str) -> str:
    return duration.replace("m", " min").replace("h", " h")


LASTING = {
    "NotAIIntegrationGone": "until it is back, or a day is over",
    "NotAISessionsLost": "an hour and more",
    "NotAIApiContractChanged": "until it is looked at anew, a day later",
    "NotAILabelBoundHit": "an hour",
    "NotAIReloadFailed": "until a reload succeeds",
    "NotAINewFlag": "six hours",
}
"""Alerts whose condition cannot come and go within minutes, and how long it holds."""


def test_no_alert_is_over_within_minutes() -> None:
    assert {alert.name for alert in alerts() if alert.keep == "0s"} == set(LASTING)
    assert all(
        int(alert.keep[:-1]) >= 5 or alert.keep[-1] == "h"
        for alert in alerts()
        if alert.keep != "0s"
    )


def test_each_alerts_link_leads_to_its_heading() -> None:
    anchors = {heading.lower() for heading in sections()}

    for rule in prometheus("alerts"):
        assert rule["annotations"]["runbook_url"].partition("#")[2] in anchors


def test_links_within_the_runbook_lead_somewhere() -> None:
    anchors = {heading.lower() for heading in sections()}

    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= anchors


def test_queries_use_metrics_that_exist() -> None:
    known = {metric.exposed_name for metric in catalogue.METRICS}
    known |= {f"{metric.name}_bucket" for metric in catalogue.METRICS if metric.kind == "histogram"}
    recorded = {rule["record"] for rule in prometheus("recording")}
    for query in re.findall(r"```promql\n(.+?)```", RUNBOOK, flags=re.DOTALL):
        assert set(RECORDED.findall(query)) <= recorded
        assert set(re.findall(r"\bisnotai_\w+", RECORDED.sub("", query))) <= known
