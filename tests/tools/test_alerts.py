"""The rules, judged by promtool: each alert by its cases, and the files by its linter."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.alerts.promtool import Story, rule_test_file
from tests.alerts.stories import STORIES

pytestmark = [pytest.mark.tools, pytest.mark.timeout(1000)]

ALERTS = Path(__file__).resolve().parents[2] / "alerts"
RULES = [str(ALERTS / "prometheus" / name) for name in ("recording.yaml", "alerts.yaml")]


def succeeds(*command: str) -> None:
    """Run a program to its end; what it prints is shown where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def expressions(rule: dict[str, Any]) -> tuple[str, ...]:
    """The expressions of a rule, those in its annotations among them."""
    return (rule["expr"], *rule.get("annotations", {}).values())


def needed_rules(alert: str, *, texts: bool) -> dict[str, Any]:
    """The alert's rule and the recording rules that it stands on, as the files have them.

    A week of all rules takes promtool a minute; a week of these, a second. texts: with its
    annotations, and what they ask for.
    """
    rules = [
        rule
        for path in RULES
        for group in yaml.safe_load(Path(path).read_text())["groups"]
        for rule in group["rules"]
    ]
    (wanted,) = (rule for rule in rules if rule.get("alert") == alert)
    if not texts:
        del wanted["annotations"]
    records = [rule for rule in rules if "record" in rule]
    needed: list[dict[str, Any]] = []

    def add_needs_of(rule: dict[str, Any]) -> None:
        for other in records:
            asked = any(other["record"] in text for text in expressions(rule))
            if asked and other is not rule and other not in needed:
                add_needs_of(other)
                needed.append(other)

    add_needs_of(wanted)
    return {"groups": [{"name": "needed", "rules": [*needed, wanted]}]}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.alert)
def test_alert_fires_when_it_should_and_only_then(
    tool: Callable[[str], Path], tmp_path: Path, story: Story
) -> None:
    kinds = {(case.step, case.reads_texts) for case in story.cases}
    for step, texts in kinds:
        cases = [case for case in story.cases if (case.step, case.reads_texts) == (step, texts)]
        rules = tmp_path / f"rules-{texts}.yaml"
        rules.write_text(yaml.safe_dump(needed_rules(story.alert, texts=texts)))
        path = tmp_path / f"{story.alert}-{step}-{texts}.yaml"
        path.write_text(yaml.safe_dump(rule_test_file([str(rules)], story, cases), sort_keys=False))
        succeeds(str(tool("promtool")), "test", "rules", str(path))


def test_rule_files_pass_all_of_promtools_lint(tool: Callable[[str], Path]) -> None:
    succeeds(str(tool("promtool")), "check", "rules", "--lint=all", "--lint-fatal", *RULES)


def test_operators_rules_pass_all_of_promtools_lint(
    tool: Callable[[str], Path], tmp_path: Path
) -> None:
    resource = yaml.safe_load((ALERTS / "kubernetes" / "prometheusrule.yaml").read_text())
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(resource["spec"]))

    succeeds(str(tool("promtool")), "check", "rules", "--lint=all", "--lint-fatal", str(path))


def test_operators_resource_is_valid_by_the_operators_own_definition(
    shared_file: Callable[[str], Path],
) -> None:
    kind = "prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"
    # Go allows a flag in the middle of a pattern, Python only at its start.
    text = shared_file(kind).read_text().replace("^(?i)", "(?i)^")
    definition = yaml.safe_load(text)
    resource = yaml.safe_load((ALERTS / "kubernetes" / "prometheusrule.yaml").read_text())

    jsonschema.validate(resource, definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
