"""What the panels ask, with the variables filled in as Grafana does for All, and the answers."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dashboards.generate.variables import ALL

TIMEOUT_SECONDS = 60.0


class QueryError(Exception):
    """Prometheus refused a query; the text is its own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a panel. panel, target: as in the dashboard's JSON."""

    dashboard: str
    panel: dict[str, Any]
    target: dict[str, Any]

    @property
    def title(self) -> str:
        """Where the query stands."""
        return f"{self.dashboard} / {self.panel['title']} / {self.target['refId']}"


@dataclass(frozen=True, slots=True)
class Series:
    """One line of an answer: its labels, and its points, (Unix seconds, value)."""

    labels: dict[str, str]
    points: list[tuple[float, float]]


def queries_of(dashboard: dict[str, Any]) -> Iterator[Asked]:
    """All queries of a dashboard, in the order of its panels."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield Asked(dashboard["title"], panel, target)


SCOPES = ("cluster", "namespace", "job", "instance", "integration")


def filled_in(expr: str, rate_interval: str, span: str = "1h", integration: str = ALL) -> str:
    """The query with All chosen, or one integration. span: of the dashboard, as a duration.

    Raises ValueError for a variable that is not known here.
    """
    known = {
        **dict.fromkeys(SCOPES, ALL),
        "integration": integration,
        "window": "24h",
        "__rate_interval": rate_interval,
        "__range": span,
    }
    filled = re.sub(
        r"\$(\w+)", lambda found: known.get(found[1], found[0]), expr.replace("${", "$").strip()
    )
    if "$" in filled:
        raise ValueError(f"a variable is left: {filled}")
    return filled


def instant(url: str, expr: str, at: float) -> list[Series]:
    """The answer to an instant query at Unix second `at`. Raises QueryError."""
    result = _ask(url, "query", {"query": expr, "time": str(at)})
    return [Series(one["metric"], [_point(one["value"])]) for one in result]


def ranged(url: str, expr: str, start: float, end: float, step: float) -> list[Series]:
    """The answer to a range query; times are Unix seconds. Raises QueryError."""
    times = {"start": str(start), "end": str(end), "step": str(step)}
    result = _ask(url, "query_range", {"query": expr, **times})
    return [Series(one["metric"], [_point(it) for it in one["values"]]) for one in result]


def _point(pair: list[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def _ask(url: str, path: str, parameters: dict[str, str]) -> list[dict[str, Any]]:
    body = urllib.parse.urlencode(parameters).encode()
    request = urllib.request.Request(f"{url}/api/v1/{path}", data=body)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - as above
            data = json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        with error:
            raise QueryError(json.load(error)["error"]) from None
    result: list[dict[str, Any]] = data["result"]
    return result
