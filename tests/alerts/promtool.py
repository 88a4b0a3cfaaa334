"""Cases of an alert, and promtool's test file made from them.

A case feeds series from time 0 on and says which alerts must be firing when. Nothing here is taken
from the source of the rules: labels, texts and links are expected literally.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

Kind = Literal["fires", "boundary", "silent"]

RUNBOOK = "https://github.com/isnotai-exporter/isnotai-exporter/blob/main/docs/runbooks/alerts.md#"
DASHBOARDS = "/d/"

TARGET = {"job": "isnotai", "instance": "a:10984"}
CAMPUS = {**TARGET, "integration": "campus"}
WEEK = 7 * 24 * 60


@dataclass(frozen=True)
class Firing:
    """One alert as Alertmanager gets it. labels: besides severity and audience.

    description: empty where a case is about whether it fires; then no text is compared.
    """

    labels: Mapping[str, str]
    summary: str
    description: str


@dataclass(frozen=True)
class Case:
    """One story. at: minutes after the start, with what must be firing then.

    step: minutes between two samples, and between two evaluations.
    """

    kind: Kind
    says: str
    series: Mapping[str, str]
    at: Mapping[int, Sequence[Firing]]
    step: int = 1

    @property
    def reads_texts(self) -> bool:
        """Whether the texts of what fires are compared."""
        return all(one.description for firing in self.at.values() for one in firing)


@dataclass(frozen=True)
class Story:
    """All cases of one alert, with what is common to whatever it raises."""

    alert: str
    severity: str
    audience: str
    dashboard: str
    cases: Sequence[Case] = field(default_factory=tuple)


def named(metric: str, labels: Mapping[str, str] = CAMPUS, /, **more: str) -> str:
    """A series in promtool's notation."""
    inner = ",".join(f'{name}="{value}"' for name, value in {**labels, **more}.items())
    return f"{metric}{{{inner}}}"


def steady(value: float, samples: int) -> str:
    """The same value, so many times."""
    return f"{value}+0x{samples - 1}"


def rising(per_sample: float, samples: int, start: float = 0) -> str:
    """A counter that grows evenly."""
    return f"{start}+{per_sample}x{samples - 1}"


def phases(*parts: tuple[float, int], start: float = 0) -> str:
    """A counter that grows by so much a sample, for so many samples, part after part."""
    words, value = [], start
    for per_sample, samples in parts:
        words.append(rising(per_sample, samples, value))
        value += per_sample * samples
    return " ".join(words)


def frontier(*parts: tuple[float, int], step: int = 1) -> str:
    """A frontier that is so many seconds behind the clock, for so many samples, part after part.

    A part of None seconds would be a frontier that stands still: use `standing`.
    """
    words, at = [], 0
    for behind, samples in parts:
        words.append(rising(60 * step, samples, at * 60 * step - behind))
        at += samples
    return " ".join(words)


def entry_of(story: Story, case: Case) -> dict[str, Any]:
    """One entry of promtool's `tests`."""
    expected = []
    for minutes, firing in case.at.items():
        alerts = [_expected(story, one, case.reads_texts) for one in firing]
        expected.append(
            {"eval_time": f"{minutes}m", "alertname": story.alert, "exp_alerts": alerts}
        )
    return {
        "name": f"{story.alert} {case.kind}: {case.says}",
        "interval": f"{case.step}m",
        "input_series": [
            {"series": series, "values": values} for series, values in case.series.items()
        ],
        "alert_rule_test": expected,
    }


def _expected(story: Story, firing: Firing, texts: bool) -> dict[str, Any]:
    dashboard = DASHBOARDS + story.dashboard
    if "integration" in firing.labels:
        dashboard += f"?var-integration={quote(firing.labels['integration'])}"
        for label in ("cluster", "namespace", "job"):
            if label in firing.labels:
                dashboard += f"&var-{label}={quote(firing.labels[label])}"
    labels = {**firing.labels, "severity": story.severity, "audience": story.audience}
    if not texts:
        return {"exp_labels": labels}
    return {
        "exp_labels": labels,
        "exp_annotations": {
            "summary": firing.summary,
            "description": firing.description,
            "runbook_url": RUNBOOK + story.alert.lower(),
            "dashboard_url": dashboard,
        },
    }


def rule_test_file(rules: Sequence[str], story: Story, cases: Sequence[Case]) -> dict[str, Any]:
    """A file for `promtool test rules`; all cases in it share one step."""
    (step,) = {case.step for case in cases}
    return {
        "rule_files": list(rules),
        "evaluation_interval": f"{step}m",
        "tests": [entry_of(story, case) for case in cases],
    }
