"""What a rule is: an expression with its name, or an alert with all that its reader needs.

Plain immutable values; nothing here knows an output format.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning", "info"]
Audience = Literal["operations", "security"]
Dashboard = Literal["notai-security", "notai-usage", "notai-exporter"]

RUNBOOKS = "https://github.com/isnotai-exporter/isnotai-exporter/blob/main/docs/runbooks/alerts.md"
"""Where the runbook is published; `--runbooks` sets another place."""

GRAFANA = "http://localhost:3000"
"""Where Grafana answers in deploy/compose; `--grafana` sets another address."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording rule. The name is level:metric:operations, as Prometheus' practices have it.

    Source: https://prometheus.io/docs/practices/rules/
    """

    record: str
    expr: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert. Its heading in the runbook is its name.

    hold: for how long the expression must hold, a Prometheus duration; `0s` for at once.
    summary, description: Prometheus templates. audience: whom it is for.
    dashboard: the uid of the dashboard that shows what it is about.
    """

    name: str
    expr: str
    hold: str
    severity: Severity
    audience: Audience
    dashboard: Dashboard
    summary: str
    description: str

    def runbook_url(self, base: str) -> str:
        """The alert's heading in the runbook at `base`."""
        return f"{base}#{self.name.lower()}"

    def dashboard_url(self, grafana: str) -> str:
        """The dashboard, for the alert's integration where it has one."""
        url = f"{grafana}/d/{self.dashboard}"
        if "$labels.integration" in self.summary:
            url += "?var-integration={{ $labels.integration | urlquery }}"
        return url


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together. interval: a Prometheus duration."""

    name: str
    interval: str
    rules: tuple[Recording, ...] | tuple[Alert, ...]
