"""The outputs are what the source makes, and hold the same rules in three forms."""

import re
from pathlib import Path
from typing import Any

import pytest

from alerts.generate.outputs import alerts, files
from exporter.metrics import catalogue
from tests.alerts.grafana import RefusedError, Rule, load, math
from tests.alerts.stories import STORIES
from tests.yaml_files import load_yaml

ALERTS = Path(__file__).resolve().parents[2] / "alerts"
RECORDED = re.compile(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+")
OURS = re.compile(r"isnotai:(?:alert_threshold|holiday)")
FORBIDDEN = ("session_id", "user_id", "userId", "user_name", "page_url", "pageUrl")


def read(name: str) -> Any:
    """One output, parsed."""
    return load_yaml((ALERTS / name).read_text())


def prometheus(name: str) -> list[dict[str, Any]]:
    """The rules of a Prometheus rule file."""
    return [rule for group in read(f"prometheus/{name}.yaml")["groups"] for rule in group["rules"]]


def grafana() -> list[dict[str, Any]]:
    """The rules of the Grafana file."""
    return [rule for group in read("grafana/alerting.yaml")["groups"] for rule in group["rules"]]


def loaded() -> list[Rule]:
    """The rules of the Grafana file, as Grafana has them once it has read it."""
    return load(read("grafana/alerting.yaml"), {})


@pytest.mark.parametrize("name", files())
def test_each_output_is_what_the_source_makes(name: str) -> None:
    assert (ALERTS / name).read_text() == files()[name]


def test_nothing_else_lies_among_the_outputs() -> None:
    found = {str(path.relative_to(ALERTS)) for path in ALERTS.rglob("*.yaml")}

    assert found == set(files())


def test_the_operators_resource_holds_the_groups_of_both_rule_files() -> None:
    resource = read("kubernetes/prometheusrule.yaml")

    groups = [
        group
        for name in ("recording", "alerts")
        for group in read(f"prometheus/{name}.yaml")["groups"]
    ]
    assert resource["kind"] == "PrometheusRule"
    assert resource["spec"]["groups"] == groups


def test_grafana_has_the_same_alerts_expressions_labels_and_waits() -> None:
    theirs = [
        (rule.title, rule.models["query"]["expr"], rule.labels, rule.hold, rule.keep)
        for rule in loaded()
    ]

    assert theirs == [
        (
            rule["alert"],
            # Without a name, by which Grafana would tell an alert from the facts of its text.
            f"(\n{rule['expr']}\n) + 0",
            rule["labels"],
            rule.get("for", "0s"),
            rule.get("keep_firing_for", "0s"),
        )
        for rule in prometheus("alerts")
    ]


def test_no_name_of_a_series_tells_what_grafana_asks_for_a_text_from_its_alert() -> None:
    """A text gets the values of those series whose labels are among the alert's: arithmetic gives
    none a name."""
    asked = [
        model["expr"] for rule in loaded() for model in rule.models.values() if "expr" in model
    ]

    assert len(asked) > 50
    assert not [expr for expr in asked if not re.fullmatch(r"\(\n.+\n\) \+ 0", expr, re.DOTALL)]


def test_grafana_tells_numbers_by_the_queries_that_it_asks() -> None:
    for rule in loaded():
        for text in rule.annotations.values():
            assert set(re.findall(r"\$values\.(\w+)", text)) <= rule.models.keys()
            assert not re.search(r"\$value\b|\bquery\b(?!\.Value)", text), text


@pytest.mark.parametrize("rule", loaded(), ids=lambda rule: rule.title)
def test_no_dollar_is_doubled_once_grafana_has_read_a_rule(rule: Rule) -> None:
    texts = (*rule.annotations.values(), *rule.labels.values(), rule.title)
    models = [str(value) for model in rule.models.values() for value in model.values()]

    assert not [text for text in (*texts, *models) if "$$" in text]


def test_a_doubled_dollar_in_a_model_is_refused_as_grafana_refuses_it() -> None:
    content = read("grafana/alerting.yaml")
    content["groups"][0]["rules"][0]["data"][1]["model"]["expression"] = "is_number($$query)"

    with pytest.raises(RefusedError, match="math"):
        load(content, {})


@pytest.mark.parametrize("text", ["", "$a +", "$a $b", "is_number $a", "sum($a)", "$a && ($b"])
def test_math_that_does_not_parse_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        math(text)


def test_math_names_the_queries_that_it_asks_for() -> None:
    assert math("is_number($a) || !(${b c} > 2 * -$d)") == {"a", "b c", "d"}


def test_each_grafana_rule_says_what_no_data_and_errors_mean() -> None:
    for rule in grafana():
        assert rule["noDataState"] == "OK"
        assert rule["execErrState"] == "Error"
        assert rule["isPaused"] is False


def test_grafana_fires_for_every_series_of_the_expression_also_for_those_at_0() -> None:
    for rule in grafana():
        query, there, firing, *_ = rule["data"]

        assert query["model"]["instant"] is True
        assert query["datasourceUid"] != "__expr__"
        is_there = "is_number($query) || is_nan($query) || is_inf($query)"
        assert there["model"]["expression"] == is_there
        assert firing["model"]["expression"] == there["refId"]
        assert firing["model"]["conditions"][0]["evaluator"] == {"type": "gt", "params": [0]}
        assert rule["condition"] == firing["refId"]


def test_grafana_uids_are_stable_unique_and_short_enough() -> None:
    uids = {rule["title"]: rule["uid"] for rule in grafana()}

    assert uids["NotAITargetDown"] == "notai-6377b9a51078"
    assert len(set(uids.values())) == len(uids)
    assert all(len(uid) <= 40 for uid in uids.values())


def test_each_alert_says_how_bad_whose_and_where_to_look() -> None:
    for rule in prometheus("alerts"):
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["labels"]["audience"] in {"operations", "security"}
        assert set(rule["annotations"]) == {
            "summary",
            "description",
            "runbook_url",
            "dashboard_url",
        }


def test_recording_rules_are_named_level_metric_operations() -> None:
    for rule in prometheus("recording"):
        known = rule["record"] == "isnotai:alert_threshold"
        assert known or RECORDED.fullmatch(rule["record"]), rule["record"]


def test_each_metric_in_a_rule_is_in_the_catalogue() -> None:
    known = {metric.exposed_name for metric in catalogue.METRICS}
    known |= {
        metric.name + suffix
        for metric in catalogue.METRICS
        if metric.kind == "histogram"
        for suffix in ("_sum", "_count", "_bucket")
    }
    recorded = {rule["record"] for rule in prometheus("recording")}
    for rule in (*prometheus("recording"), *prometheus("alerts")):
        expr = OURS.sub("", rule["expr"])
        assert set(RECORDED.findall(expr)) <= recorded
        assert set(re.findall(r"\bisnotai_\w+", RECORDED.sub("", expr))) <= known


def test_no_rule_names_a_session_or_a_user() -> None:
    for name, text in files().items():
        assert not [word for word in FORBIDDEN if word in text], name


def test_each_alert_has_cases_that_fire_that_lie_on_the_boundary_and_that_are_silent() -> None:
    assert [story.alert for story in STORIES] == [
        alert.name for alert in sorted(alerts(), key=lambda one: _place(one.name))
    ]
    for story in STORIES:
        assert {case.kind for case in story.cases} == {"fires", "boundary", "silent"}, story.alert
        for case in story.cases:
            if case.kind == "fires":
                assert any(case.at.values()), story.alert
            if case.kind == "silent":
                assert not any(case.at.values()), story.alert


def _place(name: str) -> int:
    return [story.alert for story in STORIES].index(name)


def test_what_is_recorded_each_five_minutes_is_read_over_a_window() -> None:
    """One that is late or missed would else be taken for nothing at all by what is judged each
    minute."""
    groups = [
        group
        for name in ("recording", "alerts")
        for group in read(f"prometheus/{name}.yaml")["groups"]
    ]
    slow = {
        rule["record"] for group in groups if group["interval"] == "5m" for rule in group["rules"]
    }
    bare = re.compile(rf"(?<![\w:])({'|'.join(sorted(slow))})(?![\w:])(?!(\{{[^}}]*\}})?\[)")
    found = {
        (rule.get("record") or rule["alert"], read[1])
        for group in groups
        if group["interval"] == "1m"
        for rule in group["rules"]
        for text in (rule["expr"], *rule.get("annotations", {}).values())
        for read in bare.finditer(text)
    }

    assert slow
    assert found == set()
