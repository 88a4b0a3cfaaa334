"""What guides other than the runbook say about alerts, and what their examples rely on."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest

from alerts.generate import recording
from alerts.generate.model import Recording
from alerts.generate.outputs import alerts
from alerts.generate.thresholds import Thresholds
from tests.yaml_files import load_yaml

ROOT = Path(__file__).resolve().parents[2]


def text(name: str) -> str:
    """A document of the repository."""
    return (ROOT / name).read_text("utf-8")


def test_the_guide_to_pushing_names_the_alert_on_it() -> None:
    named = set(re.findall(r"\bNotAI\w+", text("docs/opentelemetry.md")))

    assert named == {"NotAIOtlpFailing"}
    assert named <= {alert.name for alert in alerts()}


def test_the_guide_says_that_the_image_lacks_grpc_for_as_long_as_it_does() -> None:
    locked = re.findall(r"^([a-z0-9-]+)==", text("requirements/runtime.txt"), re.MULTILINE)

    assert ("The image lacks that extra" in text("docs/opentelemetry.md")) is (
        "grpcio" not in locked
    )


def test_the_readmes_example_says_what_several_exporters_of_a_key_need() -> None:
    _, _, below = text("README.md").partition("```promql\n")
    example, _, words = below.partition("```")

    assert "sum by (integration)" not in example
    assert "max by (integration)" in example
    assert "sum by (integration)" in words.partition("\n\n##")[0].split("\n\n")[1]


@pytest.mark.parametrize("said", ["pint was not run", "check rules --lint=all --lint-fatal"])
def test_the_runbook_says_what_checks_the_rules_and_what_did_not(said: str) -> None:
    assert said in text("docs/runbooks/alerts.md")


def test_the_compose_files_alertmanager_has_the_inhibition_that_is_shipped() -> None:
    shipped = load_yaml(text("alerts/alertmanager/inhibition.yaml"))
    compose = load_yaml(text("deploy/compose/alertmanager/alertmanager.yml"))

    assert compose["inhibit_rules"] == shipped["inhibit_rules"]


def test_inhibition_names_alerts_that_exist() -> None:
    names = [alert.name for alert in alerts()]

    for rule in load_yaml(text("alerts/alertmanager/inhibition.yaml"))["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            pattern = re.fullmatch(r'alertname =~ "(.+)"', matcher)
            assert pattern is not None
            for part in pattern[1].split("|") if "(" not in pattern[1] else [pattern[1]]:
                assert any(re.fullmatch(part, name) for name in names), part


def test_the_guide_lists_each_threshold_and_only_recording_rules_that_exist() -> None:
    guide = text("docs/alerts.md")
    rules = [rule for group in recording.groups(Thresholds()) for rule in group.rules]
    recorded = {rule.record for rule in rules if isinstance(rule, Recording)}

    for name, value in asdict(Thresholds()).items():
        row = next(line for line in guide.splitlines() if f"--{name.replace('_', '-')}`" in line)
        assert f"{value:g}" in row
    named = set(re.findall(r"`(job_\w+:\w+:\w+)`", guide))
    assert named
    assert named <= recorded
