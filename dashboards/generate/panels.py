"""What the dashboards are made of: queries, panels, rows, and the kinds of panels that they use.

Colours are Okabe and Ito's, which the colour-blind can tell apart, in shades that read on a dark
page. Knows no metric, and makes no JSON of a whole dashboard: that is `grafana`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}

BLUE, ORANGE, GREEN = "#56B4E9", "#E69F00", "#009E73"
VERMILLION, PURPLE, YELLOW = "#D55E00", "#CC79A7", "#F0E442"
COUNT = "locale"
"""Grafana's unit for numbers in full, 1,757: what is counted is not to be rounded to 2 K."""

DARK_BLUE, GREY = "#0072B2", "#999999"
BROWN, PALE, VIOLET = "#A6761D", "#DDDDDD", "#8A7BD8"
PALETTE = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, YELLOW, GREY)
LONG_PALETTE = (*PALETTE, DARK_BLUE, BROWN, PALE, VIOLET)
"""For labels with more values than the palette has colours."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel. name: of its line, may hold `{{label}}`. colour: of that line.

    table, heatmap: the form in which the panel wants the result.
    """

    expr: str
    name: str = ""
    colour: str = ""
    instant: bool = False
    form: str = "time_series"
    dashed: bool = False
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. description: how to read it. width: of the 24 columns of the grid.

    steps: (value, colour) from which the colour holds, ascending; the first has no lower end.
    empty: what the panel says where its queries give nothing.
    links: where a click on a value leads.
    """

    kind: str
    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    width: int
    options: Json = field(default_factory=dict)
    custom: Json = field(default_factory=dict)
    steps: tuple[tuple[float | None, str], ...] = ((None, BLUE),)
    overrides: tuple[Json, ...] = ()
    transformations: tuple[Json, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None
    mappings: tuple[Json, ...] = ()
    empty: str = ""
    links: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A heading, and the panels below it, side by side, each as high.

    needs: a metric without which the row is not shown, where Grafana can hide rows (schema v2).
    """

    title: str
    height: int
    panels: tuple[Panel, ...]
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A whole dashboard. variables: besides those that all have."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Json, ...] = ()
    annotations: tuple[Json, ...] = ()
    span: str = "now-24h"


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 12,
    stacked: bool = False,
    log: bool = False,
    steps_drawn: bool = False,
    **more: Any,
) -> Panel:
    """Values over time. log: on a logarithmic axis, for values of very different sizes.

    steps_drawn: the steps of colour are drawn as lines across the panel. Where labels name the
    lines there may be many: their names stand beside the picture, with the newest values; below
    it, where they would be cropped there.
    """
    custom = {
        "drawStyle": "line",
        "lineWidth": 1 if stacked else 2,
        "fillOpacity": 40 if stacked else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"},
    }
    if steps_drawn:
        custom["thresholdsStyle"] = {"mode": "dashed"}
    named_by = max(query.name.count("{{") for query in queries)
    many = named_by > 0
    beside = many and named_by <= 4 and width >= 8
    options = {
        "legend": {
            "displayMode": "table" if beside else "list",
            "placement": "right" if beside else "bottom",
            "showLegend": True,
            "calcs": ["lastNotNull"] if many else [],
            **({"sortBy": "Last *", "sortDesc": True} if many else {}),
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    more.setdefault("minimum", None if log else 0)
    return Panel("timeseries", title, description, unit, queries, width, options, custom, **more)


def stat(
    title: str,
    description: str,
    unit: str,
    expr: str,
    *,
    width: int = 4,
    name: str = "",
    instant: bool = False,
    **more: Any,
) -> Panel:
    """One number, large, with its course behind it. name: what stands above the number, of a label.

    instant: only what is now; for what is too costly over time, or whose name changes.
    """
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none" if instant else "area",
        "textMode": "value_and_name" if name else "value",
        "justifyMode": "auto",
        "orientation": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }
    query = Query(expr, name, instant=instant)
    return Panel("stat", title, description, unit, (query,), width, options, **more)


def text(title: str, description: str, content: str, *, width: int) -> Panel:
    """Markdown."""
    options = {
        "mode": "markdown",
        "content": content,
        "code": {"language": "plaintext", "showLineNumbers": False, "showMiniMap": False},
    }
    return Panel("text", title, description, "none", (), width, options)


def bars(
    title: str, description: str, unit: str, *queries: Query, width: int = 8, **more: Any
) -> Panel:
    """The newest values as bars, the longest first."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "text",
        "namePlacement": "left",
        "sizing": "auto",
        "minVizHeight": 16,
        "maxVizHeight": 40,
    }
    more.setdefault("minimum", 0)
    return Panel("bargauge", title, description, unit, queries, width, options, **more)


def heatmap(
    title: str, description: str, unit: str, expr: str, *, width: int = 12, empty: str = ""
) -> Panel:
    """A histogram over time; each cell is the colour of its share."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {
            "mode": "scheme",
            "scheme": "Cividis",
            "fill": GREY,
            "scale": "exponential",
            "exponent": 0.5,
            "steps": 64,
            "reverse": False,
        },
        "exemplars": {"color": VERMILLION},
        "showValue": "never",
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": "none"},
        "rowsFrame": {"layout": "le"},
        "tooltip": {"mode": "single", "yHistogram": True, "showColorScale": True},
        "legend": {"show": True},
        "cellValues": {"unit": unit, "decimals": 0},
    }
    query = Query(expr, "{{le}}", form="heatmap", exemplars=True)
    return Panel("heatmap", title, description, unit, (query,), width, options, empty=empty)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: a heading, the query that fills it, its unit, and how it is painted."""

    title: str
    expr: str
    unit: str = COUNT
    steps: tuple[tuple[float | None, str], ...] = ()
    decimals: int | None = None
    mappings: tuple[Json, ...] = ()


_EMPTY_LABELS: Json = {
    "matcher": {"id": "byType", "options": "string"},
    "properties": [{"id": "noValue", "value": ""}],
}
"""A row without a label has an empty cell. Grafana would write the words for an empty table there,
and into the links that take the cell's text."""


