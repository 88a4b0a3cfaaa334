"""The three outputs of the rules, as text: for Prometheus, for its operator, and for Grafana.

All hold the same expressions. Grafana-managed rules need the recording rules in Prometheus, so
those are a file of their own that can be loaded without the alerts.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import yaml

from alerts.generate import operations, quota, recording, security
from alerts.generate.model import GRAFANA, RUNBOOKS, Alert, Group, Recording

ALERT_GROUPS = (operations.GROUP, security.GROUP, quota.GROUP)
DATASOURCE_UID = "prometheus"
"""Of the Prometheus data source that the Grafana-managed rules ask, as deploy/compose has it."""

HEADER = "# Made by `python -m alerts.generate`; change the rules there.\n"
GRAFANA_RANGE_SECONDS = 600


class _Dumper(yaml.SafeDumper):
    """YAML with expressions as readable blocks, and nothing folded."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _yaml(content: object) -> str:
    text: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=10_000, indent=2)
    return HEADER + text


def alerts() -> tuple[Alert, ...]:
    """All alerts, in the order of the files."""
    return tuple(rule for group in ALERT_GROUPS for rule in group.rules if isinstance(rule, Alert))


def annotations(alert: Alert, runbooks: str, grafana: str) -> dict[str, str]:
    """What a reader of the alert is told."""
    return {
        "summary": alert.summary,
        "description": alert.description,
        "runbook_url": alert.runbook_url(runbooks),
        "dashboard_url": alert.dashboard_url(grafana),
    }


def _rule(rule: Recording | Alert, runbooks: str, grafana: str) -> dict[str, Any]:
    if isinstance(rule, Recording):
        return {"record": rule.record, "expr": rule.expr}
    content: dict[str, Any] = {"alert": rule.name, "expr": rule.expr}
    if rule.hold != "0s":
        content["for"] = rule.hold
    content["labels"] = {"severity": rule.severity, "audience": rule.audience}
    content["annotations"] = annotations(rule, runbooks, grafana)
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


def prometheus_rule(runbooks: str, grafana: str) -> dict[str, Any]:
    """The PrometheusRule resource, for the operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "isnotai-exporter",
            "labels": {"app.kubernetes.io/name": "isnotai-exporter"},
        },
        "spec": rule_groups((*recording.GROUPS, *ALERT_GROUPS), runbooks, grafana),
    }


def _escaped(text: str) -> str:
    """For a field in which Grafana would read `$NAME` as a variable of the environment.

    A rule's texts and labels are such; its queries' models and its annotations are not, and a
    dollar doubled there breaks them. Source: Grafana's provisioning/alerting/rules_types.go.
    """
    return text.replace("$", "$$")


def _grafana_template(text: str) -> str:
    """A Prometheus template as Grafana reads it: `$value` is a number there only by its query."""
    return text.replace("$value", "$values.query.Value")


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
            {
                "refId": "query",
                "relativeTimeRange": {"from": GRAFANA_RANGE_SECONDS, "to": 0},
                "datasourceUid": DATASOURCE_UID,
                "model": {
                    "refId": "query",
                    "datasource": {"type": "prometheus", "uid": DATASOURCE_UID},
                    "expr": alert.expr,
                    "instant": True,
                    "range": False,
                },
            },
            _expression("there", {"type": "math", "expression": is_there}),
            _expression(
                "firing",
                {"type": "threshold", "expression": "there", "conditions": [threshold]},
            ),
        ],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": alert.hold,
        "labels": {"severity": _escaped(alert.severity), "audience": _escaped(alert.audience)},
        "annotations": {
            name: _grafana_template(text)
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


def files(runbooks: str = RUNBOOKS, grafana: str = GRAFANA) -> dict[str, str]:
    """The text of each output by its path below `alerts/`."""
    return {
        "prometheus/recording.yaml": _yaml(rule_groups(recording.GROUPS, runbooks, grafana)),
        "prometheus/alerts.yaml": _yaml(rule_groups(ALERT_GROUPS, runbooks, grafana)),
        "kubernetes/prometheusrule.yaml": _yaml(prometheus_rule(runbooks, grafana)),
        "grafana/alerting.yaml": _yaml(grafana_provisioning(runbooks, grafana)),
    }
