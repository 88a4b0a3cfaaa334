"""Thresholds in the chart, by the real Helm: none is passed over in silence."""

import pytest

from tests.tools.chart import MINIMUM, ChartRefusedError, Helm

pytestmark = pytest.mark.tools

ELSEWHERE = "prometheusRule.recordingRules.elsewhere=true"
ALERTS_ALONE = (
    f"prometheusRule.enabled=true,prometheusRule.recordingRules.enabled=false,{ELSEWHERE}"
)
UNRECORDED = (
    f"prometheusRule.enabled=true,{ELSEWHERE},prometheusRule.disabled={{isnotai:alert_threshold}}"
)
GIVEN = ("--set-json", 'prometheusRule.thresholds={"page_ratio": 3.5}')


def test_thresholds_of_the_site_stand_in_the_recording_rules(helm: Helm) -> None:
    given = '{"page_ratio": 3.5, "min_bots": 8}'

    manifests = helm.template(
        *(*MINIMUM, "--set", "prometheusRule.enabled=true"),
        *("--set-json", f"prometheusRule.thresholds={given}"),
    )

    (resource,) = (one for one in manifests if one["kind"] == "PrometheusRule")
    rules = [rule for group in resource["spec"]["groups"] for rule in group["rules"]]
    thresholds = {
        rule["labels"]["name"]: rule["expr"]
        for rule in rules
        if rule.get("record") == "isnotai:alert_threshold"
    }
    assert thresholds["page_ratio"] == "vector(3.5)"
    assert thresholds["min_bots"] == "vector(8)"
    assert thresholds["ticket_ratio"] == "vector(1.4)"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("prometheusRule.enabled=false", "without prometheusRule.enabled: set that"),
        (ALERTS_ALONE, "without prometheusRule.recordingRules.enabled: set that"),
        (UNRECORDED, "with isnotai:alert_threshold in prometheusRule.disabled"),
    ],
)
def test_thresholds_that_no_rule_would_take_up_are_refused(
    helm: Helm, settings: str, said: str
) -> None:
    assert helm.template(*MINIMUM, "--set", settings)

    with pytest.raises(ChartRefusedError) as refusal:
        helm.template(*MINIMUM, "--set", settings, *GIVEN)

    assert f"thresholds: page_ratio would have no effect {said}" in str(refusal.value)


@pytest.mark.parametrize("value", ["-1", "0", "1"])
def test_a_threshold_out_of_its_bounds_is_refused(helm: Helm, value: str) -> None:
    given = ("--set-json", f'prometheusRule.thresholds={{"page_ratio": {value}}}')

    with pytest.raises(ChartRefusedError, match="/prometheusRule/thresholds/page_ratio"):
        helm.template(*MINIMUM, "--set", "prometheusRule.enabled=true", *given)


def test_one_that_there_is_not_is_refused_by_name_beside_what_else_is_wrong(helm: Helm) -> None:
    with pytest.raises(ChartRefusedError) as refusal:
        helm.template(*MINIMUM, "--set-json", 'prometheusRule.thresholds={"page": 3}')

    assert "thresholds: there is no page, only page_ratio, page_evidence" in str(refusal.value)
    assert "thresholds: page would have no effect" in str(refusal.value)
