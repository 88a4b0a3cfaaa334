"""The rules, dashboards and Grafana alerts that the chart brings, by the real Helm."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tools.chart import CHART, MINIMUM, ChartRefusedError, Helm, Manifest, of_kind

pytestmark = pytest.mark.tools

#: Where the project keeps what its alerts link to.
RUNBOOKS = "https://github.com/isnotai-exporter/isnotai-exporter/blob/main/docs/runbooks/"
#: What each section wants besides its own switch, to have alerts.
SWITCHES = {
    "prometheusRule": "prometheusRule.enabled=true",
    "grafanaAlerts": (
        "grafanaAlerts.enabled=true,prometheusRule.enabled=true,prometheusRule.alerts.enabled=false"
    ),
}
SERIES = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")


def value_set(name: str) -> Path:
    return CHART / "ci" / f"{name}-values.yaml"


def annotations_of_rules(manifests: list[Manifest]) -> list[dict[str, str]]:
    """The annotations of each alert of the PrometheusRule."""
    return [rule["annotations"] for rule in rules_of(manifests) if "alert" in rule]


def annotations_of_grafana_alerts(manifests: list[Manifest]) -> list[dict[str, str]]:
    """The annotations of each of Grafana's own alerts."""
    return [rule["annotations"] for rule in grafana_rules(manifests)]


