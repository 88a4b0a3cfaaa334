"""Reads a provisioning file of alert rules as Grafana does, and refuses what Grafana refuses.

Which fields are interpolated follows Grafana's types (pkg/services/provisioning/alerting/
rules_types.go and provisioning/values): texts of a rule and its labels are, while a query's model
and the annotations are taken as they stand. In an interpolated text `$NAME` and `${NAME}` are
variables of the environment, and `$$` is a dollar. The grammar of math expressions follows
pkg/expr/mathexp/parse. Facts, restated; no code is taken over.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VARIABLE = re.compile(r"\$\$|\$\{(\w+)\}|\$(\w+)")
UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+|0")
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
BASE_INTERVAL_SECONDS = 10
"""Every group's interval is a multiple of it."""
FUNCTIONS = {"abs", "log", "round", "ceil", "floor", "is_inf", "is_nan", "is_null", "is_number"}
TOKEN = re.compile(
    r"\s*(?:(?P<variable>\$(?:\w+|\{[^}]+\}))|(?P<number>\d+(?:\.\d+)?)|(?P<name>[a-z_]+)"
    r"|(?P<operator>\|\||&&|==|!=|>=|<=|\*\*|[-+*/%!<>(),]))"
)


class RefusedError(Exception):
    """Grafana would not start, or the rule would end in Error."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is when Grafana has read it."""

    uid: str
    title: str
    condition: str
    models: Mapping[str, Mapping[str, Any]]
    annotations: Mapping[str, str]
    labels: Mapping[str, str]
    hold: str
    keep: str


def interpolated(text: str, environ: Mapping[str, str]) -> str:
    """A text with variables of the environment in it; one that is not set is empty."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return "$" if name is None else environ.get(name, "")

    return VARIABLE.sub(value, text)


def load(content: Mapping[str, Any], environ: Mapping[str, str]) -> list[Rule]:
    """All rules of the file. Raises RefusedError."""
    if content.get("apiVersion") != 1:
        raise RefusedError("apiVersion")
    rules = [_rule(rule, environ) for group in _groups(content, environ) for rule in group["rules"]]
    if len({rule.uid for rule in rules}) != len(rules):
        raise RefusedError("two rules have one uid")
    return rules


def _groups(content: Mapping[str, Any], environ: Mapping[str, str]) -> list[Mapping[str, Any]]:
    for group in content["groups"]:
        for field in ("name", "folder"):
            if not interpolated(group[field], environ).strip():
                raise RefusedError(f"a group without {field}")
        if seconds(interpolated(group["interval"], environ)) % BASE_INTERVAL_SECONDS:
            raise RefusedError(f"{group['name']}: interval")
        if len({rule["title"] for rule in group["rules"]}) != len(group["rules"]):
            raise RefusedError(f"{group['name']}: two rules have one title")
    groups: list[Mapping[str, Any]] = content["groups"]
    return groups


def _rule(raw: Mapping[str, Any], environ: Mapping[str, str]) -> Rule:
    def text(name: str, default: str = "") -> str:
        return interpolated(raw.get(name, default), environ)

    uid, title, condition = text("uid"), text("title"), text("condition")
    if not UID.fullmatch(uid):
        raise RefusedError(f"{title}: uid {uid!r}")
    if not title or len(title) > 190:
        raise RefusedError(f"title {title!r}")
    models: dict[str, Mapping[str, Any]] = {}
    for query in raw["data"]:
        ref = interpolated(query["refId"], environ)
        span = query["relativeTimeRange"]
        source = interpolated(query["datasourceUid"], environ)
        if source != "__expr__" and not span["from"] > span["to"] >= 0:
            raise RefusedError(f"{title}: {ref} has no time range")
        models[ref] = query["model"]  # as it stands
    for ref, query in zip(models, raw["data"], strict=True):
        if query["datasourceUid"] == "__expr__":
            _expression(title, ref, models)
    if condition not in models:
        raise RefusedError(f"{title}: condition {condition!r}")
    if text("noDataState", "NoData") not in {"OK", "NoData", "Alerting", "KeepLast"}:
        raise RefusedError(f"{title}: noDataState")
    if text("execErrState", "Alerting") not in {"OK", "Error", "Alerting", "KeepLast"}:
        raise RefusedError(f"{title}: execErrState")
    hold, keep = text("for", "0s"), text("keepFiringFor", "0s")
    seconds(hold), seconds(keep)
    labels = {name: interpolated(value, environ) for name, value in raw["labels"].items()}
    return Rule(uid, title, condition, models, raw["annotations"], labels, hold, keep)


def seconds(text: str) -> float:
    """A duration as Grafana reads it. Raises RefusedError."""
    if not DURATION.fullmatch(text):
        raise RefusedError(f"duration {text!r}")
    return sum(
        float(part) * SECONDS[unit] for part, unit in re.findall(r"(\d+)(ms|[smhdwy])", text)
    )


def _expression(title: str, ref: str, models: Mapping[str, Mapping[str, Any]]) -> None:
    model = models[ref]
    match model["type"]:
        case "math":
            needed = math(model["expression"])
        case "threshold" | "reduce" | "resample":
            needed = {model["expression"]}
        case other:
            raise RefusedError(f"{title}: {ref} has type {other!r}")
    if not needed <= models.keys() - {ref}:
        raise RefusedError(f"{title}: {ref} asks for {sorted(needed)}")


def math(text: str) -> set[str]:
    """The queries that a math expression names. Raises RefusedError where it does not parse."""
    tokens = []
    at = 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        if found is None:
            raise RefusedError(f"math: {text[at:]!r}")
        kind = str(found.lastgroup)
        tokens.append((kind, found[kind]))
        at = found.end()
    parser = _Math(tokens)
    parser.binary(0)
    if parser.tokens:
        raise RefusedError(f"math: {parser.tokens[0][1]!r} is left over")
    return parser.variables


class _Math:
    LEVELS = (
        ("||",),
        ("&&",),
        ("==", "!=", ">", "<", ">=", "<="),
        ("+", "-"),
        ("*", "/", "%"),
        ("**",),
    )

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.variables: set[str] = set()

    def binary(self, level: int) -> None:
        if level == len(self.LEVELS):
            self.unary()
            return
        self.binary(level + 1)
        while self.tokens and self.tokens[0][1] in self.LEVELS[level]:
            self.tokens.pop(0)
            self.binary(level + 1)

    def unary(self) -> None:
        kind, text = self._next()
        if text in ("!", "-"):
            self.unary()
        elif text == "(":
            self.binary(0)
            self._expect(")")
        elif kind == "variable":
            self.variables.add(text.removeprefix("$").strip("{}"))
        elif kind == "name" and text in FUNCTIONS:
            self._expect("(")
            self.binary(0)
            self._expect(")")
        elif kind != "number":
            raise RefusedError(f"math: {text!r}")

    def _next(self) -> tuple[str, str]:
        if not self.tokens:
            raise RefusedError("math: it ends too early")
        return self.tokens.pop(0)

    def _expect(self, text: str) -> None:
        if self._next()[1] != text:
            raise RefusedError(f"math: {text!r} is missing")
