"""What of a file is a past, and what of it is refused."""

from math import isnan
from pathlib import Path

import pytest

from exporter.backtest.past import COUNTERS, GAUGES, PastError, read_file
from exporter.backtest.promql import parse
from exporter.backtest.rules import missing, read, shipped
from exporter.cli import main
from tests.backtest.test_backtest import START

NOW = START + 30 * 86400


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
        (
            "isnotai_sessions_total abc 1790000000",
            "line 2: 'isnotai_sessions_total abc 1790000000'",
        ),
        ("isnotai_sessions_total 1 1.79.1", "line 2: 'isnotai_sessions_total 1 1.79.1'"),
        ("isnotai_sessions_total 1 NaN", "line 2: 'isnotai_sessions_total 1 NaN'"),
        ("isnotai_sessions_total  1 1790000000", "line 2: 'isnotai_sessions_total  1 1790000000'"),
        ("isnotai_sessions_total 1", "line 2: 'isnotai_sessions_total 1'"),
        ('isnotai_sessions_total{a="b} 1 1790000000', "line 2: 'isnotai_sessions_total{a="),
        (
            "isnotai_sessions_total 1 1790000000000",
            "line 2: the time '1790000000000' is not between 2015 and tomorrow: times have to be",
        ),
        ("isnotai_up 1 1400000000", "line 2: the time '1400000000' is not between 2015"),
        ("isnotai_sessions_total 1 1500000000", "400 days, 2017-07-14 to 2020-09-21"),
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


def test_a_time_after_tomorrow_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "past.om"
    path.write_text(f"isnotai_sessions_total 1 {START}\n")

    read_file(path, START - 86400)
    with pytest.raises(PastError, match=r"line 1: the time .* is not between 2015 and tomorrow"):
        read_file(path, START - 86401)


def test_lines_may_come_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "past.om"
    at = [2, 0, 1]
    path.write_text("".join(f"isnotai_sessions_total {m} {START + 60 * m}\n" for m in at))

    past = read_file(path, NOW)

    assert past.start == START
    assert past.evaluate(parse("isnotai_sessions_total")) == {(): [0, 1, 2]}


@pytest.mark.parametrize("step", [10, 30])
def test_a_step_that_is_longer_than_the_windows_is_refused(step: int, tmp_path: Path) -> None:
    path = tmp_path / "past.om"
    at = range(0, 300, step)
    path.write_text("".join(f"isnotai_sessions_total {m} {START + 60 * m}\n" for m in at))

    with pytest.raises(PastError, match=f"a sample each {step} min.*backfill --step 1m"):
        read_file(path, NOW)


def test_a_label_may_hold_a_brace(tmp_path: Path) -> None:
    path = tmp_path / "past.om"
    lines = ("isnotai_sessions_total", 'isnotai_session_flags_total{flag="a}\\"b"}')
    path.write_text("".join(f"{line} 1 {START}\n" for line in lines))

    past = read_file(path, NOW)

    assert list(past.evaluate(parse("isnotai_session_flags_total"))) == [
        (("flag", 'a}\\"b'),),
    ]


def test_gaps_of_a_longer_step_are_filled_and_long_ones_are_not(tmp_path: Path) -> None:
    path = tmp_path / "past.om"
    at = [0, 5, 10, 40]
    path.write_text(
        "".join(f"isnotai_sessions_total {m} {START + 60 * m}\n" for m in at), encoding="utf-8"
    )

    past = read_file(path, NOW)

    (column,) = past.evaluate(parse("isnotai_sessions_total")).values()
    assert past.start == START
    assert column[4] == 0
    assert column[9] == 5
    assert all(isnan(value) for value in column[11:40])


def test_gauges_of_a_file_are_read_and_their_gaps_stay(tmp_path: Path) -> None:
    path = tmp_path / "dump.om"
    lines = [
        *(f"isnotai_sessions_total {m} {START + 60 * m}" for m in (0, 3, 4)),
        *(f"isnotai_up 1 {START + 60 * m}.000" for m in (0, 3, 4)),
        f"isnotai_up NaN {START + 60 * 1}",
        f"isnotai:holiday 1 {START}",
        f'other_seconds_bucket{{le="+Inf"}} +Inf {START}',
        f"other {{count:1,sum:2}} {START}",
        "# EOF",
    ]
    path.write_text("\n".join(lines))

    past = read_file(path, NOW)

    (up,) = past.evaluate(parse("isnotai_up")).values()
    assert [at for at, value in enumerate(up) if value == 1] == [0, 3, 4]
    (sessions,) = past.evaluate(parse("isnotai_sessions_total")).values()
    assert list(sessions) == [0, 0, 0, 3, 4]
    assert missing(past, read(shipped())) == sorted({*COUNTERS, *GAUGES} - past.names)
    assert past.names == {"isnotai_sessions_total", "isnotai_up", "isnotai:holiday"}


def test_of_several_samples_within_a_minute_the_last_counts(tmp_path: Path) -> None:
    path = tmp_path / "past.om"
    at = [30, 15, 60, 45]
    path.write_text("".join(f"isnotai_sessions_total {s} {START + s}\n" for s in at))

    past = read_file(path, NOW)

    assert past.evaluate(parse("isnotai_sessions_total")) == {(): [60]}
