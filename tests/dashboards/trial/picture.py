"""What a preview draws: each panel with its place on the grid and the results of its queries.

The content is plain JSON for previews/draw.js. It is no Grafana: it draws what the queries gave, in
the panels' colours, units and names, and nothing else. Tables are transformed, and numbers written,
by Grafana's own code.
"""

import math
import re
from typing import Any

from dashboards.generate.panels import PALETTE, Json
from tests.dashboards.trial import grafana, queries
from tests.dashboards.trial.queries import Series

SPAN_SECONDS = 86_400
STEP_SECONDS = 300
RATE_INTERVAL = "5m"


def page_of(dashboard: Json, url: str, at: float) -> Json:
    """The dashboard with its numbers, as Prometheus at `url` gives them for the day before `at`."""
    return {
        "title": dashboard["title"],
        "links": [link["title"] for link in dashboard["links"]],
        "at": at,
        "variables": [
            {"label": variable["label"], "value": _text(variable["current"]["text"])}
            for variable in dashboard["templating"]["list"]
        ],
        "panels": [_panel(panel, url, at) for panel in dashboard["panels"]],
    }


def _text(text: str | list[str]) -> str:
    return text if isinstance(text, str) else ", ".join(text)


def _panel(panel: Json, url: str, at: float) -> Json:
    common: Json = {"kind": panel["type"], "title": panel["title"], "place": panel["gridPos"]}
    if panel["type"] == "row":
        return common
    if panel["type"] == "text":
        return common | {"content": panel["options"]["content"]}
    defaults = panel["fieldConfig"]["defaults"]
    common |= {
        "unit": defaults["unit"],
        "empty": defaults["noValue"],
        "decimals": defaults.get("decimals"),
        "min": defaults.get("min"),
        "max": defaults.get("max"),
        "steps": defaults["thresholds"]["steps"],
    }
    match panel["type"]:
        case "timeseries":
            return common | _lines(panel, url, at)
        case "stat":
            return common | _stat(panel, url, at)
        case "bargauge":
            (target,) = panel["targets"]
            answer = queries.instant(url, _filled(target), at)
            bars = [{"name": _name(target, it), "value": it.points[0][1]} for it in answer]
            return common | {"bars": bars}
        case "heatmap":
            return common | _heatmap(panel, url, at)
        case "table":
            return common | _table(panel, url, at)
    raise ValueError(f"no such panel: {panel['type']}")


def _filled(target: Json) -> str:
    return queries.filled_in(target["expr"], RATE_INTERVAL, f"{SPAN_SECONDS}s")


def _ranged(target: Json, url: str, at: float) -> list[Series]:
    return queries.ranged(url, _filled(target), at - SPAN_SECONDS, at, STEP_SECONDS)


def _times(at: float) -> list[float]:
    return [at - SPAN_SECONDS + n * STEP_SECONDS for n in range(SPAN_SECONDS // STEP_SECONDS + 1)]


def _course(series: Series, at: float) -> list[float | None]:
    """The values at each step; None where there is none."""
    known = {round(when): value for when, value in series.points if math.isfinite(value)}
    return [known.get(round(when)) for when in _times(at)]


def _name(target: Json, series: Series) -> str:
    """The legend, `{{label}}` filled in."""
    template = target["legendFormat"]
    if template == "__auto":
        return ""
    return re.sub(r"{{(\w+)}}", lambda found: series.labels.get(found[1], ""), template)


def _overrides(panel: Json, name: str) -> dict[str, Any]:
    return {
        change["id"]: change["value"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["options"] == name
        for change in override["properties"]
    }


def _lines(panel: Json, url: str, at: float) -> Json:
    lines: list[Json] = []
    for target in panel["targets"]:
        for series in sorted(_ranged(target, url, at), key=lambda one: _name(target, one)):
            name = _name(target, series)
            changes = _overrides(panel, name)
            colour = changes.get("color", {}).get("fixedColor", PALETTE[len(lines) % len(PALETTE)])
            lines.append(
                {
                    "name": name,
                    "colour": colour,
                    "dashed": "custom.lineStyle" in changes,
                    "values": _course(series, at),
                }
            )
    lines = [line for line in lines if any(value is not None for value in line["values"])]
    custom = panel["fieldConfig"]["defaults"]["custom"]
    return {
        "times": _times(at),
        "lines": lines,
        "stacked": custom["stacking"]["mode"] == "normal",
        "log": custom["scaleDistribution"]["type"] == "log",
        "beside": panel["options"]["legend"]["placement"] == "right",
        "drawn": "thresholdsStyle" in custom,
    }


def _stat(panel: Json, url: str, at: float) -> Json:
    (target,) = panel["targets"]
    if target["instant"]:
        answer = queries.instant(url, _filled(target), at)
    else:
        answer = _ranged(target, url, at)
    known = [
        (series, series.points[-1][1]) for series in answer if math.isfinite(series.points[-1][1])
    ]
    if not known:
        return {"value": None}
    series, value = known[0]
    words = {
        value: option
        for mapping in panel["fieldConfig"]["defaults"]["mappings"]
        for value, option in mapping["options"].items()
    }
    word = words.get(f"{value:g}", {})
    return {
        "value": value,
        "name": _name(target, series),
        "course": [] if target["instant"] else _course(series, at),
        "text": word.get("text"),
        "colour": word.get("color"),
    }


def _heatmap(panel: Json, url: str, at: float) -> Json:
    """Rows from low to high: the upper bounds, and what lies between each and the one below."""
    (target,) = panel["targets"]
    by_bound = sorted(_ranged(target, url, at), key=lambda one: float(one.labels["le"]))
    rows, below = [], [0.0] * len(_times(at))
    for series in by_bound:
        cumulated = [value or 0.0 for value in _course(series, at)]
        rows.append([max(0.0, high - low) for high, low in zip(cumulated, below, strict=True)])
        below = cumulated
    return {"times": _times(at), "bounds": [one.labels["le"] for one in by_bound], "rows": rows}


def _table(panel: Json, url: str, at: float) -> Json:
    """The table as Grafana's own code transforms it."""
    answers = [
        (target["refId"], queries.instant(url, _filled(target), at)) for target in panel["targets"]
    ]
    if not any(series for _, series in answers):
        return {"columns": [], "rows": []}
    request = {"transformations": panel["transformations"], "frames": grafana.frames(answers)}
    ((frame,),) = grafana.ask(tables=[request])["tables"]
    columns = []
    for column in frame:
        changes = _overrides(panel, column["name"])
        columns.append(
            {
                "title": column["name"],
                "unit": changes.get("unit"),
                "decimals": changes.get("decimals"),
                "steps": changes.get("thresholds", {}).get("steps"),
                "words": {
                    value: option
                    for mapping in changes.get("mappings", ())
                    for value, option in mapping["options"].items()
                },
                "links": bool(changes.get("links")),
            }
        )
    content = [list(row) for row in zip(*(column["values"] for column in frame), strict=True)]
    for one in panel["options"].get("sortBy", ()):
        place = [column["title"] for column in columns].index(one["displayName"])
        content.sort(key=lambda row: -(row[place] or 0))
    return {"columns": columns, "rows": content}
