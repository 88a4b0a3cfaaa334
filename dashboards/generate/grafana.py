"""Grafana's classic dashboard JSON, as far as these dashboards need it: colours, targets, the grid.

Of the catalogue it knows label values only, to give each its colour, the same on every panel.
"""

import re
from collections.abc import Iterator, Sequence

from dashboards.generate.panels import (
    BLUE,
    DARK_BLUE,
    DATASOURCE,
    GREEN,
    GREY,
    LONG_PALETTE,
    ORANGE,
    PALETTE,
    PURPLE,
    VERMILLION,
    YELLOW,
    Dashboard,
    Json,
    Panel,
    Query,
    Row,
    ref,
    thresholds,
)
from dashboards.generate.variables import datasource_variable
from exporter.collect.registry import NAMES as RESOURCES
from exporter.metrics.catalogue import OUTCOMES, USAGE_METRICS

SCHEMA_VERSION = 42
"""The newest that `@grafana/schema` knows; Grafana itself upgrades what is older."""

SHORTEST_STEP = "1m"
"""Of a panel over time. Counters are looked at minute by minute, whatever the scrape interval."""

GRID_WIDTH = 24

KNOWN_COLOURS = {
    "resource": dict(zip(RESOURCES, LONG_PALETTE, strict=False)),
    "metric": dict(zip((*USAGE_METRICS, "storage_bytes"), PALETTE, strict=False)),
    "outcome": dict(zip(OUTCOMES, (BLUE, VERMILLION, GREY), strict=True)),
    "code": {
        "200": BLUE,
        "429": ORANGE,
        "500": VERMILLION,
        "502": PURPLE,
        "503": YELLOW,
        "504": GREEN,
        "timeout": GREY,
        "connection": DARK_BLUE,
    },
}
"""Labels whose values are known, so that each has its colour; other lines take Grafana's own."""


def _series_override(query: Query) -> Json:
    properties: list[Json] = []
    if query.colour:
        properties.append({"id": "color", "value": {"mode": "fixed", "fixedColor": query.colour}})
    if query.dashed:
        dashes = {"fill": "dash", "dash": [8, 6]}
        properties.append({"id": "custom.lineStyle", "value": dashes})
        properties.append({"id": "custom.fillOpacity", "value": 0})
    return {"matcher": {"id": "byName", "options": query.name}, "properties": properties}


def _known_overrides(query: Query) -> Iterator[Json]:
    """A colour for each known value of the one label that names the query's lines."""
    named = re.fullmatch(r"\{\{(\w+)\}\}", query.name)
    for value, colour in KNOWN_COLOURS.get(named[1], {}).items() if named else ():
        fixed = {"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}
        yield {"matcher": {"id": "byName", "options": value}, "properties": [fixed]}


def _target(at: int, query: Query) -> Json:
    return {
        "refId": ref(at),
        "datasource": DATASOURCE,
        "expr": query.expr,
        "exemplar": query.exemplars,
        "legendFormat": query.name or "__auto",
        "format": query.form,
        "instant": query.instant,
        "range": not query.instant,
        "editorMode": "code",
    }


def _panel(panel: Panel, number: int, place: Json) -> Json:
    by_series = panel.kind == "timeseries"
    defaults: Json = {
        "unit": panel.unit,
        "color": {"mode": "palette-classic-by-name" if by_series else "thresholds"},
        "thresholds": thresholds(panel.steps),
        "mappings": list(panel.mappings),
        "custom": panel.custom,
    }
    for name, value in (
        ("min", panel.minimum),
        ("max", panel.maximum),
        ("decimals", panel.decimals),
    ):
        if value is not None:
            defaults[name] = value
    if panel.empty:
        defaults["noValue"] = panel.empty
    if panel.links:
        defaults["links"] = list(panel.links)
    overrides: list[Json] = []
    if by_series:
        overrides += [override for query in panel.queries for override in _known_overrides(query)]
    overrides += [
        _series_override(query) for query in panel.queries if query.colour or query.dashed
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": [*overrides, *panel.overrides]},
        "interval": SHORTEST_STEP,
        "options": panel.options,
        "targets": [_target(at, query) for at, query in enumerate(panel.queries)],
        "transformations": list(panel.transformations),
    }


def _laid_out(rows: Sequence[Row]) -> Iterator[Json]:
    """The rows' headings and panels, numbered, each with its place on the grid.

    Raises ValueError for a row that does not fill the grid's width.
    """
    y, number = 0, 1
    for row in rows:
        if sum(panel.width for panel in row.panels) != GRID_WIDTH:
            raise ValueError(f"the panels of {row.title!r} do not fill the width")
        if row.title:
            yield {
                "id": number,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": y, "w": GRID_WIDTH, "h": 1},
            }
            number, y = number + 1, y + 1
        x = 0
        for panel in row.panels:
            place = {"x": x, "y": y, "w": panel.width, "h": row.height}
            yield _panel(panel, number, place)
            number, x = number + 1, x + panel.width
        y += row.height


def dashboard_json(board: Dashboard, links: Sequence[Json], shared: Sequence[Json]) -> Json:
    """The dashboard as Grafana imports it. shared: variables that all dashboards have."""
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.description,
        "tags": ["isnotai"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "refresh": "1m",
        "time": {"from": board.span, "to": "now"},
        "timepicker": {},
        "liveNow": False,
        "links": list(links),
        "templating": {"list": [datasource_variable(), *shared, *board.variables]},
        "annotations": {"list": list(board.annotations)},
        "panels": list(_laid_out(board.rows)),
    }
