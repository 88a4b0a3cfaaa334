"""A backtest reads what is given, says what would have fired, and refuses what it cannot read."""

from collections.abc import Callable
from math import isnan, nan
from pathlib import Path

import httpx
import pytest
import yaml

from alerts.generate.holidays import holidays
from alerts.generate.outputs import files
from alerts.generate.thresholds import Thresholds
from exporter.backtest.evaluate import Past
from exporter.backtest.past import COUNTERS, GAUGES, PastError, read_file, read_prometheus
from exporter.backtest.promql import UnknownExpressionError, minutes, parse, selectors
from exporter.backtest.report import strips, table
from exporter.backtest.rules import HOLIDAY, Firing, missing, read, run, shipped, thresholds
from exporter.cli import main

HERE = (("integration", "campus"),)
START = 1_789_948_800
ALERTS = Path(__file__).resolve().parents[2] / "alerts"


def counter(*parts: tuple[float, int]) -> list[float]:
    """A counter that grows by so much a minute, for so many minutes."""
    total, column = 0.0, []
    for each, count in parts:
        for _ in range(count):
            column.append(total)
            total += each
    return column


def written(path: Path, sessions: list[float], bots: list[float]) -> Path:
    """An OpenMetrics file as backfill writes it, a sample a minute."""
    lines = ["# TYPE isnotai_sessions counter"]
    for name, column in (("sessions", sessions), ("bot_sessions", bots)):
        lines += [
            f'isnotai_{name}_total{{integration="campus"}} {value:.0f} {START + 60 * at}'
            for at, value in enumerate(column)
        ]
    path.write_text("\n".join([*lines, "# EOF", ""]))
    return path


WAVE = (counter((10, 480)), counter((0.1, 360), (2, 120)))


def test_a_wave_in_a_file_is_told_with_its_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "past.om", *WAVE)

    assert main(["backtest", "--file", str(path)], {}) == 0

    out = capsys.readouterr().out
    assert "NotAIBotShareSpike         critical       1" in out
    assert "2026-09-21       PP" in out
    assert "with a page ratio of 2.5: 1 pages on bots" in out


