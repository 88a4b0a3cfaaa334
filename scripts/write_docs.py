"""Rewrite the tables in the documents that follow from the code, between their markers.

Settings come from the settings model, metrics from the catalogue, the cost of polling from the same
arithmetic that `isnotai-exporter check` prints. All other text is kept as it is; a test holds the
documents equal to what is made here.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from alerts.generate.outputs import alerts
from exporter.cli import COMMANDS
from exporter.collect import registry
from exporter.commands import cost
from exporter.commands.audit import DIFFERENT
from exporter.commands.daemon import EXIT_CODES
from exporter.metrics import catalogue
from exporter.metrics.model import Metric
from exporter.settings import Settings, all_settings
from exporter.settings.describe import UNSET
from exporter.terminal import BROKEN_PIPE, INTERRUPTED
from scripts.generated import add_options, write_or_check

ROOT = Path(__file__).resolve().parent.parent

TIERS = ("free", "pro", "enterprise")
RATES = (0.0, 0.1, 0.5, 1.0, 5.0, 10.0, 100.0)
"""Sessions a second: the rows of the table of costs."""

#: Labels that stand for something there may be several of, and what that is.
_ONE_PER = {"place": "place", "resource": "resource", "window": "window", "code": "code met"}
#: Of single metrics: the label's values are what the settings, or the catalogue, list.
_LISTED = {catalogue.QUOTA_LIMIT: "limit set", catalogue.QUOTA_USED: "limit set"}
#: Labels of infos: one series, whatever they say.
_FACTS = frozenset({"api_region", "api_tier", "version", "revision"})
#: A bounded family without `other`, as its numbers cannot be added up.
_WITHOUT_OTHER = frozenset({catalogue.STATS, catalogue.COURSE_STATS})


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; ends with a newline."""
    head, *body = (f"| {' | '.join(cells)} |\n" for cells in (heads, *rows))
    return "".join((head, "|---" * len(heads), "|\n", *body))


def settings_table() -> str:
    """Every setting in the order of the model."""
    rows = []
    for setting in all_settings():
        variable = f"`{setting.variable}`" if setting.variable else UNSET
        default = setting.default if setting.default_in_words else f"`{setting.default}`"
        meaning = setting.help.replace("|", r"\|").replace("*", r"\*")
        rows.append((f"`{setting.name}`", variable, default, meaning))
    return _table(("Setting", "Variable", "Default", "Meaning"), rows)


def metrics_table() -> str:
    """Every metric of the catalogue, in its order."""
    rows = []
    for metric in catalogue.METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
        rows.append(
            (f"`{metric.exposed_name}`", metric.kind, labels, cardinality(metric), metric.help)
        )
    return _table(("Metric", "Type", "Labels", "Cardinality", "Meaning"), rows)


def cardinality(metric: Metric) -> str:
    """How many series the family has, in words.

    Raises ValueError for a label of which nothing says how many values it has.
    """
    # A histogram has a series for each bucket, +Inf, sum and count.
    number = len(metric.buckets) + 3 if metric.kind == "histogram" else 1
    per: list[str] = []
    open_label = _open_label(metric)
    for label in metric.labels:
        if label in _ONE_PER:
            per.append(_ONE_PER[label])
        elif label == open_label and metric.max_values is not None:
            number *= metric.max_values + (metric not in _WITHOUT_OTHER)
        elif label in metric.known:
            number *= len(metric.known[label])
        elif metric in _LISTED:
            per.append(_LISTED[metric])
        elif metric is catalogue.EXPORTER_SERIES_DROPPED:
            number *= len(catalogue.BOUNDED)
        elif label not in _FACTS:
            raise ValueError(f"{metric.name}: nothing says how many values the label {label} has")
    most = "at most " if open_label else ""
    return f"{most}{number}" + (f" per {' and '.join(per)}" if per else "")


def _open_label(metric: Metric) -> str | None:
    """The label that the metric's bound is about."""
    if metric.max_values is None:
        return None
    return next(label for label in metric.labels if label not in _ONE_PER)


def resources_table() -> str:
    """Every resource of the API with its setting and what a poll costs."""
    settings = Settings()
    described = {setting.name: setting for setting in all_settings()}
    rows = []
    for resource in registry.RESOURCES:
        setting = described[resource.switch]
        each = "what there is" if resource.requests is None else f"{resource.requests(settings)}"
        default = "off" if setting.default in ("0", "false") else setting.default
        rows.append((resource.name, f"`{setting.name}`", default, each))
    return _table(("`resource`", "Setting", "Default", "Requests a poll"), rows)


