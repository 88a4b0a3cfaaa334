"""Which rules a backtest runs, and that it names those that it cannot run."""

from pathlib import Path

import pytest

from alerts.generate.holidays import holidays
from alerts.generate.outputs import files
from exporter.backtest.evaluate import Past
from exporter.backtest.promql import parse
from exporter.backtest.rules import Outcome, read, read_with_rest, run, shipped, thresholds
from exporter.cli import main
from tests.backtest.test_backtest import written

ALERTS = Path(__file__).resolve().parents[2] / "alerts"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["grafana/alerting.yaml"], "no file of Prometheus' rules"),
        (["prometheus/alerts.yaml"], "give recording.yaml, too"),
        (["prometheus/recording.yaml"], "give alerts.yaml, too"),
        (["alertmanager/inhibition.yaml"], "no file of Prometheus' rules"),
        (["none.yaml"], "No such file"),
    ],
)
def test_rules_that_cannot_be_run_are_told(
    names: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = [f"--rules={ALERTS / name}" for name in names]

    assert main(["backtest", "--file", str(tmp_path / "past.om"), *rules], {}) == 1

    assert said in capsys.readouterr().err.splitlines()[-1]


RULE = "groups: [{name: notai-ledger, rules: [%s]}]"
VALUE = '"vector(2.5)"'
PAGE = "{record: 'isnotai:alert_threshold', labels: {name: page_ratio}, expr: %s}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{record: a, expr: b, for: 5}", "got `int` - at `$.groups[0].rules[0].for`"),
        ("{record: a, alert: b, expr: c}", "either `record` or `alert`"),
        (PAGE % "abc", "'abc' is not a number as vector(2.5)"),
        (PAGE % '"vector(abc)"', "takes a scalar"),
        ("{record: a, expr: b}", "the threshold page_ratio is missing"),
        (f"{PAGE % VALUE}, {{alert: a, expr: 'clamp_min(x)'}}", "rule a: clamp_min takes"),
        (f"{PAGE % VALUE}, {{alert: a, expr: 'clamp_max(x, x)'}}", "rule a: clamp_max takes"),
        (f"{PAGE % VALUE}, {{alert: a, expr: 'label_replace(x)'}}", "rule a: label_replace takes"),
        (f"{PAGE % VALUE}, {{alert: a, expr: 'topk(x)'}}", "rule a: topk takes"),
        (f"{PAGE % VALUE}, {{alert: a, expr: 'x{{y=~\"(\"}}'}}", "rule a: '(' is no pattern"),
        (f"{PAGE % VALUE}, {{alert: a, expr: 'a +'}}", "rule a: the expression ends too early"),
        (f"{PAGE % VALUE}, {{alert: a, expr: x, for: soon}}", "rule a: 'soon' is no duration"),
        (f"{PAGE % VALUE}, {{alert: a, expr: a}}, {{record: b, expr: b}}", "need each other: b"),
    ],
)
def test_a_rule_that_cannot_be_run_is_named(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, past = tmp_path / "rules.yaml", written(tmp_path / "past.om", [0, 1], [0, 0])
    path.write_text(RULE % text)

    assert main(["backtest", "--file", str(past), f"--rules={path}"], {}) == 1

    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("group", ["my-security", "notai-operations"])
def test_rules_that_are_not_evaluated_are_told(
    group: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, past = tmp_path / "rules.yaml", written(tmp_path / "past.om", [0, 1], [0, 0])
    alerts = ("NotAIApiUnreachable", "NotAIBotShareSpike", "Mine")
    own = f"{', '.join(f'{{alert: {one}, expr: a}}' for one in alerts)}, {{record: 'm:a', expr: b}}"
    page = f"{{name: notai-ledger, rules: [{PAGE % VALUE}, {{alert: a, expr: a}}]}}"
    path.write_text(f"groups: [{page}, {{name: {group}, rules: [{own}]}}]")

    assert main(["backtest", "--file", str(past), f"--rules={path}"], {}) == 0

    (line,) = (x for x in capsys.readouterr().out.splitlines() if "not evaluated, for" in x)
    assert line.startswith("not evaluated, for their group is none of notai-thresholds, ")
    assert line.endswith(": NotAIBotShareSpike, Mine, m:a")


def test_the_resource_is_found_among_the_manifests_of_a_chart(tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    rules = (ALERTS / "kubernetes/prometheusrule.yaml").read_text()
    path.write_text(f"---\n---\nkind: ConfigMap\ndata: {{}}\n---\n{rules}---\nkind: Service\n")

    assert read([path]) == read(shipped())

    path.write_text(f"{path.read_text()}---\ngroups: [{{name: a, rules: [{{alert: b, expr: c}}]}}]")

    assert read_with_rest([path]) == (read(shipped()), ["b"])


@pytest.mark.parametrize("text", ["kind: Service", "a: 2026-99-99"])
@pytest.mark.parametrize("before", ["", "---\nkind: ConfigMap\n---\n"])
def test_manifests_without_the_resource_are_told(
    text: str, before: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(f"{before}{text}")

    assert main(["backtest", "--file", "past.om", f"--rules={path}"], {}) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert f"--rules: {path}: " in line
    assert "there is no PrometheusRule in it" in line or "month must be" in line


@pytest.mark.parametrize("text", ["", "groups: 3", "groups: [{name: a, rules: [{}]}]", "a: [", "["])
def test_a_file_of_no_rules_is_told(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(text)

    assert main(["backtest", "--file", "past.om", f"--rules={path}"], {}) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line


def test_the_operators_resource_holds_the_same_rules() -> None:
    assert read([ALERTS / "kubernetes/prometheusrule.yaml"]) == read(shipped())


def test_the_generators_calendar_is_understood(tmp_path: Path) -> None:
    day = 86400
    path = tmp_path / "recording.yaml"
    path.write_text(files(holidays=holidays("1970-01-02", "+01:00"))["prometheus/recording.yaml"])
    rules = read([path, ALERTS / "prometheus/alerts.yaml"])
    (rule,) = (rule for rule in rules if rule.record == "isnotai:holiday")

    (column,) = Past(3 * day // 60).evaluate(parse(rule.expr)).values()

    holiday = [at * 60 for at, value in enumerate(column) if value == 1]
    assert (holiday[0], holiday[-1] + 60) == (day - 3600, 2 * day - 3600)
    assert len(holiday) == 1440


def test_all_shipped_rules_about_sessions_are_understood() -> None:
    rules = read(shipped())

    assert run(Past(3), rules, {}) == Outcome([], set())
    assert thresholds(rules)["page_ratio"] == 2.5
