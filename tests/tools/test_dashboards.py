"""Each query of the dashboards, the alerts and the runbook, run by a real Prometheus.

It scrapes a daemon that reads a simulator full of faults, so that also what should stay empty in
good times has data: failures, throttling, late sessions, folded labels, what does not decode.
"""

import json
import math
import re
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dashboards.trial import history, queries
from tests.dashboards.trial.queries import Asked
from tests.dashboards.trial.stage import (
    FAULTS,
    Scrape,
    exporter,
    fetch,
    prometheus,
    wait_until,
)
from tests.ports import free_port

pytestmark = pytest.mark.tools

ROOT = Path(__file__).resolve().parents[2]
BOARDS = [json.loads(path.read_text()) for path in sorted((ROOT / "dashboards/grafana").iterdir())]
ASKED = [
    asked
    for board in BOARDS
    for asked in queries.queries_of(board)
    if not re.search(
        r"\bALERTS\{|\bjob_integration:|\bisnotai:|\bisnotai_exporter_(poller|state_losses)",
        asked.target["expr"],
    )
]
"""Without what rules make: an alert need not fire, and some records look back a day. And without
what only replicas show that share a database."""
RULE_FILES = tuple(
    ROOT / "alerts" / "prometheus" / f"{name}.yaml" for name in ("recording", "alerts")
)
GRAFANA_RULES = [
    rule
    for group in yaml.safe_load((ROOT / "alerts/grafana/alerting.yaml").read_text())["groups"]
    for rule in group["rules"]
]
GUIDES = [
    query
    for path in sorted([ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")])
    for block in re.findall(r"```promql\n(.+?)\n```", path.read_text(), flags=re.DOTALL)
    # What is indented goes on with the query before it.
    for query in re.split(r"\n(?=\S)", block)
]
"""The queries that the documents show."""
WEEK_SECONDS = 7 * 86400
COMPARED = ("isnotai_sessions_total", "isnotai_bot_sessions_total")
SCRAPED_SECONDS = 30

HAPPENED: tuple[tuple[str, dict[str, str]], ...] = (
    ("isnotai_polls_total", {"outcome": "failure"}),
    ("isnotai_api_requests_total", {"code": "429"}),
    ("isnotai_api_invalid_responses_total", {}),
    ("isnotai_api_invalid_items_total", {"resource": "sessions"}),
    ("isnotai_late_sessions_total", {}),
    ("isnotai_session_flags_total", {"flag": "other"}),
    ("isnotai_session_bot_score_count", {}),
    ("isnotai_exporter_series_dropped_total", {"family": "isnotai_session_flags"}),
    ("isnotai_exporter_otlp_exports_total", {"outcome": "failure"}),
    ("isnotai_quota_used_ratio", {}),
    ("isnotai_session_coverage_ratio", {}),
)


@dataclass(frozen=True)
class Trial:
    """A Prometheus with data. at: Unix seconds of the last scrapes."""

    url: str
    at: float


def happened(now: Scrape, name: str, labels: dict[str, str]) -> bool:
    """Whether some series of the name with these labels is above 0."""
    return any(
        value > 0 and labels.items() <= dict(pairs).items()
        for (found, pairs), value in now.items()
        if found == name
    )


@pytest.fixture(scope="module")
def trial(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A Prometheus that scraped until all that can go wrong did, with an hour of last week."""
    folder = tmp_path_factory.mktemp("trial") / "data"
    nobody = f"http://127.0.0.1:{free_port()}"
    with exporter(free_port(), nobody) as stage:
        first, began = stage.scrape(), time.time()
        wait_until("a pace to be seen", lambda: time.time() - began > 4)
        second, ended = stage.scrape(), time.time()
        last_week = history.Span(began - WEEK_SECONDS - 7200, began - WEEK_SECONDS + 600, 60)
        pace = history.Pace(first, second, ended - began, ended)
        lines = history.openmetrics(
            pace, stage.instance, [], {name: [last_week] for name in COMPARED}
        )
        history.write_blocks(tool("promtool"), lines, folder)
        with prometheus(tool("prometheus"), folder, stage.instance, RULE_FILES) as url:
            stage.set_faults(FAULTS)
            wait_until(
                f"{SCRAPED_SECONDS} scrapes",
                lambda: _scrapes(url) >= SCRAPED_SECONDS,
            )
            wait_until(
                "all faults to show",
                lambda: all(happened(stage.scrape(), *what) for what in HAPPENED),
            )
            at = time.time()
            wait_until("one more scrape", lambda: time.time() - at > 2)
            yield Trial(url, at)


def _scrapes(url: str) -> float:
    answer = queries.instant(url, "count_over_time(isnotai_up[1h])", time.time())
    return answer[0].points[0][1] if answer else 0


def answer(trial: Trial, asked: Asked) -> list[queries.Series]:
    """What the panel gets, with All chosen. All lasts a minute, so it is looked at each second."""
    expr = queries.filled_in(asked.target["expr"], "10s")
    expr = re.sub(r":[15]m\]", ":1s]", expr)
    if asked.target["instant"]:
        return queries.instant(trial.url, expr, trial.at)
    return queries.ranged(trial.url, expr, trial.at - 20, trial.at, 1)


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.title)
def test_each_panels_query_gives_numbers(trial: Trial, asked: Asked) -> None:
    values = [value for series in answer(trial, asked) for _, value in series.points]

    assert any(math.isfinite(value) for value in values), values[:5]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board["title"])
def test_each_variable_and_annotation_is_a_query_that_prometheus_knows(
    trial: Trial, board: dict[str, Any]
) -> None:
    text = json.dumps(board)
    for selector, label in re.findall(r'"definition": "label_values\((.+?), (\w+)\)"', text):
        plain = queries.filled_in(selector.replace('\\"', '"'), "10s")
        asked = urllib.parse.urlencode({"match[]": plain})
        values = json.loads(fetch(f"{trial.url}/api/v1/label/{label}/values?{asked}"))["data"]
        # Nothing here has these two labels: All is what is left to choose.
        assert bool(values) is (label not in ("cluster", "namespace")), selector
    for annotation in board["annotations"]["list"]:
        queries.instant(trial.url, queries.filled_in(annotation["expr"], "10s"), trial.at)


def formatted(trial: Trial, expr: str) -> str:
    """The expression as Prometheus itself writes it."""
    body = urllib.parse.urlencode({"query": expr}).encode()
    text: str = json.loads(fetch(f"{trial.url}/api/v1/format_query", body))["data"]
    return text


def test_grafanas_rules_run_and_are_those_that_prometheus_has_loaded(trial: Trial) -> None:
    groups = json.loads(fetch(f"{trial.url}/api/v1/rules?type=alert"))["data"]["groups"]
    loaded = {
        rule["name"]: formatted(trial, f"({rule['query']}) + 0")
        for group in groups
        for rule in group["rules"]
    }

    assert loaded == {
        rule["title"]: formatted(trial, rule["data"][0]["model"]["expr"]) for rule in GRAFANA_RULES
    }


def test_no_rule_fails_and_the_recording_rules_record(trial: Trial) -> None:
    lag = "job_instance_integration:isnotai_session_frontier_lag_seconds:max"
    wait_until(
        "the first evaluation of the groups, a minute at most",
        lambda: bool(queries.instant(trial.url, lag, time.time())),
    )

    groups = json.loads(fetch(f"{trial.url}/api/v1/rules"))["data"]["groups"]

    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["name"]: rule["lastError"] for rule in rules if "lastError" in rule} == {}
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}


@pytest.mark.parametrize("query", GUIDES)
def test_each_query_of_the_guides_runs(trial: Trial, query: str) -> None:
    queries.instant(trial.url, query, trial.at)
