"""The dashboards as resources of Grafana's schema v2, made from their classic JSON.

Grafana 12 and newer take them through their API (`dashboard.grafana.app/v2`) and by Git Sync; what
provisions dashboards from files reads the classic ones. Panels become elements, rows a layout.
Source of the names: the types of `@grafana/schema`, which the tests hold this to.
"""

from collections.abc import Iterator, Mapping

from dashboards.generate.panels import Json
from dashboards.generate.queries import OF_INTEGRATION
from dashboards.generate.variables import choice_variable

API_VERSION = "dashboard.grafana.app/v2"
_CURSOR_SYNC = {0: "Off", 1: "Crosshair", 2: "Tooltip"}
_HIDE = {0: "dontHide", 1: "hideLabel", 2: "hideVariable"}
_REFRESH = {0: "never", 1: "onDashboardLoad", 2: "onTimeRangeChanged"}
_SORT = {0: "disabled", 1: "alphabeticalAsc"}
_REFRESH_INTERVALS = ["30s", "1m", "5m", "15m", "30m", "1h"]


def resource_json(board: Json, needs: Mapping[str, str]) -> Json:
    """The resource of a classic dashboard, named by its uid.

    needs: metrics by the titles of the rows that are not shown without them.
    """
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    titles = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    shown_with = {title: needs[title] for title in titles if title in needs}
    variables = [*board["templating"]["list"], *map(_presence, shown_with.values())]
    return {
        "apiVersion": API_VERSION,
        "kind": "Dashboard",
        "metadata": {"name": board["uid"], "namespace": "default"},
        "spec": {
            "title": board["title"],
            "description": board["description"],
            "tags": board["tags"],
            "editable": board["editable"],
            "liveNow": board["liveNow"],
            "preload": False,
            "cursorSync": _CURSOR_SYNC[board["graphTooltip"]],
            "links": board["links"],
            "timeSettings": {
                "timezone": board["timezone"],
                "from": board["time"]["from"],
                "to": board["time"]["to"],
                "autoRefresh": board["refresh"],
                "autoRefreshIntervals": _REFRESH_INTERVALS,
                "hideTimepicker": False,
                "fiscalYearStartMonth": board["fiscalYearStartMonth"],
            },
            "variables": [_variable(one) for one in variables],
            "annotations": [_annotation(one) for one in board["annotations"]["list"]],
            "elements": {_name(panel): _element(panel) for panel in panels},
            "layout": {
                "kind": "RowsLayout",
                "spec": {"rows": list(_rows(board["panels"], shown_with))},
            },
        },
    }


def _presence(metric: str) -> Json:
    """A hidden variable that holds the metric's name where there is such a series."""
    query = f"label_values({metric}{{{OF_INTEGRATION}}}, __name__)"
    return {**choice_variable(f"has_{metric}", "", query, ""), "hide": 2, "skipUrlSync": True}


def _shown_with(metric: str) -> Json:
    """The condition that its variable holds the metric's name."""
    rule = {"variable": f"has_{metric}", "operator": "equals", "value": metric}
    return {
        "kind": "ConditionalRenderingGroup",
        "spec": {
            "visibility": "show",
            "condition": "and",
            "items": [{"kind": "ConditionalRenderingVariable", "spec": rule}],
        },
    }


def _name(panel: Json) -> str:
    return f"panel-{panel['id']}"


def _query(spec: Json) -> Json:
    return {
        "kind": "DataQuery",
        "group": "prometheus",
        "version": "v0",
        "datasource": {"name": "${datasource}"},
        "spec": spec,
    }


def _element(panel: Json) -> Json:
    unshared = {"refId", "datasource"}
    queries = [
        {
            "kind": "PanelQuery",
            "spec": {
                "refId": target["refId"],
                "hidden": False,
                "query": _query({k: v for k, v in target.items() if k not in unshared}),
            },
        }
        for target in panel["targets"]
    ]
    transformations = [
        {"kind": "Transformation", "group": one["id"], "spec": {"options": one["options"]}}
        for one in panel["transformations"]
    ]
    return {
        "kind": "Panel",
        "spec": {
            "id": panel["id"],
            "title": panel["title"],
            "description": panel["description"],
            "links": [],
            "data": {
                "kind": "QueryGroup",
                "spec": {
                    "queries": queries,
                    "transformations": transformations,
                    "queryOptions": {"interval": panel["interval"]},
                },
            },
            "vizConfig": {
                "kind": "VizConfig",
                "group": panel["type"],
                "version": "",
                "spec": {"options": panel["options"], "fieldConfig": panel["fieldConfig"]},
            },
        },
    }


def _rows(panels: list[Json], shown_with: Mapping[str, str]) -> Iterator[Json]:
    """Each heading with what lies below it, places counted from there."""
    headings = [panel for panel in panels if panel["type"] == "row"]
    for heading, below in zip(headings, [*headings[1:], None], strict=True):
        top = heading["gridPos"]["y"] + 1
        bottom = below["gridPos"]["y"] if below else float("inf")
        items = [
            {
                "kind": "GridLayoutItem",
                "spec": {
                    "x": panel["gridPos"]["x"],
                    "y": panel["gridPos"]["y"] - top,
                    "width": panel["gridPos"]["w"],
                    "height": panel["gridPos"]["h"],
                    "element": {"kind": "ElementReference", "name": _name(panel)},
                },
            }
            for panel in panels
            if panel["type"] != "row" and top <= panel["gridPos"]["y"] < bottom
        ]
        row = {
            "title": heading["title"],
            "collapse": False,
            "layout": {"kind": "GridLayout", "spec": {"items": items}},
        }
        if heading["title"] in shown_with:
            row["conditionalRendering"] = _shown_with(shown_with[heading["title"]])
        yield {"kind": "RowsLayoutRow", "spec": row}


def _variable(one: Json) -> Json:
    spec: Json = {
        "name": one["name"],
        "label": one["label"],
        "current": {"text": one["current"]["text"], "value": one["current"]["value"]},
        "options": [],
        "multi": one["multi"],
        "includeAll": one["includeAll"],
        "allowCustomValue": True,
        "hide": _HIDE[one["hide"]],
        "refresh": _REFRESH[one["refresh"]],
        "regex": one["regex"],
        "skipUrlSync": one["skipUrlSync"],
    }
    if one["type"] == "datasource":
        return {"kind": "DatasourceVariable", "spec": {**spec, "pluginId": one["query"]}}
    if "allValue" in one:
        spec["allValue"] = one["allValue"]
    return {
        "kind": "QueryVariable",
        "spec": {
            **spec,
            "sort": _SORT[one["sort"]],
            "definition": one["definition"],
            "query": _query(one["query"]),
        },
    }


def _annotation(one: Json) -> Json:
    legacy = ("expr", "step", "titleFormat", "textFormat", "useValueForTime")
    return {
        "kind": "AnnotationQuery",
        "spec": {
            "name": one["name"],
            "enable": one["enable"],
            "hide": one["hide"],
            "iconColor": one["iconColor"],
            "query": _query({"expr": one["expr"]}),
            "legacyOptions": {name: one[name] for name in legacy},
        },
    }
