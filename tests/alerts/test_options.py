"""Options of the generator write the rules of a site: thresholds, addresses, its calendar."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from alerts.generate.__main__ import main
from alerts.generate.holidays import CalendarError, holidays
from alerts.generate.thresholds import Thresholds
from exporter.backtest.bounds import BOUNDS, bounds
from tests.yaml_files import load_yaml


def recorded(folder: Path) -> list[dict[str, Any]]:
    content = load_yaml((folder / "prometheus/recording.yaml").read_text())
    return [rule for group in content["groups"] for rule in group["rules"]]


def thresholds(folder: Path) -> dict[str, str]:
    return {
        rule["labels"]["name"]: rule["expr"]
        for rule in recorded(folder)
        if rule["record"] == "isnotai:alert_threshold"
    }


def test_without_options_the_thresholds_are_the_defaults(tmp_path: Path) -> None:
    assert main(["--into", str(tmp_path)]) == 0

    assert thresholds(tmp_path) == {
        name: f"vector({value:g})" for name, value in asdict(Thresholds()).items()
    }


def test_each_threshold_is_an_option_of_its_own(tmp_path: Path) -> None:
    chosen = {
        name: value + (number + 1) / 10_000_000
        for number, (name, value) in enumerate(asdict(Thresholds()).items())
    }
    options = (f"--{name.replace('_', '-')}={value!r}" for name, value in chosen.items())

    assert main(["--into", str(tmp_path), *options]) == 0

    written = {name: f"vector({value:.15g})" for name, value in chosen.items()}
    assert thresholds(tmp_path) == written


def test_links_lead_to_the_sites_own_addresses(tmp_path: Path) -> None:
    addresses = ["--grafana", "https://g.example.org", "--runbooks", "https://w.example.org/rb"]

    assert main(["--into", str(tmp_path), *addresses]) == 0

    text = (tmp_path / "prometheus/alerts.yaml").read_text()
    assert "dashboard_url: https://g.example.org/d/notai-security" in text
    assert "runbook_url: https://w.example.org/rb#notaibotsharespike" in text


def test_plain_files_link_to_no_host_of_ours() -> None:
    for path in (Path(__file__).resolve().parents[2] / "alerts").rglob("*.yaml"):
        assert "localhost" not in path.read_text(), path


def test_a_calendar_becomes_a_rule_in_the_sites_own_time(tmp_path: Path) -> None:
    dates = tmp_path / "dates.txt"
    dates.write_text("# term\n2026-05-17  # one day\n\n2026-12-19 2027-01-03\n")

    options = ["--holidays", str(dates), "--utc-offset", "+02:00"]
    assert main(["--into", str(tmp_path), *options]) == 0

    (rule,) = (rule for rule in recorded(tmp_path) if rule["record"] == "isnotai:holiday")
    assert "(vector(time()) >= 1778968800 < 1779055200)" in rule["expr"]
    assert "(vector(time()) >= 1797631200 < 1799013600)" in rule["expr"]


@pytest.mark.parametrize(
    "text", ["2026-13-01", "2026-01-02 2026-01-01", "a", "2026-01-01 x y", "9999-12-31"]
)
def test_a_bad_date_is_told_with_its_line(text: str) -> None:
    with pytest.raises(CalendarError, match="line 2"):
        holidays(f"\n{text}", "+00:00")


@pytest.mark.parametrize(
    "offset", ["1", "+1:00", "Europe/Berlin", "+99:99", "+01:60", "+14:01", "-12:01", ""]
)
def test_a_bad_offset_is_told(offset: str) -> None:
    with pytest.raises(CalendarError, match="--utc-offset"):
        holidays("2026-01-01", offset)


@pytest.mark.parametrize("offset", ["+14:00", "-12:00", "+05:45"])
def test_offsets_that_there_are_can_be_given(offset: str) -> None:
    assert len(holidays("2026-01-01", offset)) == 1


def refusal(capsys: pytest.CaptureFixture[str], folder: Path, *options: str) -> str:
    """The one line that says why; nothing is written."""
    into = folder / "into"

    with pytest.raises(SystemExit) as stopped:
        main(["--into", str(into), *options])

    assert stopped.value.code == 2
    assert not into.exists()
    usage, line = capsys.readouterr().err.splitlines()
    assert usage == "usage: python -m alerts.generate [options]"
    return line.removeprefix("python -m alerts.generate: error: ")


def test_a_folder_that_cannot_be_written_is_told_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "prometheus" / "recording.yaml").mkdir(parents=True)

    for into in ("file", "folder"):
        with pytest.raises(SystemExit) as stopped:
            main(["--into", str(tmp_path / into)])
        assert stopped.value.code == 2

    usage, line, _, other = capsys.readouterr().err.splitlines()
    assert usage == "usage: python -m alerts.generate [options]"
    begin = f"python -m alerts.generate: error: --into: cannot use {tmp_path}"
    assert line.startswith(f"{begin}/file")
    assert other == f"{begin}/folder/prometheus/recording.yaml: Is a directory"


def test_an_offset_west_of_utc_is_given_with_an_equals_sign(tmp_path: Path) -> None:
    dates = tmp_path / "dates.txt"
    dates.write_text("2026-05-17\n")

    assert main(["--into", str(tmp_path), "--holidays", str(dates), "--utc-offset=-05:30"]) == 0

    (rule,) = (rule for rule in recorded(tmp_path) if rule["record"] == "isnotai:holiday")
    assert "(vector(time()) >= 1778995800 < 1779082200)" in rule["expr"]


@pytest.mark.parametrize("name", asdict(Thresholds()))
@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "-1", "0", "much"])
def test_no_threshold_is_other_than_a_finite_number_above_0(
    name: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    option = f"--{name.replace('_', '-')}"

    line = refusal(capsys, tmp_path, option, value)

    assert line == f"argument {option}: must be {bounds(name)}, not {value!r}"


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("--page-ratio", "1", "a number above 1"),
        ("--ticket-ratio", "1", "a number above 1"),
        ("--hint-ratio", "0.9", "a number above 1"),
        ("--flag-ratio", "1", "a number above 1"),
        ("--score-shift", "1.1", "a number above 0, 1 at most"),
        ("--holiday-floor", "1.5", "a number above 0, 1 at most"),
        ("--steady-share", "3", "a number above 0, 1 at most"),
        ("--prior-share", "1", "a number above 0 and below 1"),
        ("--prior-flags", "201", "a number above 0, 200 at most"),
    ],
)
def test_a_threshold_that_makes_no_sense_is_told_with_what_does(
    option: str, value: str, allowed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal(capsys, tmp_path, option, value)

    assert line == f"argument {option}: must be {allowed}, not {value!r}"


def test_bounds_are_about_thresholds_and_hold_their_defaults() -> None:
    defaults = asdict(Thresholds())

    assert BOUNDS.keys() <= defaults.keys()
    assert [name for name, value in defaults.items() if not bounds(name).allow(value)] == []


def test_a_whole_is_a_part_too(tmp_path: Path) -> None:
    assert main(["--into", str(tmp_path), "--holiday-floor", "1", "--steady-share", "1"]) == 0


@pytest.mark.parametrize("offset", ["+99:99", "foo"])
def test_a_bad_offset_ends_in_one_line(
    offset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dates = tmp_path / "dates.txt"
    dates.write_text("2026-05-17\n")

    line = refusal(capsys, tmp_path, "--holidays", str(dates), "--utc-offset", offset)

    assert line == f"--utc-offset: must be like +01:00, -12:00 to +14:00, not {offset!r}"


@pytest.mark.parametrize("offset", ["foo", "+01:00", ""])
def test_an_offset_without_dates_is_refused(
    offset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal(capsys, tmp_path, "--utc-offset", offset)

    assert line == "--utc-offset: needs --holidays, whose dates it is about"


@pytest.mark.parametrize("content", [b"", b"# nothing yet\n\n"])
def test_a_calendar_without_a_day_is_refused(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dates = tmp_path / "dates.txt"
    dates.write_bytes(content)

    line = refusal(capsys, tmp_path, "--holidays", str(dates))

    assert line == "--holidays: has no day: write one a line, as 2026-05-17"


def test_a_calendar_that_cannot_be_read_is_told_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dates = tmp_path / "dates.txt"
    missing = refusal(capsys, tmp_path, "--holidays", str(dates))
    dates.write_bytes("2026-05-17 # Pfingsten, überall\n".encode("latin-1"))
    other = refusal(capsys, tmp_path, "--holidays", str(dates))

    assert missing == f"--holidays: cannot read {dates}: No such file or directory"
    assert other == f"--holidays: {dates} is not UTF-8: save it as that"


def test_a_calendar_may_begin_with_a_mark_of_its_encoding(tmp_path: Path) -> None:
    dates = tmp_path / "dates.txt"
    dates.write_text("2026-05-17\n", "utf-8-sig")

    assert main(["--into", str(tmp_path), "--holidays", str(dates)]) == 0
