"""The dashboards are what the code makes, and keep the rules that their readers rely on.

The rules on variables, selectors, ranges and units are those of grafana/dashboard-linter.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.generate.model import RUNBOOKS
from alerts.generate.outputs import alerts
from alerts.generate.series import SITE
from dashboards.generate.boards import files, resources
from dashboards.generate.reading import VENDOR
from exporter.collect import registry
from exporter.metrics import catalogue
from tests.yaml_files import load_yaml

FOLDER = Path(__file__).resolve().parents[2] / "dashboards" / "grafana"
RECORDING = FOLDER.parents[1] / "alerts" / "prometheus" / "recording.yaml"
RESOURCES = FOLDER.with_name("grafana-v2")
NAMES = sorted(files())
UNITS = {
    *("none", "short", "locale", "percentunit", "s", "bytes", "reqpm"),
    *("dateTimeFromNow", "bool_yes_no"),
}
PROCESS_METRICS = {
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "process_start_time_seconds",
}
SELECTOR = re.compile(r"(?<!:)\b((?:isnotai|process|python)_\w+)(\{[^}]*\})?")
GRAFANAS_OWN = {
    *("__rate_interval", "__range", "__all", "__url_time_range", "__value", "__field", "__data"),
}
COLOURS = {
    *("#56B4E9", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#F0E442", "#0072B2", "#999999"),
    *("#A6761D", "#DDDDDD", "#8A7BD8"),
}


def board(name: str) -> dict[str, Any]:
    """A dashboard as it lies in the repository."""
    content: dict[str, Any] = json.loads((FOLDER / name).read_text())
    return content


def panels(name: str) -> list[dict[str, Any]]:
    """Its panels, without the headings of rows."""
    return [panel for panel in board(name)["panels"] if panel["type"] not in ("row", "text")]


def titled(name: str, title: str) -> dict[str, Any]:
    """The one panel of that title."""
    (found,) = (one for one in panels(name) if one["title"] == title)
    return found


def expressions(name: str) -> Iterator[str]:
    """All its queries, those of annotations too."""
    for panel in panels(name):
        yield from (target["expr"] for target in panel["targets"])
    yield from (annotation["expr"] for annotation in board(name)["annotations"]["list"])


def known_names() -> set[str]:
    """The names that a query may use."""
    names = {metric.exposed_name for metric in catalogue.METRICS}
    for metric in catalogue.METRICS:
        if metric.kind == "histogram":
            names |= {metric.name + suffix for suffix in ("_bucket", "_sum", "_count")}
    return names | PROCESS_METRICS


def test_the_files_are_what_the_code_makes() -> None:
    assert {path.name: path.read_text() for path in FOLDER.iterdir()} == files()
    assert {path.name: path.read_text() for path in RESOURCES.iterdir()} == resources()


@pytest.mark.parametrize("name", NAMES)
def test_each_metric_named_is_in_the_catalogue(name: str) -> None:
    text = (FOLDER / name).read_text()

    assert set(re.findall(r"(?<!:)\bisnotai_\w+", text)) <= known_names()


def test_each_metric_of_the_catalogue_is_on_some_panel() -> None:
    shown = {
        metric
        for name in NAMES
        for expr in expressions(name)
        for metric, _ in SELECTOR.findall(expr)
    }
    shown |= {re.sub(r"_(bucket|sum|count)$", "", metric) for metric in shown}

    assert {metric.exposed_name for metric in catalogue.METRICS} <= shown


@pytest.mark.parametrize("name", NAMES)
def test_each_selector_has_the_dashboards_variables(name: str) -> None:
    own = {metric.exposed_name for metric in catalogue.METRICS if not metric.per_integration}
    for expr in expressions(name):
        for metric, matchers in SELECTOR.findall(expr):
            for name_of in ("cluster", "namespace", "job", "instance"):
                assert f'{name_of}=~"${name_of}"' in matchers, expr
            if metric not in own | PROCESS_METRICS:
                assert 'integration=~"$integration"' in matchers, expr


@pytest.mark.parametrize("name", NAMES)
def test_rates_take_the_scrape_interval_into_account_and_counters_are_rated(name: str) -> None:
    for expr in expressions(name):
        for function, span in re.findall(r"\b(i?rate)\([^()]*\[([^\]]+)\]", expr):
            assert span == "$__rate_interval", (function, expr)
        for counter in re.finditer(r"\b\w+_total\{[^}]*\}(\[?)", expr):
            before = expr[: counter.start()]
            joined = r"\bincrease\(max by \([\w, ]+\) \(max_over_time\($"
            assert re.search(rf"\b(rate|increase)\($|{joined}", before), expr
            assert counter[1] == "[", expr


@pytest.mark.parametrize("name", NAMES)
def test_nothing_hides_an_empty_answer(name: str) -> None:
    for expr in expressions(name):
        assert "vector(" not in expr


@pytest.mark.parametrize("name", NAMES)
def test_each_panel_says_how_to_read_it(name: str) -> None:
    titles = [panel["title"] for panel in panels(name)]

    assert len(set(titles)) == len(titles)
    for panel in panels(name):
        assert panel["title"]
        assert len(panel["description"].split()) >= 6, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["targets"], panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)


def test_panels_on_scores_and_bots_say_that_a_high_score_means_bot() -> None:
    for panel in panels("notai-security.json"):
        about = {
            metric
            for target in panel["targets"]
            for metric, _ in SELECTOR.findall(target["expr"])
            if "bot_score" in metric
        }
        if about and panel["type"] in {"heatmap", "stat", "timeseries"}:
            score_panel = "scores" in panel["title"].lower() or "Score" in panel["title"]
            assert "high score means bot" in panel["description"].lower() or not score_panel
    assert "high score means bot" in board("notai-security.json")["description"].lower()


@pytest.mark.parametrize("name", NAMES)
def test_the_variables_are_those_that_a_user_expects(name: str) -> None:
    variables = {variable["name"]: variable for variable in board(name)["templating"]["list"]}

    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    assert variables["datasource"]["label"] == "Data source"
    for label in ("cluster", "namespace", "job", "instance", "integration"):
        variable = variables[label]
        assert variable["multi"] is True
        assert variable["includeAll"] is True
        # dashboard-linter wants ".+"; but a backfilled series has no job, many have no cluster.
        assert variable["allValue"] == ".*"
        assert variable["label"] == label.title()
        assert variable["refresh"] == 2
        assert variable["datasource"]["uid"] == "${datasource}"
        assert re.fullmatch(rf"label_values\(.+, {label}\)", variable["definition"])
    used = set(re.findall(r"\$\{?(\w+)", (FOLDER / name).read_text()))
    assert used - GRAFANAS_OWN == set(variables)


@pytest.mark.parametrize("name", NAMES)
def test_the_panels_lie_on_the_grid_and_none_on_another(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board(name)["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not taken & cells, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in board(name)["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", NAMES)
def test_uid_schema_and_links_are_fixed(name: str) -> None:
    content = board(name)
    others = {f"/d/{path.removesuffix('.json')}" for path in NAMES if path != name}

    assert f"{content['uid']}.json" == name
    assert content["schemaVersion"] >= 42
    assert content["editable"] is False
    assert "id" not in content
    assert {link["url"] for link in content["links"]} == {*others, VENDOR, RUNBOOKS}
    for link in content["links"]:
        assert link["includeVars"] is link["url"].startswith("/d/")


def test_alerts_link_to_dashboards_that_exist() -> None:
    assert {f"{alert.dashboard}.json" for alert in alerts()} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_only_colours_that_the_colour_blind_can_tell_apart_are_fixed(name: str) -> None:
    assert set(re.findall(r"#[0-9A-Fa-f]{6}", (FOLDER / name).read_text())) <= COLOURS


@pytest.mark.parametrize("name", NAMES)
def test_no_panel_names_a_session_or_a_user(name: str) -> None:
    text = (FOLDER / name).read_text()

    for word in ("session_id", "sessionId", "userId", "user_id", "userName", "pageUrl"):
        assert word not in text


@pytest.mark.parametrize("name", NAMES)
def test_account_level_gauges_are_not_summed_over_the_exporters_that_share_a_key(name: str) -> None:
    account = ("isnotai_analytics", "isnotai_usage", "isnotai_quota", "isnotai_stats")
    ledger = ("isnotai_sessions", "isnotai_bot_session", "isnotai_session_flags")
    matched = rf"on \({SITE}, metric\) $"
    for expr in expressions(name):
        for found in re.finditer(r"\b(isnotai_\w+)\{", expr):
            if found[1].startswith((*account, *ledger)):
                before = expr[: found.start()]
                grouped = r"(max|min|sum) by \([\w, ]+\) \((\w+\()?\(*$"
                assert re.search(f"{grouped}|{matched}", before), expr


LEDGER = (
    r"\b(?:isnotai_(?:bot_)?sessions_total|isnotai_(?:bot_)?session_flags_total"
    r"|isnotai_session_bot_score_\w+|isnotai_late_sessions_total|isnotai_session_gap_seconds_total"
    r"|isnotai_place_(?:bot_)?sessions_total|isnotai_bot_session_duration_seconds_\w+"
    r"|isnotai_session_frontier_step_backs_total)"
)


@pytest.mark.parametrize("name", NAMES)
def test_the_ledgers_counters_are_joined_over_a_sites_exporters_before_they_are_rated(
    name: str,
) -> None:
    joined = (
        r"increase\(max by \(cluster, namespace, job, integration(?:, \w+)*\) "
        rf"\(max_over_time\({LEDGER}\{{[^}}]*\}}\[2m\]\)\)\[(?:10m|1h|\$__range):[15]m\]"
    )
    for expr in expressions(name):
        assert len(re.findall(LEDGER, expr)) == len(re.findall(joined, expr)), expr


@pytest.mark.parametrize("name", NAMES)
def test_an_age_of_the_frontier_goes_by_the_apis_clock(name: str) -> None:
    for expr in expressions(name):
        ages = re.findall(r"time\(\) - isnotai_session_frontier_timestamp_seconds", expr)
        right = re.findall(
            r"\(time\(\) - isnotai_session_frontier_timestamp_seconds\{[^}]*\} \+ "
            r"isnotai_api_clock_skew_seconds\{[^}]*\} or time\(\) - ",
            expr,
        )
        assert len(ages) == 2 * len(right), expr


@pytest.mark.parametrize("name", NAMES)
def test_other_programs_processes_are_left_out(name: str) -> None:
    for expr in expressions(name):
        for found in re.finditer(r"\bprocess_\w+\{[^}]*\}", expr):
            rest = expr[found.end() :]
            among_exporters = re.search(r"and on \([\w, ]+\) isnotai_exporter_build_info", rest)
            times = "isnotai_exporter_build_info" in expr[: found.start()]
            assert among_exporters or times, expr


@pytest.mark.parametrize("name", NAMES)
def test_fixed_colours_are_for_lines_whose_name_is_fixed(name: str) -> None:
    for panel in panels(name):
        for override in panel["fieldConfig"]["overrides"]:
            assert "{{" not in override["matcher"]["options"], panel["title"]


@pytest.mark.parametrize(
    ("name", "title", "values"),
    [
        ("notai-exporter.json", "Polls", registry.NAMES),
        ("notai-exporter.json", "Failed and skipped polls", registry.NAMES),
        ("notai-exporter.json", "OTLP exports", catalogue.OUTCOMES),
        ("notai-usage.json", "Today", catalogue.USAGE_METRICS),
        ("notai-usage.json", "Requests by code", ("200", "429", "500", "timeout", "connection")),
    ],
)
def test_each_known_value_of_a_label_has_a_colour_of_its_own(
    name: str, title: str, values: tuple[str, ...]
) -> None:
    colours = {
        override["matcher"]["options"]: one["value"]["fixedColor"]
        for override in titled(name, title)["fieldConfig"]["overrides"]
        for one in override["properties"]
        if one["id"] == "color"
    }

    assert set(values) <= set(colours)
    assert len({colours[value] for value in values}) == len(values)


def test_a_known_value_has_the_same_colour_on_all_panels() -> None:
    colours: dict[str, set[str]] = {}
    for name in NAMES:
        for one in panels(name):
            if one["type"] != "timeseries":
                continue
            for override in one["fieldConfig"]["overrides"]:
                value = override["matcher"]["options"]
                if value in registry.NAMES and "{{resource}}" in str(one["targets"]):
                    colours.setdefault(value, set()).add(str(override["properties"]))

    assert set(colours) == set(registry.NAMES)
    assert {len(found) for found in colours.values()} == {1}


def test_a_budget_is_each_exporters_own_and_is_summed() -> None:
    found = 0
    for expr in expressions("notai-usage.json"):
        for budget in re.finditer(r"isnotai_api_budget_requests", expr):
            assert expr[: budget.start()].endswith("sum ("), expr
            found += 1

    assert found == 2


def test_quantiles_of_scores_have_no_gaps_at_less_than_a_session_a_minute() -> None:
    targets = titled("notai-security.json", "Score quantiles and mean")["targets"]

    assert len(targets) == 4
    for target in targets:
        spans = re.findall(r"_(?:bucket|sum|count)\{[^}]*\}\[([^\]]+)\]", target["expr"])
        assert set(spans) == {"2m"}, target["expr"]
        assert re.search(r"\[1h:[15]m\]", target["expr"])


@pytest.mark.parametrize("name", NAMES)
def test_fifty_integrations_draw_ten_lines(name: str) -> None:
    for one in panels(name):
        for target in one["targets"]:
            if one["type"] == "timeseries" and "{{integration}}" in target["legendFormat"]:
                assert re.search(r"\b(topk|bottomk)\(10, ", target["expr"]), one["title"]
                assert "ten" in one["description"], one["title"]


@pytest.mark.parametrize("name", NAMES)
def test_each_panel_says_why_it_is_empty(name: str) -> None:
    for one in panels(name):
        assert len(one["fieldConfig"]["defaults"].get("noValue", "").split()) >= 1, one["title"]


def test_a_limit_that_is_not_set_is_called_so() -> None:
    about_limits = [
        one
        for one in panels("notai-usage.json")
        if any("isnotai_quota" in target["expr"] for target in one["targets"])
    ]

    assert len(about_limits) == 5
    for one in about_limits:
        assert one["fieldConfig"]["defaults"]["noValue"].startswith("no limit set"), one["title"]


def test_bytes_are_shown_as_bytes_and_never_beside_counts() -> None:
    for one in panels("notai-usage.json"):
        units = {one["fieldConfig"]["defaults"]["unit"]}
        for target in one["targets"]:
            metrics = re.findall(r"(isnotai_usage|isnotai_quota_limit)\{([^}]*)\}", target["expr"])
            if units == {"short"} and one["type"] == "timeseries":
                assert all('metric!="storage_bytes"' in inside for _, inside in metrics)


def test_what_is_shown_during_a_wave_is_on_the_first_board() -> None:
    queries = {one["title"]: one["targets"][0]["expr"] for one in panels("notai-security.json")}

    assert "[10m:1m]" in queries["Bots in ten minutes, by integration"]
    assert queries["Most affected, last hour"].startswith(f"topk(1, sum by ({SITE})")
    assert "$__range" in queries["Bots, selected range"]
    assert "isnotai_bot_session_flags_total" in queries["Flags of bots, an hour"]
    assert "ALERTS{" in queries["Alerts"]
    named = {one["name"] for one in board("notai-security.json")["annotations"]["list"]}
    assert named == {"Alerts", "Restarts", "Catching up"}
    (words,) = (
        panel["options"]["content"]
        for panel in board("notai-security.json")["panels"]
        if panel["type"] == "text"
    )
    assert "isnotai-exporter sessions --bot-only --since 1h" in words
    assert VENDOR in words
    assert RUNBOOKS in words


def test_the_clock_skew_keeps_its_sign_among_the_ten_largest_either_way() -> None:
    (target,) = titled("notai-exporter.json", "Clock skew")["targets"]

    assert re.match(rf"max by \({SITE}, instance\) \(.+\) and topk\(10, abs\(", target["expr"])


def test_what_the_rules_record_is_called_as_they_call_it() -> None:
    recorded = {
        rule["record"]
        for group in load_yaml(RECORDING.read_text())["groups"]
        for rule in group["rules"]
    }
    asked = {
        name
        for board_name in NAMES
        for expr in expressions(board_name)
        for name in re.findall(r"\b(?:job_\w+|isnotai):[\w:]+", expr)
    }

    assert len(asked) >= 4
    assert asked <= recorded
