"""The rules, judged by promtool: each alert by its cases, and the files by its linter."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.alerts.promtool import Case, Story, frontier, named, rising, rule_test_file, steady
from tests.alerts.stories import STORIES

pytestmark = pytest.mark.tools

ALERTS = Path(__file__).resolve().parents[2] / "alerts"
RULES = [str(ALERTS / "prometheus" / name) for name in ("recording.yaml", "alerts.yaml")]


def succeeds(*command: str) -> None:
    """Run a program to its end; what it prints is shown where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def needed_rules(alert: str) -> dict[str, Any]:
    """The alert's rule and the recording rules that it stands on, as the files have them.

    A week of all rules takes promtool a minute; a week of these, a second.
    """
    rules = [
        rule
        for path in RULES
        for group in yaml.safe_load(Path(path).read_text())["groups"]
        for rule in group["rules"]
    ]
    (wanted,) = (rule for rule in rules if rule.get("alert") == alert)
    kept = [wanted]
    for rule in reversed([rule for rule in rules if "record" in rule]):
        if any(rule["record"] in other["expr"] for other in kept):
            kept.append(rule)
    return {"groups": [{"name": "needed", "rules": kept[::-1]}]}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.alert)
def test_alert_fires_when_it_should_and_only_then(
    tool: Callable[[str], Path], tmp_path: Path, story: Story
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump(needed_rules(story.alert)))
    steps = {case.step for case in story.cases}
    for step in steps:
        cases = [case for case in story.cases if case.step == step]
        path = tmp_path / f"{story.alert}-{step}.yaml"
        path.write_text(yaml.safe_dump(rule_test_file([str(rules)], story, cases), sort_keys=False))
        succeeds(str(tool("promtool")), "test", "rules", str(path))


def test_a_new_flag_judged_before_the_lag_of_its_catch_up_is_recorded_is_held_back(
    tool: Callable[[str], Path], tmp_path: Path
) -> None:
    *records, alert = needed_rules("NotAINewFlag")["groups"][0]["rules"]
    groups = [{"name": "alert", "rules": [alert]}, {"name": "ledger", "rules": records}]
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump({"groups": groups}))
    fed, down = 1500, 180
    back = fed + down
    still = f"{back * 60 - 3 * 3600}+0x3 {(back + 4) * 60 - 300}+60x30"
    case = Case(
        "silent",
        "an exporter back after 3 h has counted flags, and its frontier is still old",
        {
            named("isnotai_session_frontier_timestamp_seconds"): (
                f"{frontier((300, fed))} stale _x{down - 1} {still}"
            ),
            named("isnotai_sessions_total"): f"{rising(2, fed)} stale _x{down - 1} {fed * 2}+9x30",
            named("isnotai_session_flags_total", flag="webdriver"): f"_x{back} {steady(3, 30)}",
        },
        {minutes: [] for minutes in range(back, back + 10)},
    )
    (story,) = (story for story in STORIES if story.alert == "NotAINewFlag")
    content = rule_test_file([str(rules)], story, [case])
    path = tmp_path / "cases.yaml"
    path.write_text(yaml.safe_dump({**content, "group_eval_order": ["alert", "ledger"]}))

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
