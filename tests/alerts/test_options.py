"""Options of the generator write the rules of a site: thresholds, addresses, its calendar."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from alerts.generate.__main__ import main
from alerts.generate.holidays import CalendarError, holidays
from alerts.generate.thresholds import Thresholds
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
    chosen = {name: 100.5 + number for number, name in enumerate(asdict(Thresholds()))}
    options = (f"--{name.replace('_', '-')}={value:g}" for name, value in chosen.items())

    assert main(["--into", str(tmp_path), *options]) == 0

    assert thresholds(tmp_path) == {name: f"vector({value:g})" for name, value in chosen.items()}


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


@pytest.mark.parametrize("text", ["2026-13-01", "2026-01-02 2026-01-01", "a", "2026-01-01 x y"])
def test_a_bad_date_is_told_with_its_line(text: str) -> None:
    with pytest.raises(CalendarError, match="line 2"):
        holidays(f"\n{text}", "+00:00")


@pytest.mark.parametrize("offset", ["1", "+1:00", "Europe/Berlin"])
def test_a_bad_offset_is_told(offset: str) -> None:
    with pytest.raises(CalendarError, match="--utc-offset"):
        holidays("2026-01-01", offset)
