"""What a rule is: an expression with its name, or an alert with all that its reader needs.

Plain immutable values; nothing here knows an output format.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from exporter.backtest.evaluate import SITE_LABELS

Severity = Literal["critical", "warning", "info"]
Audience = Literal["operations", "security"]
Dashboard = Literal["notai-security", "notai-usage", "notai-exporter"]

RUNBOOKS = "https://github.com/isnotai-exporter/isnotai-exporter/blob/main/docs/runbooks/alerts.md"
"""Where the runbook is published; `--runbooks` sets another place."""

GRAFANA = ""
"""Grafana's address, set by `--grafana`; without one, alerts carry no link to a dashboard."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording rule. The name is level:metric:operations, as Prometheus' practices have it.

    Source: https://prometheus.io/docs/practices/rules/
    """

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fact:
    """A number for an alert's text, asked for when it fires.

    expr: gives one series for each site; `{site}` stands where the site's matchers go.
    shown: the template functions that print it.
    """

    expr: str
    shown: str = 'printf "%.0f"'


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert. Its heading in the runbook is its name.

    hold, keep: for how long the expression must hold, and for how long the alert stays after it
    no longer does; Prometheus durations. summary, description: Prometheus templates, in which
    `[[name]]` is a fact. audience: whom it is for. dashboard: the uid of the one that shows it.
    """

    name: str
    expr: str
    summary: str
    description: str
    severity: Severity = "warning"
    hold: str = "0s"
    keep: str = "0s"
    audience: Audience = "operations"
    dashboard: Dashboard = "notai-exporter"
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def runbook_url(self, base: str) -> str:
        """The alert's heading in the runbook at `base`."""
        return f"{base}#{self.name.lower()}"

    def dashboard_url(self, grafana: str) -> str:
        """The dashboard, for the alert's site where it has one."""
        url = f"{grafana}/d/{self.dashboard}"
        if "$labels.integration" in self.summary:
            url += "?var-integration={{ $labels.integration | urlquery }}"
            for label in (one for one in SITE_LABELS if one != "integration"):
                # Most sites have no cluster, and a variable without a value would choose nothing.
                value = "{{ . | urlquery }}"
                url += f"{{{{ with $labels.{label} }}}}&var-{label}={value}{{{{ end }}}}"
        return url


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together. interval: a Prometheus duration."""

    name: str
    interval: str
    rules: tuple[Recording, ...] | tuple[Alert, ...]