def cost_table() -> str:
    """Requests an hour with default settings, by tier and load."""
    settings = Settings()
    heads = [f"{tier} ({cost.allowed_per_hour(settings, tier):,.0f} allowed)" for tier in TIERS]
    rows = [(f"{rate:g}", *(_cost_cell(settings, tier, rate) for tier in TIERS)) for rate in RATES]
    return _table(("Sessions a second", *heads), rows)


def _cost_cell(settings: Settings, tier: str, rate: float) -> str:
    if rate > cost.capacity(settings, tier).limit:
        return "falls behind"
    total = sum(cost.requests_per_hour(settings, tier, rate).values())
    return f"{total:,.0f}" if total <= cost.allowed_per_hour(settings, tier) else "all of it"


def capacity_table() -> str:
    """What the default budget allows, by tier."""
    settings = Settings()
    heads = ("Tier", "Requests/minute allowed", "Left for sessions", "Full rhythm up to", "Limit")
    rows = []
    for tier in TIERS:
        capacity = cost.capacity(settings, tier)
        allowed = cost.allowed_per_hour(settings, tier)
        left = cost.left_per_hour(settings, tier) / 60
        rhythm, limit = f"{capacity.rhythm:,.2f} sessions/s", f"{capacity.limit:,.1f} sessions/s"
        rows.append((tier, f"{allowed / 60:,.0f}", f"{left:,.1f}", rhythm, limit))
    return _table(heads, rows)


def commands_table() -> str:
    """Every command with its one line of help."""
    rows = [(f"`isnotai-exporter {name}`", it.summary) for name, it in COMMANDS.items()]
    return _table(("Command", "Meaning"), [("`isnotai-exporter`", "run the daemon"), *rows])


def alerts_table() -> str:
    """Every alert with its severity and the runbook's part on it."""
    rows = []
    for alert in alerts():
        runbook = f"../runbooks/alerts.md#{alert.name.lower()}"
        hold = "at once" if alert.hold == "0s" else alert.hold
        means = re.sub(r"\{\{.*?\}\}|\[\[.*?\]\]", "…", alert.summary).replace("|", r"\|")
        name = f"[`{alert.name}`]({runbook})"
        rows.append((name, alert.severity, alert.audience, hold, means))
    return _table(("Alert", "Severity", "For", "Fires after", "Means"), rows)


def exit_codes() -> dict[int, str]:
    """What each exit code says, in their order, as Markdown."""
    said = {
        0: ["it is done; for the daemon: it was told to end"],
        1: [
            "it failed: the API, the state or a file could not be read or written",
            "`check`: something does not work",
        ],
        2: ["a setting, a flag or an option is bad; nothing was asked or written"],
        DIFFERENT: ["`audit`: the ledger and the list do not agree"],
        INTERRUPTED: ["Ctrl-C"],
        BROKEN_PIPE: ["whoever read the output went away"],
    }
    for kind, code in EXIT_CODES:
        cause = re.split(r"\.\s|\.$", kind.__doc__ or "")[0]
        said[code].append(cause[:1].lower() + cause[1:])
    return {code: "; ".join(said[code]) for code in sorted(said)}


def exit_codes_table() -> str:
    """The same as a table."""
    return _table(
        ("Code", "Meaning"), [(str(code), meaning) for code, meaning in exit_codes().items()]
    )


#: Which made tables each document holds, by the name in their markers.
DOCUMENTS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "README.md": {
        "commands": commands_table,
        "settings": settings_table,
        "resources": resources_table,
        "metrics": metrics_table,
    },
    "docs/reference/settings.md": {"settings": settings_table},
    "docs/reference/metrics.md": {"metrics": metrics_table},
    "docs/reference/alerts.md": {"alerts": alerts_table},
    "docs/commands.md": {"commands": commands_table, "exit-codes": exit_codes_table},
    "docs/quota.md": {"cost": cost_table, "capacity": capacity_table},
}


def made(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """`text` with each table between `<!-- begin NAME … -->` and `<!-- end NAME -->` made anew.

    Raises ValueError where a pair of markers is not there exactly once.
    """
    for name, table in tables.items():
        markers = rf"(<!-- begin {name}\b[^\n]*-->\n).*?(<!-- end {name} -->)"
        kept = re.split(markers, text, flags=re.DOTALL)
        if len(kept) != 4:
            times = len(kept) // 3
            raise ValueError(f"the markers of {name} are there {times} times, not once")
        before, begin, end, after = kept
        # A blank line on either side: without one, Markdown takes the table for part of the marker.
        text = f"{before}{begin}\n{table()}\n{end}{after}"
    return text


def main() -> int:
    """Write the documents, or with `--check` say which are out of date; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_options(parser, ROOT)
    documents = {
        name: made((ROOT / name).read_text("utf-8"), tables) for name, tables in DOCUMENTS.items()
    }
    return write_or_check(documents, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
