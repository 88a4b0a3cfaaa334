"""The three dashboards, with what they share: variables, links, annotations, in both schemas."""

import json
from collections.abc import Iterator
from dataclasses import replace

from alerts.generate.model import RUNBOOKS
from alerts.generate.series import SITE
from dashboards.generate import exporter, security, usage
from dashboards.generate.alerting import ALERTS
from dashboards.generate.grafana import dashboard_json
from dashboards.generate.panels import (
    BLUE,
    DATASOURCE,
    GREY,
    VERMILLION,
    Dashboard,
    Json,
)
from dashboards.generate.queries import BEHIND_SECONDS, behind, of_exporters, process
from dashboards.generate.reading import VENDOR
from dashboards.generate.resource import resource_json
from dashboards.generate.variables import label_variable

BOARDS = (security.BOARD, usage.BOARD, exporter.BOARD)

_ANY = '{__name__=~"isnotai_up|isnotai_sessions_total"%s}'
"""What is scraped has the one, what was backfilled has the other alone."""

_SCOPES = (
    ("cluster", "Cluster"),
    ("namespace", "Namespace"),
    ("job", "Job"),
    ("instance", "Instance"),
    ("integration", "Integration"),
)


def _variables() -> Iterator[Json]:
    """Each over the values that the ones before it leave."""
    chosen = ""
    for name, label in _SCOPES:
        yield label_variable(name, label, f"label_values({_ANY % chosen}, {name})")
        chosen += f',{name}=~"${name}"'


def _annotation(name: str, colour: str, expr: str, text: str, *, at_value: bool = False) -> Json:
    """What is marked on all panels over time. at_value: the series' value is the time, in ms."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "expr": expr,
        "step": "60s",
        "titleFormat": name,
        "textFormat": text,
        "useValueForTime": at_value,
    }


_ANNOTATIONS = (
    _annotation(
        "Alerts",
        VERMILLION,
        f"max by (alertname, {SITE}, severity) "
        + ALERTS.replace("{", '{alertstate="firing",').join("()"),
        "{{alertname}} {{integration}} {{job}} ({{severity}})",
    ),
    _annotation(
        "Restarts",
        BLUE,
        f"({of_exporters(process('process_start_time_seconds'))}) * 1000",
        "{{instance}} started",
        at_value=True,
    ),
    _annotation(
        "Catching up",
        GREY,
        f"{behind()} > {BEHIND_SECONDS}",
        f"{{{{instance}}}} {{{{integration}}}}: the frontier is more than "
        f"{BEHIND_SECONDS // 60} min behind",
    ),
)


def _link(title: str, url: str, icon: str, tooltip: str, *, ours: bool) -> Json:
    return {
        "type": "link",
        "title": title,
        "url": url,
        "icon": icon,
        "includeVars": ours,
        "keepTime": ours,
        "targetBlank": not ours,
        "tooltip": tooltip,
        "asDropdown": False,
        "tags": [],
    }


def _links(board: Dashboard) -> Iterator[Json]:
    for other in BOARDS:
        if other.uid != board.uid:
            title = other.title.removeprefix("Not AI · ")
            yield _link(title, f"/d/{other.uid}", "dashboard", other.description, ours=True)
    yield _link(
        "Runbook", RUNBOOKS, "doc", "What each alert means, and the first steps", ours=False
    )
    where = "The vendor's dashboard, where sessions are reviewed"
    yield _link("Not AI", VENDOR, "external link", where, ours=False)


def _written(content: Json) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def dashboards() -> dict[str, Json]:
    """The content of each dashboard by its file's name, in Grafana's classic schema."""
    return {
        f"{board.uid}.json": dashboard_json(
            replace(board, annotations=_ANNOTATIONS), list(_links(board)), list(_variables())
        )
        for board in BOARDS
    }


def files() -> dict[str, str]:
    """The text of each file by its name, in the classic schema."""
    return {name: _written(content) for name, content in dashboards().items()}


def resources() -> dict[str, str]:
    """The text of each file by its name, as a resource of schema v2."""
    needs = {row.title: row.needs for board in BOARDS for row in board.rows if row.needs}
    contents = dashboards().items()
    return {name: _written(resource_json(content, needs)) for name, content in contents}
