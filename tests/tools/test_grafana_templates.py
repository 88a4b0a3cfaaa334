"""The texts of the Grafana-managed alerts, executed by the expander that Grafana itself uses."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.alerts.grafana import Rule, load

pytestmark = pytest.mark.tools

FILE = Path(__file__).resolve().parents[2] / "alerts/grafana/alerting.yaml"
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


def rendered(program: Path, texts: list[str], rule: Rule) -> list[dict[str, str]]:
    values = dict.fromkeys(rule.models, 0.25)
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
        for said in rendered(tool("rule-engine"), list(rule.annotations.values()), rule):
            assert said["error"] == "", rule.title
            assert not re.search(r"no value|%!|\[\[|\{\{|\$", said["text"]), said["text"]


def test_a_doubled_dollar_is_an_error(tool: Callable[[str], Path]) -> None:
    (rule, *_) = load(yaml.safe_load(FILE.read_text()), {})

    (said,) = rendered(tool("rule-engine"), ["{{ $$labels.instance }}"], rule)

    assert said["error"]
