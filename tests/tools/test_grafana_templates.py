"""The texts of the Grafana-managed alerts, executed by the expander that Grafana itself uses."""

import json
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
import yaml

from tests.alerts.grafana import Rule, load

pytestmark = pytest.mark.tools

FILE = Path(__file__).resolve().parents[2] / "alerts/grafana/alerting.yaml"
BROKEN = r"no value|%!|\[\[|\{\{|\$"
LABELS = {
    "job": "isnotai",
    "instance": "a:10984",
    "integration": "campus",
    "resource": "stats",
    "flag": "webdriver",
    "family": "isnotai_stats",
    "window": "24h",
    "metric": "events",
    "kind": "removed",
}


NO_FACTS = {"query", "there", "firing"}
"""What each rule has. Its other queries ask for what its text tells."""


def rendered(program: Path, rule: Rule, values: Iterable[str]) -> list[dict[str, str]]:
    """Each annotation of the rule, where these of its queries gave a value."""
    return expanded(program, list(rule.annotations.values()), dict.fromkeys(values, 0.25))


def expanded(program: Path, texts: list[str], values: Mapping[str, float]) -> list[dict[str, str]]:
    given = [{"text": text, "labels": LABELS, "values": values} for text in texts]
    done = subprocess.run(
        [program, "-templates"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answer: list[dict[str, str]] = json.loads(done.stdout)
    return answer


def test_each_annotation_of_each_rule_is_a_text_with_all_its_numbers(
    tool: Callable[[str], Path],
) -> None:
    for rule in load(yaml.safe_load(FILE.read_text()), {}):
        for said in rendered(tool("rule-engine"), rule, rule.models):
            assert said["error"] == "", rule.title
            assert not re.search(BROKEN, said["text"]), said["text"]


def test_a_number_that_has_no_value_is_a_question_mark(tool: Callable[[str], Path]) -> None:
    rules = [
        rule for rule in load(yaml.safe_load(FILE.read_text()), {}) if rule.models.keys() - NO_FACTS
    ]

    assert len(rules) > 4
    for rule in rules:
        facts = rule.models.keys() - NO_FACTS
        told = rendered(tool("rule-engine"), rule, rule.models.keys() - facts)
        assert not [said for said in told if said["error"] or re.search(BROKEN, said["text"])]
        asked = "".join(said["text"].split("?var-")[0] for said in told)
        assert asked.count("?") == len(facts), asked


def test_a_doubled_dollar_is_an_error(tool: Callable[[str], Path]) -> None:
    (said,) = expanded(tool("rule-engine"), ["{{ $$labels.instance }}"], {})

    assert said["error"]
