"""What guides other than the runbook say about alerts, and what their examples rely on."""

import re
from pathlib import Path

import pytest

from alerts.generate.outputs import alerts

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

    assert "sum by (integration)" in example
    assert "max by (integration)" in words.partition("\n\n##")[0].split("\n\n")[1]


@pytest.mark.parametrize("said", ["pint was not run", "check rules --lint=all --lint-fatal"])
def test_the_runbook_says_what_checks_the_rules_and_what_did_not(said: str) -> None:
    assert said in text("docs/runbooks/alerts.md")
