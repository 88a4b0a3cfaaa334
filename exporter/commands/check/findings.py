"""What a check finds: a level, a name, a line, and the remedy where something is to be done."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from exporter.commands.screen import BAD, GOOD, WARN, mark, wrapped
from exporter.redaction import redact
from exporter.terminal import say

LEVELS = (GOOD, WARN, BAD)
NAME_COLUMNS = 12


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. level: good, warning or bad. remedy: what to do, if any."""

    level: str
    name: str
    text: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        shown = {"level": self.level, "name": self.name, "text": self.text, "remedy": self.remedy}
        return {name: redact.text(text) for name, text in shown.items()}

    def line(self, indent: str = "") -> str:
        """`✗ key  refused → what to do`; on a terminal its further lines stand below the text."""
        remedy = f" → {self.remedy}" if self.remedy else ""
        text = redact.text(f"{self.text}{remedy}")
        before = len(indent) + len("✗ ") + NAME_COLUMNS + 1
        laid = wrapped(text, before, before)
        return f"{indent}{mark(self.level)} {self.name:{NAME_COLUMNS}} {laid}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of one integration; or of what all share, without a name.

    summary: it all in a line. series: how many of each metric.
    """

    findings: Sequence[Finding]
    integration: str = ""
    summary: str = ""
    series: Sequence[tuple[str, int]] = field(default=())

    @property
    def level(self) -> str:
        """The worst of it."""
        return worst(self.findings)

    def as_json(self) -> dict[str, object]:
        return {
            "integration": self.integration,
            "level": self.level,
            "summary": self.summary,
            "findings": [finding.as_json() for finding in self.findings],
            "series": dict(self.series),
        }

    def show(self, *, all_of_it: bool, series: bool) -> None:
        """Print it: what is not good, and the rest where `all_of_it` is wanted."""
        indent = ""
        if self.integration:
            say()
            summary = redact.text(f"{self.integration}: {self.summary}")
            say(f"{mark(self.level)} {summary}")
            indent = "  "
        for finding in self.findings:
            if all_of_it or finding.level != GOOD:
                say(finding.line(indent))
        for name, count in self.series if series else ():
            say(f"    {count:5} {name}")


def worst(findings: Iterable[Finding]) -> str:
    """The worst level of them; good without any."""
    return max((finding.level for finding in findings), key=LEVELS.index, default=GOOD)


def verdict(reports: Sequence[Report]) -> tuple[str, str]:
    """The level of it all, and a line that begins with what matters most."""
    bad = [_named(report, it) for report in reports for it in report.findings if it.level == BAD]
    odd = [_named(report, it) for report in reports for it in report.findings if it.level == WARN]
    if bad:
        return BAD, f"{len(bad)} failed: {', '.join(bad)}"
    if odd:
        return WARN, f"it works; to look at: {', '.join(odd)}"
    return GOOD, "all is well"


def _named(report: Report, finding: Finding) -> str:
    return f"{finding.name} ({report.integration})" if report.integration else finding.name
