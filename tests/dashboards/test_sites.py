"""Each integration of a job is a site of its own on the dashboards, as it is in the alerts.

Two jobs, or two clusters, may both have the integration `default`.
"""

import re

import pytest

from dashboards.generate.boards import dashboards
from dashboards.generate.queries import SITE_LABELS
from dashboards.generate.reading import SITE_NAME

BOARDS = dashboards().values()
PANELS = {
    f"{board['uid']} {panel['title']}": panel
    for board in BOARDS
    for panel in board["panels"]
    if panel["type"] not in ("row", "text")
}


def assert_by_site(expr: str) -> None:
    """Whoever keeps `integration` keeps the other labels of a site."""
    for labels in re.findall(r"\b(?:by|on) \(([\w, ]+)\)", expr):
        kept = labels.split(", ")
        assert "integration" not in kept or set(SITE_LABELS) <= set(kept), expr


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
