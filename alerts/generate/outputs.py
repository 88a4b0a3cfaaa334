"""The three outputs of the rules, as text: for Prometheus, for its operator, and for Grafana.

All hold the same expressions. Grafana-managed rules need the recording rules in Prometheus, so
those are a file of their own that can be loaded without the alerts.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import yaml

from alerts.generate import operations, quota, recording, security, series
from alerts.generate.inhibition import INHIBIT_RULES
from alerts.generate.model import GRAFANA, RUNBOOKS, Alert, Fact, Group, Recording
from alerts.generate.thresholds import Thresholds

ALERT_GROUPS = (operations.GROUP, security.GROUP, quota.GROUP)
DATASOURCE_UID = "prometheus"
"""Of the Prometheus data source that the Grafana-managed rules ask, as deploy/compose has it."""

HEADER = "# Made by `python -m alerts.generate`; change the rules there.\n"
GRAFANA_RANGE_SECONDS = 600


class _Dumper(yaml.CSafeDumper):
    """YAML with expressions as readable blocks, and nothing folded."""


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _yaml(content: object) -> str:
    text: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=10_000, indent=2)
    return HEADER + text


def alerts() -> tuple[Alert, ...]:
    """All alerts, in the order of the files."""
    return tuple(rule for group in ALERT_GROUPS for rule in group.rules if isinstance(rule, Alert))


SITE_MATCHERS = (
    '{{ $site := printf "cluster=%q,namespace=%q,job=%q,integration=%q" '
    "$labels.cluster $labels.namespace $labels.job $labels.integration }}"
)
FACT = re.compile(r"\[\[(\w+)\]\]")


def annotations(alert: Alert, runbooks: str, grafana: str) -> dict[str, str]:
    """What a reader of the alert is told; facts stand as `[[name]]` still."""
    return {
        "summary": alert.summary,
        "description": alert.description,
        "runbook_url": alert.runbook_url(runbooks),
        "dashboard_url": alert.dashboard_url(grafana),
    }


def _prometheus_template(alert: Alert, text: str) -> str:
    """The text with each fact as a query of its own."""
    if not FACT.search(text):
        return text

    def asked(found: re.Match[str]) -> str:
        fact = alert.facts[found[1]]
        query = fact.expr.replace("{site}", "{%[1]s}").replace('"', '\\"')
        said = f"{{{{ . | first | value | {fact.shown} }}}}{{{{ else }}}}?{{{{ end }}}}"
        if "%[1]s" not in query:
            return f'{{{{ with query "{query}" }}}}{said}'
        return f'{{{{ with printf "{query}" $site | query }}}}{said}'

    return SITE_MATCHERS + FACT.sub(asked, text)


def _rule(rule: Recording | Alert, runbooks: str, grafana: str) -> dict[str, Any]:
    if isinstance(rule, Recording):
        recording: dict[str, Any] = {"record": rule.record, "expr": rule.expr}
        return recording | ({"labels": dict(rule.labels)} if rule.labels else {})
    content: dict[str, Any] = {"alert": rule.name, "expr": rule.expr}
    if rule.hold != "0s":
        content["for"] = rule.hold
    if rule.keep != "0s":
        content["keep_firing_for"] = rule.keep
    content["labels"] = {"severity": rule.severity, "audience": rule.audience}
    content["annotations"] = {
        name: _prometheus_template(rule, text)
        for name, text in annotations(rule, runbooks, grafana).items()
    }
    return content


def rule_groups(groups: Sequence[Group], runbooks: str, grafana: str) -> dict[str, Any]:
    """The groups as a Prometheus rule file has them."""
    return {
        "groups": [
            {
                "name": group.name,
                "interval": group.interval,
                "rules": [_rule(rule, runbooks, grafana) for rule in group.rules],
            }
            for group in groups
        ]
    }


def prometheus_rule(groups: Sequence[Group], runbooks: str, grafana: str) -> dict[str, Any]:
    """The PrometheusRule resource, for the operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "isnotai-exporter",
            "labels": {"app.kubernetes.io/name": "isnotai-exporter"},
        },
        "spec": rule_groups((*groups, *ALERT_GROUPS), runbooks, grafana),
    }


def _escaped(text: str) -> str:
    """For a field in which Grafana would read `$NAME` as a variable of the environment.

    A rule's texts and labels are such; its queries' models and its annotations are not, and a
    dollar doubled there breaks them. Source: Grafana's provisioning/alerting/rules_types.go.
    """
    return text.replace("$", "$$")