def table(
    title: str,
    description: str,
    labels: Sequence[tuple[str, str]],
    *columns: Column,
    width: int = 24,
    sort_by: str = "",
    empty: str = "",
    cell_links: Mapping[str, Sequence[Json]] | None = None,
) -> Panel:
    """The newest values, one row per set of labels. labels: (label, its heading), in order.

    cell_links: by a column's heading, where a click on one of its cells leads.
    """
    queries = tuple(Query(column.expr, instant=True, form="table") for column in columns)
    single = len(columns) == 1
    names = {f"Value #{ref(at)}": column.title for at, column in enumerate(columns)}
    if single:
        names = {"Value": columns[0].title}
    order = [*(label for label, _ in labels), *names]
    merge: Json = {
        "id": "joinByField" if len(labels) == 1 else "merge",
        "options": {"byField": labels[0][0], "mode": "outer"} if len(labels) == 1 else {},
    }
    tidy: Json = {
        "id": "organize",
        "options": {
            "excludeByName": {
                "Time": True,
                **{f"Time {at + 1}": True for at in range(len(columns))},
                "__name__": True,
            },
            "indexByName": {name: at for at, name in enumerate(order)},
            "renameByName": {**dict(labels), **names},
        },
    }
    options: Json = {"showHeader": True, "cellHeight": "sm"}
    if sort_by:
        options["sortBy"] = [{"displayName": sort_by, "desc": True}]
    return Panel(
        "table",
        title,
        description,
        "short",
        queries,
        width,
        options,
        {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False},
        overrides=(
            _EMPTY_LABELS,
            *(_column_override(column) for column in columns),
            *(_links_override(heading, links) for heading, links in (cell_links or {}).items()),
        ),
        empty=empty,
        transformations=(tidy,) if single else (merge, tidy),
    )


def _column_override(column: Column) -> Json:
    properties: list[Json] = [{"id": "unit", "value": column.unit}]
    if column.decimals is not None:
        properties.append({"id": "decimals", "value": column.decimals})
    if column.steps:
        properties.append({"id": "thresholds", "value": thresholds(column.steps)})
        properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
    if column.mappings:
        properties.append({"id": "mappings", "value": list(column.mappings)})
        properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
    return {"matcher": {"id": "byName", "options": column.title}, "properties": properties}


def _links_override(heading: str, links: Sequence[Json]) -> Json:
    return {
        "matcher": {"id": "byName", "options": heading},
        "properties": [{"id": "links", "value": list(links)}],
    }


def link(title: str, url: str, *, new_tab: bool = False) -> Json:
    """Where a click on a value leads. url: may hold Grafana's `${__value.raw}` and its like."""
    return {"title": title, "url": url, "targetBlank": new_tab}


def ref(at: int) -> str:
    """The refId of a panel's query: A, B, C."""
    return chr(ord("A") + at)


def words(*pairs: tuple[int, str, str]) -> tuple[Json, ...]:
    """Words and colours in place of values: (value, word, colour)."""
    options = {
        str(value): {"text": text, "color": colour, "index": at}
        for at, (value, text, colour) in enumerate(pairs)
    }
    return ({"type": "value", "options": options},)


def thresholds(steps: Sequence[tuple[float | None, str]]) -> Json:
    """The steps as Grafana has them: (value, colour) from which the colour holds."""
    return {
        "mode": "absolute",
        "steps": [{"value": value, "color": colour} for value, colour in steps],
    }
