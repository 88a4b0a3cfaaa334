"""The three dashboards, with what they share: variables, links, and the shade of a catch-up."""

import json
from dataclasses import replace

from dashboards.generate import exporter, security, usage
from dashboards.generate.grafana import dashboard_json
from dashboards.generate.panels import DATASOURCE, GREY, Dashboard, Json
from dashboards.generate.queries import BEHIND_SECONDS, of
from dashboards.generate.variables import label_variable

VENDOR = "https://dash.isnotai.com"
BOARDS = (security.BOARD, usage.BOARD, exporter.BOARD)

_VARIABLES = (
    label_variable("job", "Job", "label_values(isnotai_exporter_build_info, job)"),
    label_variable(
        "instance", "Instance", 'label_values(isnotai_exporter_build_info{job=~"$job"}, instance)'
    ),
    label_variable(
        "integration",
        "Integration",
        'label_values(isnotai_up{job=~"$job",instance=~"$instance"}, integration)',
    ),
)

_CATCH_UPS = {
    "name": "Catching up",
    "datasource": DATASOURCE,
    "enable": True,
    "hide": False,
    "iconColor": GREY,
    "expr": f"time() - {of('isnotai_session_frontier_timestamp_seconds')} > {BEHIND_SECONDS}",
    "step": "60s",
    "titleFormat": "Catching up",
    "textFormat": "{{instance}} {{integration}}: the frontier is more than 10 min behind",
    "useValueForTime": False,
}


def _links(board: Dashboard) -> list[Json]:
    others = [
        {
            "type": "link",
            "title": other.title.removeprefix("Not AI · "),
            "url": f"/d/{other.uid}",
            "icon": "dashboard",
            "includeVars": True,
            "keepTime": True,
            "targetBlank": False,
            "tooltip": other.description,
            "asDropdown": False,
            "tags": [],
        }
        for other in BOARDS
        if other.uid != board.uid
    ]
    vendor = {
        "type": "link",
        "title": "Not AI",
        "url": VENDOR,
        "icon": "external link",
        "includeVars": False,
        "keepTime": False,
        "targetBlank": True,
        "tooltip": "The vendor's dashboard, where sessions are reviewed",
        "asDropdown": False,
        "tags": [],
    }
    return [*others, vendor]


def files() -> dict[str, str]:
    """The text of each dashboard's file by its name."""
    return {
        f"{board.uid}.json": json.dumps(
            dashboard_json(replace(board, annotations=(_CATCH_UPS,)), _links(board), _VARIABLES),
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
        for board in BOARDS
    }