def _grafana_facts(alert: Alert, text: str) -> str:
    """The text with each fact as the value of its query."""

    def said(found: re.Match[str]) -> str:
        value = f"{{{{ .Value | {alert.facts[found[1]].shown} }}}}"
        return f"{{{{ with $values.{found[1]} }}}}{value}{{{{ else }}}}?{{{{ end }}}}"

    return FACT.sub(said, re.sub(r"\$value\b", "$values.query.Value", text))


def _query(ref: str, expr: str) -> dict[str, Any]:
    return {
        "refId": ref,
        "relativeTimeRange": {"from": GRAFANA_RANGE_SECONDS, "to": 0},
        "datasourceUid": DATASOURCE_UID,
        "model": {
            "refId": ref,
            "datasource": {"type": "prometheus", "uid": DATASOURCE_UID},
            # A name would tell series of the query from those of its facts, and split an alert in
            # two where another part of its expression gives it.
            "expr": f"(\n{expr}\n) + 0",
            "instant": True,
            "range": False,
        },
    }


def _fact_for_grafana(fact: Fact) -> str:
    """The fact for all sites at once; a number of no site's is given to each."""
    if "{site}" in fact.expr:
        return fact.expr.replace("{site}", "")
    return f"{series.SESSIONS}max2m * 0 + scalar(max({fact.expr}))"


def _expression(ref: str, model: dict[str, Any]) -> dict[str, Any]:
    return {
        "refId": ref,
        "relativeTimeRange": {"from": 0, "to": 0},
        "datasourceUid": "__expr__",
        "model": {"refId": ref, "datasource": {"type": "__expr__", "uid": "__expr__"}, **model},
    }


def _grafana_rule(alert: Alert, runbooks: str, grafana: str) -> dict[str, Any]:
    """A rule that fires for each series of the expression, whatever its value, 0 too.

    So it asks three things: the query, whether it gave a number, and whether that is so.
    """
    uid = "notai-" + sha256(alert.name.encode()).hexdigest()[:12]
    is_there = "is_number($query) || is_nan($query) || is_inf($query)"
    threshold = {"evaluator": {"type": "gt", "params": [0]}}
    return {
        "uid": uid,
        "title": _escaped(alert.name),
        "condition": "firing",
        "data": [
            _query("query", alert.expr),
            _expression("there", {"type": "math", "expression": is_there}),
            _expression(
                "firing",
                {"type": "threshold", "expression": "there", "conditions": [threshold]},
            ),
            *(_query(name, _fact_for_grafana(fact)) for name, fact in alert.facts.items()),
        ],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": alert.hold,
        "keepFiringFor": alert.keep,
        "labels": {"severity": _escaped(alert.severity), "audience": _escaped(alert.audience)},
        "annotations": {
            name: _grafana_facts(alert, text)
            for name, text in annotations(alert, runbooks, grafana).items()
        },
        "isPaused": False,
    }


def grafana_provisioning(runbooks: str, grafana: str) -> dict[str, Any]:
    """The provisioning file of Grafana-managed alerts."""
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": group.name,
                "folder": "Not AI",
                "interval": group.interval,
                "rules": [
                    _grafana_rule(rule, runbooks, grafana)
                    for rule in group.rules
                    if isinstance(rule, Alert)
                ],
            }
            for group in ALERT_GROUPS
        ],
    }


def files(
    runbooks: str = RUNBOOKS,
    grafana: str = GRAFANA,
    limits: Thresholds | None = None,
    holidays: Sequence[Recording] = (),
) -> dict[str, str]:
    """The text of each output by its path below `alerts/`. holidays: rules that write them."""
    groups = recording.groups(limits or Thresholds())
    if holidays:
        groups = (*groups, Group("notai-holidays", "1m", tuple(holidays)))
    return {
        "prometheus/recording.yaml": _yaml(rule_groups(groups, runbooks, grafana)),
        "prometheus/alerts.yaml": _yaml(rule_groups(ALERT_GROUPS, runbooks, grafana)),
        "kubernetes/prometheusrule.yaml": _yaml(prometheus_rule(groups, runbooks, grafana)),
        "grafana/alerting.yaml": _yaml(grafana_provisioning(runbooks, grafana)),
        "alertmanager/inhibition.yaml": _yaml({"inhibit_rules": INHIBIT_RULES}),
    }
