"""The rules, dashboards and Grafana alerts that the chart brings, by the real Helm."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.tools.chart import CHART, MINIMUM, Helm, Manifest, helm_from, of_kind

pytestmark = pytest.mark.tools

#: Where the project keeps what its alerts link to.
RUNBOOKS = "https://github.com/isnotai-exporter/isnotai-exporter/blob/main/docs/runbooks/"


@pytest.fixture(scope="module")
def helm(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return helm_from(tool, tmp_path_factory.mktemp("helm"))


def value_set(name: str) -> Path:
    return CHART / "ci" / f"{name}-values.yaml"


def annotations_of_rules(manifests: list[Manifest]) -> list[dict[str, str]]:
    """The annotations of each alert of the PrometheusRule."""
    groups = of_kind(manifests, "PrometheusRule")["spec"]["groups"]
    return [rule["annotations"] for group in groups for rule in group["rules"] if "alert" in rule]


def annotations_of_grafana_alerts(manifests: list[Manifest]) -> list[dict[str, str]]:
    """The annotations of each of Grafana's own alerts."""
    (alerts,) = [one for one in manifests if "grafana_alert" in one["metadata"]["labels"]]
    (text,) = alerts["data"].values()
    groups = yaml.safe_load(text)["groups"]
    return [rule["annotations"] for group in groups for rule in group["rules"]]


def test_rules_are_the_projects_less_the_disabled_ones_plus_labels(helm: Helm) -> None:
    values = value_set("prometheus-rule")
    whole = of_kind(helm.template("--values", str(values)), "PrometheusRule")
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
        "enabled": "true",
        "dashboardUrl": "https://grafana.example.org/sub/",
        "runbookUrl": "https://wiki.example.org/rb",
    }
    settings = ",".join(f"{section}.{name}={value}" for name, value in given.items())
    plain = annotations(helm.template(*MINIMUM, "--set", f"{section}.enabled=true"))

    changed = annotations(helm.template(*MINIMUM, "--set", settings))

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
    def notes(*settings: str) -> str:
        return helm.run(
            *("install", "notai", str(CHART), "--dry-run=client", *MINIMUM),
            *(word for setting in settings for word in ("--set", f"{section}.{setting}")),
        ).partition("NOTES:")[2]

    asked = f"set {section}.dashboardUrl"
    assert asked in notes("enabled=true")
    assert asked not in notes("enabled=false")
    assert asked not in notes("enabled=true", "dashboardUrl=https://grafana.example.org")


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
    (alerts,) = [one for one in manifests if "grafana_alert" in one["metadata"]["labels"]]
    (text,) = alerts["data"].values()

    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    assert {query["datasourceUid"] for rule in rules for query in rule["data"]} == {
        "__expr__",
        "mimir",
    }
