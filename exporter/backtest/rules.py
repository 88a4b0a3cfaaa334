"""The shipped rules about sessions, run over a past in the order in which they need each other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from math import isnan
from pathlib import Path
from typing import Any

import yaml

from exporter.backtest import promql
from exporter.backtest.evaluate import Labels, Past

GROUPS = ("notai-thresholds", "notai-holidays", "notai-ledger", "notai-baseline", "notai-security")
THRESHOLD = "isnotai:alert_threshold"
FILES = ("recording.yaml", "alerts.yaml")


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fired from one minute to another, the end excluded."""

    alert: str
    severity: str
    labels: Labels
    start: int
    end: int


def shipped() -> list[Path]:
    """The rule files that came with this release."""
    packaged = Path(str(files("exporter"))) / "rules"
    folder = packaged if packaged.is_dir() else packaged.parents[1] / "alerts" / "prometheus"
    return [folder / name for name in FILES]


def read(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The rules about sessions. Raises OSError, yaml.YAMLError."""
    groups = [group for path in paths for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups if group["name"] in GROUPS for rule in group["rules"]]


def thresholds(rules: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The thresholds that the rules have, by name."""
    return {
        rule["labels"]["name"]: float(rule["expr"].removeprefix("vector(").removesuffix(")"))
        for rule in rules
        if rule.get("record") == THRESHOLD
    }


def run(
    past: Past, rules: Sequence[Mapping[str, Any]], changed: Mapping[str, float]
) -> list[Firing]:
    """What would have fired. changed: thresholds other than those of the rules.

    Raises UnknownExpressionError.
    """
    fired = []
    for rule, node in _ordered(rules):
        name = rule.get("record")
        if name == THRESHOLD and rule["labels"]["name"] in changed:
            node = promql.Number(changed[rule["labels"]["name"]])
        vector = past.evaluate(node)
        if name:
            past.record(name, rule.get("labels", {}), vector)
            continue
        for labels, column in vector.items():
            spans = _spans(column, _minutes(rule, "for"), _minutes(rule, "keep_firing_for"))
            severity = rule["labels"]["severity"]
            fired += [Firing(rule["alert"], severity, labels, *span) for span in spans]
    return sorted(fired, key=lambda one: one.start)


def _minutes(rule: Mapping[str, Any], name: str) -> int:
    return promql.minutes(rule.get(name, "0s"))


def _ordered(
    rules: Sequence[Mapping[str, Any]],
) -> list[tuple[Mapping[str, Any], promql.Node]]:
    waiting = [(rule, promql.parse(rule["expr"])) for rule in rules]
    done: list[tuple[Mapping[str, Any], promql.Node]] = []
    while waiting:
        unmade = {rule.get("record") for rule, _ in waiting}
        free = [one for one in waiting if not promql.selectors(one[1]) & unmade]
        if not free:
            raise promql.UnknownExpressionError("some rules need each other")
        done += free
        waiting = [one for one in waiting if one not in free]
    return done


def _spans(column: Sequence[float], hold: int, keep: int) -> list[tuple[int, int]]:
    """From when to when an alert fires, as Prometheus' rules/alerting.go has it."""
    spans: list[tuple[int, int]] = []
    since = began = last = None
    for at, value in enumerate(column):
        if not isnan(value):
            since = at if since is None else since
            last = at
            if began is None and at - since >= hold:
                began = at
        elif began is not None and last is not None:
            if at - last > keep:
                spans.append((began, at))
                since = began = None
        else:
            since = None
    if began is not None:
        spans.append((began, len(column)))
    return spans