def test_a_threshold_of_ones_own_decides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "past.om", *WAVE)

    assert main(["backtest", "--file", str(path), "--threshold", "page_ratio=99"], {}) == 0

    assert "NotAIBotShareSpike         critical       0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--file or --prometheus-url"),
        (["--file", "a", "--prometheus-url", "b"], "--file or --prometheus-url"),
        (["--file", "a", "--since", "1"], "--since"),
        (["--file", "a", "--threshold", "pages=3"], "there is no 'pages'"),
        (["--file", "a", "--threshold", "page_ratio=x"], "page_ratio"),
        (["--file", "a", "--threshold", "page_ratio=nan"], "page_ratio: nan is not a number above"),
        (["--file", "a", "--threshold", "page_ratio=-1"], "page_ratio: -1 is not a number above 0"),
    ],
)
def test_bad_options_are_one_line_that_names_them(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backtest", *arguments], {}) == 2

    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_or_holds_nothing_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.om"
    empty.write_text("# EOF\n")

    assert main(["backtest", "--file", str(tmp_path / "none.om")], {}) == 1
    assert main(["backtest", "--file", str(empty)], {}) == 1

    assert "isnotai_sessions_total is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("isnotai_sessions_total abc 1790000000", "line 2: abc at 1790000000"),
        ("isnotai_sessions_total 1 1.79.1", "line 2: 1 at 1.79.1"),
        ("isnotai_sessions_total 1 1790000000000", "Unix seconds"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(
    line: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "past.om"
    path.write_text(f"isnotai_sessions_total 1 {START}\n{line}\n# EOF\n")

    assert main(["backtest", "--file", str(path)], {}) == 1

    (last,) = capsys.readouterr().err.splitlines()[-1:]
    assert said in last
    assert str(path) in last


def test_a_label_may_hold_a_brace(tmp_path: Path) -> None:
    path = tmp_path / "past.om"
    path.write_text(f'isnotai_session_flags_total{{flag="a}}\\"b"}} 1 {START}\n')

    past, _ = read_file(path)

    assert len(past.evaluate(parse("isnotai_session_flags_total"))) == 1


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


def test_the_generators_calendar_is_understood() -> None:
    day = 86400
    limits = Thresholds()
    texts = files(limits=limits, holidays=holidays("1970-01-02", "+01:00"))
    groups = yaml.safe_load(texts["prometheus/recording.yaml"])["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    (rule,) = (rule for rule in rules if rule["record"] == "isnotai:holiday")

    (column,) = Past(3 * day // 60).evaluate(parse(rule["expr"])).values()

    holiday = [at * 60 for at, value in enumerate(column) if value == 1]
    assert (holiday[0], holiday[-1] + 60) == (day - 3600, 2 * day - 3600)
    assert len(holiday) == 1440


def test_gaps_of_a_longer_step_are_filled_and_long_ones_are_not(tmp_path: Path) -> None:
    path = tmp_path / "past.om"
    at = [0, 5, 10, 40]
    path.write_text(
        "".join(f"isnotai_sessions_total {m} {START + 60 * m}\n" for m in at), encoding="utf-8"
    )

    past, start = read_file(path)

    (column,) = past.evaluate(parse("isnotai_sessions_total")).values()
    assert start == START
    assert column[4] == 0
    assert column[9] == 5
    assert all(isnan(value) for value in column[11:40])


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(answer))


def test_a_prometheus_is_asked_in_parts_for_what_the_alerts_read_alone() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        text = request.content.decode()
        asked.append(text)
        result = []
        if "query=isnotai_sessions_total" in text:
            metric = {"__name__": "isnotai_sessions_total", "integration": "campus"}
            result = [{"metric": metric, "values": [[START, "1"], [START + 60, "2"]]}]
        return httpx.Response(200, json={"data": {"result": result}})

    past, start = read_prometheus(
        "http://prometheus:9090/", START, START + 12 * 86400, answering(answer)
    )

    assert past.evaluate(parse("isnotai_sessions_total")) == {HERE: [1, 2]}
    assert start == START
    assert len(asked) == 11 * 3
    assert missing(past, read(shipped())) == sorted({*COUNTERS, *GAUGES} - past.names - {HOLIDAY})


@pytest.mark.parametrize("status", [200, 500])
def test_a_prometheus_that_does_not_answer_well_is_told(status: int) -> None:
    client = answering(lambda _: httpx.Response(status, text="<html>"))

    with pytest.raises(PastError, match="does not answer"):
        read_prometheus("http://prometheus:9090", START, START + 60, client)


def test_all_shipped_rules_about_sessions_are_understood() -> None:
    rules = read(shipped())

    assert run(Past(3), rules, {}) == []
    assert thresholds(rules)["page_ratio"] == 2.5


@pytest.mark.parametrize("text", ["sum(", "a ? b", "deriv(a[5m])", "(a + b) offset 1d", "a b", ""])
def test_what_is_not_known_is_refused(text: str) -> None:
    past = Past(1)
    past.add("a", (), [1.0])
    with pytest.raises(UnknownExpressionError):
        past.evaluate(parse(text))


def test_durations_and_names_are_read() -> None:
    assert [minutes(text) for text in ("30s", "5m", "1h30m", "1w", "0s")] == [1, 5, 90, 10080, 0]
    assert selectors(parse("sum by (x) (a offset 1d) / b[5m:1m] unless c")) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a - a offset 1m", [nan, 1, 2, 3]),
        ("max_over_time(a[2m])", [1, 2, 4, 7]),
        ("sum_over_time(a[2m])", [1, 3, 6, 11]),
        ("a > 2 or vector(0)", None),
        ("clamp_min(a, 3)", [3, 3, 4, 7]),
        ("a > bool 2", [0, 0, 1, 1]),
        ("a unless a > 2", [1, 2, nan, nan]),
    ],
)
def test_expressions_have_the_values_that_prometheus_gives(
    text: str, expected: list[float] | None
) -> None:
    past = Past(4)
    past.add("a", HERE, [1.0, 2.0, 4.0, 7.0])

    found = past.evaluate(parse(text))

    if expected is None:
        assert set(found) == {HERE, ()}
    else:
        assert [None if isnan(x) else x for x in found[HERE]] == [
            None if isnan(x) else x for x in expected
        ]


def test_the_strip_shows_what_weighs_most_in_an_hour() -> None:
    fired = [
        Firing("a", "info", HERE, 0, 180),
        Firing("b", "warning", HERE, 60, 120),
        Firing("c", "critical", HERE, 60, 61),
    ]

    assert list(strips(fired, START, 1440))[1:] == [f"2026-09-21 .P.{' ' * 21}|"]
    assert list(table(fired, {"a": "info"}, 1440))[1].split() == ["a", "info", "1", "30.4", "3.0"]
