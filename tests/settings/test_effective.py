"""The effective settings, for people: every one, and no secret."""

from pathlib import Path

from exporter.settings.describe import all_settings
from exporter.settings.effective import effective
from exporter.settings.load import load

KEY = "aik_v1_" + "x" * 40


def shown(variables: dict[str, str], *flags: str) -> dict[str, tuple[str, bool]]:
    settings = load([*flags], variables).settings
    return {one.name: (one.value, one.is_default) for one in effective(settings)}


def test_every_setting_is_there_with_its_value() -> None:
    values = shown({"ISNOTAI_API_KEY": KEY}, "--poll.stats-interval=90s", "--stats.include=a,b")

    assert list(values) == [setting.name for setting in all_settings()]
    assert values["poll.stats_interval"] == ("1m30s", False)
    assert values["poll.health_interval"] == ("1m", True)
    assert values["stats.include"] == ("a,b", False)
    assert values["web.enable_lifecycle"] == ("false", True)
    assert values["state.path"] == ("", True)
    assert values["budget.share"] == ("0.25", True)


def test_limits_are_written_as_they_are_set() -> None:
    limits = "api_calls=1000000,events=5000000"
    values = shown({"ISNOTAI_API_KEY": KEY, "ISNOTAI_QUOTA_LIMITS": limits})
    assert values["quota.limits"] == (limits, False)


def test_no_key_is_shown(tmp_path: Path) -> None:
    assert shown({"ISNOTAI_API_KEY": KEY})["api_key"] == ("[redacted]", False)
    file = tmp_path / "exporter.yaml"
    file.write_text("integrations:\n- {name: campus, api_key_env: CAMPUS_KEY, region: eu}\n")

    values = shown({"CAMPUS_KEY": KEY}, f"--config.file={file}")

    assert values["integrations"][0] == "{name: campus, api_key_env: CAMPUS_KEY, region: eu}"
    assert KEY not in str(values)
