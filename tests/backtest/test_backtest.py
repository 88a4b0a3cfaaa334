"""A backtest says what would have fired, and refuses options that it cannot use."""

from math import isnan, nan
from pathlib import Path

import pytest

from exporter.backtest.evaluate import Past
from exporter.backtest.promql import UnknownExpressionError, minutes, parse, selectors
from exporter.backtest.report import strips, table
from exporter.backtest.rules import Firing, Outcome
from exporter.cli import main

HERE = (("integration", "campus"),)
START = 1_600_646_400


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

    out, err = capsys.readouterr()
    assert err.splitlines() == ["reading the past", "evaluating 480 minutes", "site 1 of 1"]
    assert "NotAIBotShareSpike         critical       1" in out
    assert "2020-09-21       PP" in out
    assert "with a page ratio of 2.5: 1 pages on bots" in out
    assert "NotAIUserMatchingFell      warning   not in this past" in out
    assert "NotAISessionsStopped       critical       0" in out
    assert "without isnotai_up an outage of the API looks like a silence" in out
    assert "not evaluated: the shipped alerts on operations and quota" in out
    assert "not evaluated, for" not in out


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
        (["--file", "a", "--since", "30s"], "--since: must be 1m to 400d, not '30s'"),
        (["--file", "a", "--since", "401d"], "--since: must be 1m to 400d, not '401d'"),
        *(
            (["--file", "a", "--threshold", f"{name}={value}"], f"{name}: must be {allowed}, not")
            for name, value, allowed in (
                ("page_ratio", "x", "a number above 1"),
                ("page_ratio", "nan", "a number above 1"),
                ("page_ratio", "0.01", "a number above 1"),
                ("prior_share", "2", "a number above 0 and below 1"),
                ("prior_flags", "201", "a number above 0, 200 at most"),
                ("page_evidence", "-1", "a number above 0"),
            )
        ),
    ],
)
def test_bad_options_are_one_line_that_names_them(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backtest", *arguments], {}) == 2

    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "url",
    [
        "http://admin:Tr0ub4/dor@127.0.0.1:18080",
        "http://admin:11/dor@127.0.0.1:18080",
        "http://u:Tr0ub4@localhost:port",
        "http://u:Tr0ub4?dor@localhost",
        "http://u:Tr0ub4#dor@localhost",
        "http://[::1",
        "http://u:Tr0ub4@",
        "http://u:Tr0ub4\n@localhost",
        "http://u:Tr0ub4@localhost:65536",
        "http://u:Tr0ub4@xn--",
        "localhost:9090",
        "",
    ],
)
def test_an_address_that_is_no_url_is_told_without_its_password(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backtest", "--prometheus-url", url], {}) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert "--prometheus-url: must be an http or https URL" in line
    assert "Tr0ub4" not in line
    assert "dor" not in line


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

    assert list(strips(fired, START, 1440))[1:] == [f"2020-09-21 .P.{' ' * 21}|"]
    assert list(table(Outcome(fired, {"a"}), {"a": "info"}, 1440))[1].split() == [
        "a",
        "info",
        "1",
        "30.4",
        "3.0",
    ]
