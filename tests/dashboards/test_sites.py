"""Each integration of a job is a site of its own on the dashboards, as it is in the alerts.

Two jobs, or two clusters, may both have the integration `default`.
"""

import re

import pytest

from dashboards.generate.boards import dashboards
from dashboards.generate.reading import SITE_COLUMNS, SITE_NAME
from exporter.backtest.evaluate import SITE_LABELS

BOARDS = dashboards().values()
PANELS = {
    f"{board['uid']} {panel['title']}": panel
    for board in BOARDS
    for panel in board["panels"]
    if panel["type"] not in ("row", "text")
}
TABLES = [title for title, panel in PANELS.items() if panel["type"] == "table"]
LINKS = {
    "Most affected, last hour": "__field.labels",
    "Bots in ten minutes, by integration": "__field.labels",
    "Bot share of the hour, by integration": "__field.labels",
    "Evidence against chance": "__field.labels",
    "Alerts": "__data.fields",
    "By integration": "__data.fields",
    "Analytics by integration": "__data.fields",
}
"""The panels whose values lead to a site, and what the link takes its labels from."""


def assert_by_site(expr: str) -> None:
    """Whoever keeps `integration` keeps the other labels of a site."""
    for labels in re.findall(r"\b(?:by|on) \(([\w, ]+)\)", expr):
        kept = labels.split(", ")
        assert "integration" not in kept or set(SITE_LABELS) <= set(kept), expr


@pytest.mark.parametrize(("title", "value_of"), LINKS.items())
def test_a_line_and_a_row_lead_to_their_site_alone(title: str, value_of: str) -> None:
    fields = PANELS[f"notai-security {title}"]["fieldConfig"]
    if value_of == "__field.labels":
        (link,) = fields["defaults"]["links"]
    else:
        (links,) = (
            one["value"]
            for override in fields["overrides"]
            if override["matcher"]["options"] == "Integration"
            for one in override["properties"]
        )
        link = links[0]

    for label, heading in SITE_COLUMNS:
        name = label if value_of == "__field.labels" else heading
        assert f"&var-{label}=${{{value_of}.{name}}}" in link["url"]
    assert link["url"].endswith("&${__url_time_range}")


@pytest.mark.parametrize("title", TABLES)
def test_a_label_that_a_row_lacks_is_empty_in_its_cell_and_in_links(title: str) -> None:
    """Grafana puts the words for an empty panel into each empty cell, and so into its links."""
    texts = [
        one["value"]
        for override in PANELS[title]["fieldConfig"]["overrides"]
        if override["matcher"] == {"id": "byType", "options": "string"}
        for one in override["properties"]
        if one["id"] == "noValue"
    ]

    assert texts == [""]


@pytest.mark.parametrize("title", PANELS)
def test_what_is_told_apart_by_integration_is_told_apart_by_site(title: str) -> None:
    panel = PANELS[title]
    for target in panel["targets"]:
        assert_by_site(target["expr"])
        if "{{integration}}" in target["legendFormat"]:
            assert target["legendFormat"].endswith(SITE_NAME)
    for one in panel["transformations"]:
        headings = one["options"].get("renameByName", {})
        assert "integration" not in headings or set(SITE_LABELS) <= set(headings)


def test_the_marks_of_alerts_are_told_apart_by_site() -> None:
    for board in BOARDS:
        for annotation in board["annotations"]["list"]:
            assert_by_site(annotation["expr"])
