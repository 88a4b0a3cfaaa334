"""The shipped rules about sessions, run over a past in the order in which they need each other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from math import isnan
from pathlib import Path

import msgspec
import yaml
from msgspec import Struct

from exporter.backtest import promql
from exporter.backtest.evaluate import SITE_LABELS, Labels, Past

GROUPS = ("notai-thresholds", "notai-holidays", "notai-ledger", "notai-baseline", "notai-security")
"""Those about sessions; what else is shipped is not."""
THRESHOLD = "isnotai:alert_threshold"
HOLIDAY = "isnotai:holiday"
SHARED = frozenset((THRESHOLD, HOLIDAY))
"""What is the same at all sites; a holiday of one names its integration alone."""
COMPARED = "page_ratio"
"""The threshold of which other values are tried."""
FILES = ("recording.yaml", "alerts.yaml")


class Rule(Struct, frozen=True):
    """A recording rule or an alert, as far as it is read of Prometheus' rule files."""

    expr: str
    record: str = ""
    alert: str = ""
    labels: Mapping[str, str] = {}
    hold: str = msgspec.field(name="for", default="0s")
    keep: str = msgspec.field(name="keep_firing_for", default="0s")

    def __post_init__(self) -> None:
        if bool(self.record) is bool(self.alert):
            raise ValueError("a rule has either `record` or `alert`")

    @property
    def severity(self) -> str:
        return self.labels.get("severity", "none")

    @property
    def named(self) -> str:
        """What it records, or the alert."""
        return self.record or self.alert


class _Group(Struct):
    name: str
    rules: list[Rule]


class _Content(Struct):
    groups: list[_Group]


class _Resource(Struct):
    """A PrometheusRule."""

    spec: _Content


Ordered = list[tuple[Rule, promql.Node]]


class RulesError(Exception):
    """Rules that cannot be run; the message says which file or rule, and what to do."""


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fired from one minute to another, the end excluded."""

    alert: str
    severity: str
    labels: Labels
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What fired, in the order of its start, and the alerts for which the past held any series."""

    fired: list[Firing]
    judged: set[str]


def shipped() -> list[Path]:
    """The rule files that came with this release."""
    packaged = Path(str(files("exporter"))) / "rules"
    folder = packaged if packaged.is_dir() else packaged.parents[1] / "alerts" / "prometheus"
    return [folder / name for name in FILES]


def read(paths: Sequence[Path]) -> list[Rule]:
    """The rules about sessions. Raises RulesError."""
    return read_with_rest(paths)[0]


def read_with_rest(paths: Sequence[Path]) -> tuple[list[Rule], list[str]]:
    """The rules about sessions, and the names of others that are not shipped. Raises RulesError."""
    groups = [group for path in paths for group in _groups(path)]
    rules = [rule for group in groups if group.name in GROUPS for rule in group.rules]
    named = ", ".join(map(str, paths))
    if COMPARED not in thresholds(rules):
        raise RulesError(
            f"--rules: {named}: the threshold {COMPARED} is missing: give recording.yaml, too"
        )
    if not any(rule.alert for rule in rules):
        raise RulesError(f"--rules: {named}: no alert on sessions: give alerts.yaml, too")
    known = set(_others(group for path in shipped() for group in _groups(path)))
    return rules, [name for name in _others(groups) if name not in known]


def _others(groups: Iterable[_Group]) -> list[str]:
    """The names of the rules that are not evaluated."""
    return [rule.named for group in groups if group.name not in GROUPS for rule in group.rules]


def _groups(path: Path) -> list[_Group]:
    """The groups of a rule file, or of the PrometheusRules among manifests. Raises RulesError."""
    found: list[_Content] = []
    try:
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            match document:
                case {"kind": "PrometheusRule"}:
                    found.append(msgspec.convert(document, _Resource).spec)
                case None | {"kind": _}:
                    continue
                case _:
                    found.append(msgspec.convert(document, _Content))
    except msgspec.ValidationError as error:
        raise RulesError(
            f"--rules: {path}: is no file of Prometheus' rules, nor a PrometheusRule: {error}"
        ) from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RulesError(f"--rules: {path}: {' '.join(str(error).split())}") from None
    if not found:
        raise RulesError(f"--rules: {path}: there is no PrometheusRule in it, nor a file of rules")
    return [group for content in found for group in content.groups]


def thresholds(rules: Iterable[Rule]) -> dict[str, float]:
    """The thresholds that the rules have, by name. Raises RulesError."""
    found = {}
    for rule in rules:
        if rule.record != THRESHOLD:
            continue
        match _parsed(rule):
            case promql.Call("vector", (promql.Number(value),)):
                found[rule.labels.get("name", "")] = value
            case _:
                raise RulesError(f"{THRESHOLD}: {rule.expr!r} is not a number as vector(2.5)")
    return found


def run(past: Past, rules: Sequence[Rule], changed: Mapping[str, float]) -> Outcome:
    """What would have fired. changed: thresholds other than those of the rules.

    Raises RulesError.
    """
    (outcome,) = compare(past, rules, [changed])
    return outcome