def rule_files() -> list[dict[str, Any]]:
    """The project's rules, as the chart carries them."""
    return [
        rule
        for path in (CHART / "files/alerts").glob("*.yaml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


def recorded() -> set[str]:
    return {rule["record"] for rule in rule_files() if "record" in rule}


def grafana_rules(manifests: list[Manifest]) -> list[dict[str, Any]]:
    """Grafana's own alerts."""
    (alerts,) = [one for one in manifests if "grafana_alert" in one["metadata"]["labels"]]
    (text,) = alerts["data"].values()
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def rules_of(manifests: list[Manifest]) -> list[dict[str, Any]]:
    groups = of_kind(manifests, "PrometheusRule")["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def reads(expression: str) -> set[str]:
    """The recorded series in an expression."""
    return set(SERIES.findall(expression)) & recorded()


@pytest.mark.parametrize("section", SWITCHES)
def test_every_alert_that_is_made_reads_only_what_is_recorded(helm: Helm, section: str) -> None:
    manifests = helm.template(*MINIMUM, "--set", SWITCHES[section])
    made = {rule["record"] for rule in rules_of(manifests) if "record" in rule}
    if section == "grafanaAlerts":
        expressions = [
            query["model"].get("expr", "")
            for rule in grafana_rules(manifests)
            for query in rule["data"]
        ]
        assert not [rule for rule in rules_of(manifests) if "alert" in rule]
    else:
        expressions = [rule["expr"] for rule in rules_of(manifests) if "alert" in rule]

    wanted = set().union(*map(reads, expressions))

    assert wanted
    assert wanted <= made


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("grafanaAlerts.enabled=true", "grafanaAlerts: "),
        (
            "prometheusRule.enabled=true,prometheusRule.recordingRules.enabled=false",
            "Rule.alerts: ",
        ),
        (
            f"{SWITCHES['grafanaAlerts']},prometheusRule.recordingRules.enabled=false",
            "grafanaAlerts: ",
        ),
    ],
)
def test_alerts_that_could_never_fire_are_refused_by_name(
    helm: Helm, settings: str, said: str
) -> None:
    with pytest.raises(ChartRefusedError) as refusal:
        helm.template(*MINIMUM, "--set", settings)

    (line,) = [line for line in str(refusal.value).splitlines() if said in line]
    readers = {rule["alert"] for rule in rule_files() if "alert" in rule and reads(rule["expr"])}
    assert readers
    assert {name for name in readers if name in line} == readers
    assert "would never fire" in line
    assert "set prometheusRule.enabled and prometheusRule.recordingRules.enabled" in line
    # Where something else records them, that can be said.
    elsewhere = f"{settings},prometheusRule.recordingRules.elsewhere=true"
    assert helm.template(*MINIMUM, "--set", elsewhere)


def test_a_recording_rule_that_an_alert_reads_cannot_be_left_out(helm: Helm) -> None:
    alert = next(rule for rule in rule_files() if "alert" in rule and reads(rule["expr"]))
    series = next(iter(reads(alert["expr"])))
    settings = f"prometheusRule.enabled=true,prometheusRule.disabled={{{series}}}"

    with pytest.raises(ChartRefusedError) as refusal:
        helm.template(*MINIMUM, "--set", settings)

    assert alert["alert"] in str(refusal.value)
    assert f"nothing records {series}" in str(refusal.value)


def test_both_kinds_of_alerts_at_once_are_refused(helm: Helm) -> None:
    with pytest.raises(ChartRefusedError, match="each alert would fire twice"):
        helm.template(*MINIMUM, "--set", "grafanaAlerts.enabled=true,prometheusRule.enabled=true")


@pytest.mark.parametrize("section", SWITCHES)
def test_a_name_that_is_disabled_and_not_there_is_refused(helm: Helm, section: str) -> None:
    with pytest.raises(ChartRefusedError, match=rf"{section}\.disabled: there is no NoSuchAlert"):
        helm.template(*MINIMUM, "--set", f"{SWITCHES[section]},{section}.disabled={{NoSuchAlert}}")


def test_recording_rules_can_be_had_without_alerts_and_alerts_without_them(helm: Helm) -> None:
    alone = "prometheusRule.enabled=true,prometheusRule.alerts.enabled=false"
    assert {key for rule in rules_of(helm.template(*MINIMUM, "--set", alone)) for key in rule} == {
        "record",
        "expr",
        *(key for rule in rule_files() if "record" in rule for key in rule),
    }

    alerts = helm.template("--values", str(value_set("alerts-alone")))
    assert all("alert" in rule for rule in rules_of(alerts))


def test_grafanas_alerts_are_the_projects_less_the_disabled_ones(helm: Helm) -> None:
    (path,) = (CHART / "files/grafana-alerts").glob("*.yaml")
    (file,) = [yaml.safe_load(path.read_text())]
    expected = [rule for group in file["groups"] for rule in group["rules"]]
    title = expected[0]["title"]

    whole = helm.template(*MINIMUM, "--set", SWITCHES["grafanaAlerts"])
    less = helm.template(
        *MINIMUM, "--set", f"{SWITCHES['grafanaAlerts']},grafanaAlerts.disabled={{{title}}}"
    )

    assert grafana_rules(whole) == expected
    assert grafana_rules(less) == [rule for rule in expected if rule["title"] != title]


def test_rules_are_the_projects_less_the_disabled_ones_plus_labels(helm: Helm) -> None:
    values = value_set("prometheus-rule")
    whole = of_kind(
        helm.template("--values", str(values), "--set", "prometheusRule.disabled=null"),
        "PrometheusRule",
    )
    names = {rule.get("alert") for group in whole["spec"]["groups"] for rule in group["rules"]} - {
        None
    }
    disabled = max(names)

    less = of_kind(
        helm.template("--values", str(values), "--set", f"prometheusRule.disabled={{{disabled}}}"),
        "PrometheusRule",
    )

    left = [rule for group in less["spec"]["groups"] for rule in group["rules"]]
    assert {rule["alert"] for rule in left if "alert" in rule} == names - {disabled}
    own = [rule for rule in left if "alert" in rule and rule["alert"] != "NoSessionsAtAll"]
    assert own
    assert all(rule["labels"]["team"] == "platform" for rule in own)


def test_rules_in_the_chart_say_what_the_rule_files_say(helm: Helm) -> None:
    manifests = helm.template(*MINIMUM, "--set", "prometheusRule.enabled=true")
    files = [yaml.safe_load(path.read_text()) for path in (CHART / "files/alerts").glob("*.yaml")]

    rendered = of_kind(manifests, "PrometheusRule")["spec"]["groups"]

    expected = {group["name"]: group for file in files for group in file["groups"]}
    assert {group["name"]: group for group in rendered} == expected


@pytest.mark.parametrize(
    ("section", "annotations"),
    [
        ("prometheusRule", annotations_of_rules),
        ("grafanaAlerts", annotations_of_grafana_alerts),
    ],
)
def test_links_in_alerts_lead_to_the_users_grafana_and_runbooks(
    helm: Helm, section: str, annotations: Callable[[list[Manifest]], list[dict[str, str]]]
) -> None:
    given = {
        "dashboardUrl": "https://grafana.example.org/sub/",
        "runbookUrl": "https://wiki.example.org/rb",
    }
    settings = ",".join(f"{section}.{name}={value}" for name, value in given.items())
    plain = annotations(helm.template(*MINIMUM, "--set", SWITCHES[section]))

    changed = annotations(helm.template(*MINIMUM, "--set", f"{SWITCHES[section]},{settings}"))

    assert plain
    assert all(one["runbook_url"].startswith(f"{RUNBOOKS}alerts.md#") for one in plain)
    assert changed == [
        one
        | {
            "dashboard_url": "https://grafana.example.org/sub" + one["dashboard_url"],
            "runbook_url": one["runbook_url"].replace(RUNBOOKS, "https://wiki.example.org/rb/"),
        }
        for one in plain
    ]
    assert all(one["dashboard_url"].startswith("https://grafana.example.org/") for one in changed)


@pytest.mark.parametrize("section", ["prometheusRule", "grafanaAlerts"])
def test_notes_ask_for_the_users_grafana_where_alerts_would_link_to_nowhere(
    helm: Helm, section: str
) -> None:
    def notes(settings: str) -> str:
        return helm.run(
            *("install", "notai", str(CHART), "--dry-run=client", *MINIMUM, "--set", settings)
        ).partition("NOTES:")[2]

    asked = f"set {section}.dashboardUrl"
    assert asked in notes(SWITCHES[section])
    assert asked not in notes(f"{section}.enabled=false")
    told = f"{section}.dashboardUrl=https://grafana.example.org"
    assert asked not in notes(f"{SWITCHES[section]},{told}")


def test_each_dashboard_is_whole_in_a_config_map(helm: Helm) -> None:
    manifests = helm.template("--values", str(value_set("dashboards")))
    rendered = {
        name: json.loads(text)
        for manifest in manifests
        if "grafana_dashboard" in manifest["metadata"]["labels"]
        for name, text in manifest["data"].items()
    }

    sources = {
        path.name: json.loads(path.read_text()) for path in (CHART / "files/dashboards").glob("*")
    }
    assert sources
    assert rendered == sources


def test_grafana_alerts_name_the_users_data_source(helm: Helm) -> None:
    manifests = helm.template(
        "--values", str(value_set("grafana-alerts")), "--set", "grafanaAlerts.datasourceUid=mimir"
    )
    queries = [query for rule in grafana_rules(manifests) for query in rule["data"]]

    assert {query["datasourceUid"] for query in queries} == {"__expr__", "mimir"}
    assert {query["model"]["datasource"]["uid"] for query in queries} == {"__expr__", "mimir"}


def test_dashboards_of_two_releases_never_collide(helm: Helm) -> None:
    alike = "x" * 50
    names = [
        manifest["metadata"]["name"]
        for release in (f"{alike}-a", f"{alike}-b")
        for manifest in helm.template(
            *MINIMUM,
            *("--set", "dashboards.enabled=true", "--set", SWITCHES["grafanaAlerts"]),
            release=release,
        )
        if manifest["kind"] == "ConfigMap"
    ]

    assert len(names) == 8
    assert len(set(names)) == len(names)


def test_grafana_operator_gets_each_dashboard_whole(helm: Helm) -> None:
    manifests = helm.template("--values", str(value_set("grafana-operator")))
    made = [one for one in manifests if one["kind"] == "GrafanaDashboard"]
    sources = [json.loads(path.read_text()) for path in (CHART / "files/dashboards").glob("*")]

    uids = {source["uid"]: source for source in sources}
    assert {json.loads(one["spec"]["json"])["uid"] for one in made} == set(uids)
    for one in made:
        dashboard = json.loads(one["spec"]["json"])
        assert dashboard == uids[dashboard["uid"]]
        assert one["spec"]["instanceSelector"] == {"matchLabels": {"grafana": "main"}}
        assert one["spec"]["allowCrossNamespaceImport"] is True
