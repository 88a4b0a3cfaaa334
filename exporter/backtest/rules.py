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
HOLIDAY = "isnotai:holiday"
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


class RulesError(Exception):
    """Rules that cannot be run; the message says which file, and what to give instead."""


def read(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The rules about sessions. Raises RulesError."""
    groups = [group for path in paths for group in _groups(path)]
    rules = [rule for group in groups if group["name"] in GROUPS for rule in group["rules"]]
    named = ", ".join(map(str, paths))
    if not thresholds(rules):
        raise RulesError(f"--rules: {named}: {THRESHOLD} is missing: give recording.yaml, too")
    if not any("alert" in rule for rule in rules):
        raise RulesError(f"--rules: {named}: no alert on sessions: give alerts.yaml, too")
    return rules


def _groups(path: Path) -> list[dict[str, Any]]:
    """The groups of a rule file, or of a PrometheusRule. Raises RulesError."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RulesError(f"--rules: {path}: {' '.join(str(error).split())}") from None
    if isinstance(content, dict) and content.get("kind") == "PrometheusRule":
        content = content.get("spec")
    groups = content.get("groups") if isinstance(content, dict) else None
    if not isinstance(groups, list) or not all(map(_is_group, groups)):
        raise RulesError(f"--rules: {path}: is no file of Prometheus' rules, nor a PrometheusRule")
    return groups


def _is_group(group: object) -> bool:
    """Whether it has a name, and rules with what is read of them."""
    if not isinstance(group, dict) or not isinstance(group.get("name"), str):
        return False
    rules = group.get("rules")
    return isinstance(rules, list) and all(
        isinstance(rule, dict)
        and isinstance(rule.get("expr"), str)
        and (isinstance(rule.get("record"), str) or isinstance(rule.get("alert"), str))
        and isinstance(rule.get("labels", {}), dict)
        and ("alert" not in rule or "severity" in rule.get("labels", {}))
        and (rule.get("record") != THRESHOLD or "name" in rule.get("labels", {}))
        for rule in rules
    )


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


def missing(past: Past, rules: Sequence[Mapping[str, Any]]) -> list[str]:
    """The series that alerts stand on, that no rule makes, and that the past does not hold.

    Without the calendar, which a site need not have.
    """
    made: dict[str, set[str]] = {}
    waiting: set[str] = set()
    for rule in rules:
        read = promql.selectors(promql.parse(rule["expr"]))
        if "record" in rule:
            made[rule["record"]] = made.get(rule["record"], set()) | read
        else:
            waiting |= read
    found: set[str] = set()
    while waiting:
        found |= waiting
        waiting = {name for each in waiting for name in made.get(each, ())} - found
    return sorted(found - made.keys() - past.names - {HOLIDAY})


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
