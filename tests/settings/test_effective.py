"""The effective settings, for people: every one with its source, and no secret."""

from pathlib import Path

from exporter.settings.describe import all_settings
from exporter.settings.effective import effective
from exporter.settings.load import load

KEY = "aik_v1_" + "x" * 40


def shown(variables: dict[str, str], *flags: str) -> dict[str, tuple[str, str]]:
    loaded = load([*flags], variables)
    rows = effective(loaded.settings, loaded.origins)
    return {name: (value, source) for name, value, source in rows}


def test_every_setting_is_there_with_its_value_and_source() -> None:
    values = shown({"ISNOTAI_API_KEY": KEY}, "--poll.stats-interval=90s", "--stats.include=a,b")

    assert list(values) == [setting.name for setting in all_settings()]
    assert values["poll.stats_interval"] == ("1m30s", "--poll.stats-interval")
    assert values["poll.health_interval"] == ("1m", "default")
    assert values["stats.include"] == ("a,b", "--stats.include")
    assert values["web.enable_lifecycle"] == ("false", "default")
    assert values["budget.share"] == ("0.25", "default")


def test_no_key_is_shown(tmp_path: Path) -> None:
    assert shown({"ISNOTAI_API_KEY": KEY})["api_key"] == ("[redacted]", "ISNOTAI_API_KEY")
    file = tmp_path / "exporter.yaml"
    file.write_text("integrations:\n- {name: campus, api_key_env: CAMPUS_KEY, region: eu}\n")

    values = shown({"CAMPUS_KEY": KEY}, f"--config.file={file}")

    assert values["integrations[0]"] == (
        "name=campus api_key_env=CAMPUS_KEY region=eu",
        f"{file}:1",
    )
    assert KEY not in str(values)


def test_lines_are_those_that_were_read(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yaml"
    file.write_text("log:\n  level: debug\nregion: eu\n")
    loaded = load([f"--config.file={file}"], {"ISNOTAI_API_KEY": KEY})
    file.unlink()

    sources = {name: source for name, _, source in effective(loaded.settings, loaded.origins)}

    assert (sources["log.level"], sources["region"]) == (f"{file}:2", f"{file}:3")