def compare(
    past: Past,
    rules: Sequence[Rule],
    changes: Sequence[Mapping[str, float]],
    tell: Callable[[str], None] = lambda _: None,
) -> list[Outcome]:
    """What would have fired with each of these changed thresholds. Raises RulesError.

    One site after the other, so that what is recorded of all of them is never held at once.
    tell: gets a line before each.
    """
    ordered = _ordered(rules)
    joining = [rule.named for rule, node in ordered if not _keeps_sites_apart(node)]
    sites = [past] if joining else list(past.sites(SHARED))
    place = {rule.alert: number for number, (rule, _) in enumerate(ordered)}
    fired: list[dict[Firing, None]] = [{} for _ in changes]
    judged: list[set[str]] = [set() for _ in changes]
    for at, site in enumerate(sites, 1):
        tell(
            f"all sites at once, for they are joined by {', '.join(joining)}"
            if joining
            else f"site {at} of {len(sites)}"
        )
        for number, outcome in enumerate(_outcomes(site, ordered, changes)):
            fired[number] |= dict.fromkeys(outcome.fired)
            judged[number] |= outcome.judged
    return [
        Outcome(sorted(one, key=lambda each: (each.start, place[each.alert])), seen)
        for one, seen in zip(fired, judged, strict=True)
    ]


def _outcomes(
    site: Past, ordered: Ordered, changes: Sequence[Mapping[str, float]]
) -> Iterator[Outcome]:
    """The outcome of each of the changes; after the first, only what reads what differs is anew."""
    first, *others = changes
    known = site.copy()
    outcome = _evaluated(known, ordered, first)
    yield outcome
    for other in others:
        differing = {name for name, value in other.items() if first.get(name) != value}
        differing |= first.keys() - other.keys()
        readers = [rule for rule, node in ordered if _reads(node, differing)]
        if any(rule.record for rule in readers):
            yield _evaluated(site.copy(), ordered, other)
            continue
        alerts = {rule.alert for rule in readers}
        again = [one for one in ordered if one[0].record == THRESHOLD or one[0].alert in alerts]
        found = _evaluated(known, again, other)
        kept = [one for one in outcome.fired if one.alert not in alerts]
        yield Outcome(kept + found.fired, outcome.judged | found.judged)


def _evaluated(past: Past, ordered: Ordered, changed: Mapping[str, float]) -> Outcome:
    """What fires in all of a past, to which the rules' records are added. Raises RulesError."""
    fired: list[Firing] = []
    judged = set()
    for rule, node in ordered:
        name = rule.labels.get("name", "")
        if rule.record == THRESHOLD and name in changed:
            node = promql.Number(changed[name])
        with _named(rule):
            vector = past.evaluate(node)
            hold, keep = promql.minutes(rule.hold), promql.minutes(rule.keep)
        if rule.record:
            past.record(rule.record, rule.labels, vector)
            continue
        if vector:
            judged.add(rule.alert)
        for labels, column in vector.items():
            spans = _spans(column, hold, keep)
            fired += [Firing(rule.alert, rule.severity, labels, *span) for span in spans]
    return Outcome(fired, judged)


def _reads(node: promql.Node, thresholds: Set[str]) -> bool:
    """Whether an expression reads one of these thresholds."""
    for one in promql.read_series(node):
        if one.name == THRESHOLD:
            names = {text for label, how, text in one.matchers if (label, how) == ("name", "=")}
            if not names or names & thresholds:
                return True
    return False


def _keeps_sites_apart(node: promql.Node) -> bool:
    """Whether an expression is known to give at one site what it gives there among others."""
    match node:
        case promql.Aggregation():
            apart = _has_site(node.by) or _is_shared(node.of)
            return apart and _keeps_sites_apart(node.of)
        case promql.Binary():
            return _joins_within_sites(node) and all(
                map(_keeps_sites_apart, (node.left, node.right))
            )
        case promql.Range():
            return _keeps_sites_apart(node.of)
        case promql.Call("scalar", (one,)):
            return _is_shared(one)
        case promql.Call("label_replace", (_, promql.Text(name), *_)) if name in SITE_LABELS:
            return False
        case promql.Call():
            return all(map(_keeps_sites_apart, node.arguments))
        case _:
            return True


def _has_site(labels: Iterable[str]) -> bool:
    return set(SITE_LABELS) <= set(labels)


def _joins_within_sites(node: promql.Binary) -> bool:
    """Whether no sample of one site decides over one of another, or over one that all share."""
    matched = node.on is None or _has_site(node.on)
    match _is_shared(node.left), _is_shared(node.right):
        case True, True:
            return True
        case True, False:
            return matched and node.operator != "unless"
        case False, True:
            return node.operator != "or"
        case _:
            return matched


def _is_shared(node: promql.Node) -> bool:
    """Whether an expression reads only what is the same at all sites."""
    return promql.selectors(node) <= SHARED


def missing(past: Past, rules: Sequence[Rule]) -> list[str]:
    """The series that alerts stand on, that no rule makes, and that the past does not hold.

    Without the calendar, which a site need not have. Raises RulesError.
    """
    made: dict[str, set[str]] = {}
    waiting: set[str] = set()
    for rule in rules:
        read = promql.selectors(_parsed(rule))
        if rule.record:
            made.setdefault(rule.record, set()).update(read)
        else:
            waiting |= read
    found: set[str] = set()
    while waiting:
        found |= waiting
        waiting = {name for each in waiting for name in made.get(each, ())} - found
    return sorted(found - made.keys() - past.names - {HOLIDAY})


@contextmanager
def _named(rule: Rule) -> Iterator[None]:
    """Whatever of a rule is not known is told with its name, as RulesError."""
    try:
        yield
    except promql.UnknownExpressionError as error:
        raise RulesError(f"the rule {rule.named}: {error}") from None


def _parsed(rule: Rule) -> promql.Node:
    with _named(rule):
        return promql.parse(rule.expr)


def _ordered(rules: Sequence[Rule]) -> Ordered:
    waiting = [(rule, _parsed(rule)) for rule in rules]
    done: Ordered = []
    while waiting:
        unmade = {rule.record for rule, _ in waiting if rule.record}
        free = [one for one in waiting if not promql.selectors(one[1]) & unmade]
        if not free:
            raise RulesError(f"some rules need each other: {', '.join(sorted(unmade))}")
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
