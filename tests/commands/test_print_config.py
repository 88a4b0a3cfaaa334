"""Every setting is shown with its value and its source, and no secret among them."""

from pathlib import Path

import pytest

from exporter import cli
from exporter.settings.describe import all_settings

KEY = "aik_v1_" + "k" * 40


def printed(
    capsys: pytest.CaptureFixture[str], arguments: list[str], **environ: str
) -> dict[str, tuple[str, str]]:
    """(value, source) by the setting's name."""
    assert cli.main(["--print-config", *arguments], environ) == 0
    told = capsys.readouterr()
    assert KEY not in told.out + told.err
    rows = (line.split("  ") for line in told.out.splitlines())
    cells = ([cell.strip() for cell in row if cell.strip()] for row in rows)
    return {name: (value, source) for name, value, source in cells}


def test_each_setting_is_there_with_flag_variable_line_or_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yml"
    config.write_text(
        f"# what is set\napi_key: {KEY}\npoll:\n  sessions_interval: 30s\n"
        "quota: {limits: {events: 5}}\nregion: eu\n"
    )

    shown = printed(
        capsys,
        [f"--config.file={config}", "--web.listen_address=:1", "--no-web.enable-lifecycle"],
        ISNOTAI_LOG_LEVEL="debug",
        ISNOTAI_REGION="us",
    )

    assert set(shown) == {setting.name for setting in all_settings()}
    assert shown["api_key"] == ("[redacted]", f"{config}:2")
    assert shown["poll.sessions_interval"] == ("30s", f"{config}:4")
    assert shown["quota.limits"] == ("events=5", f"{config}:5")
    assert shown["region"] == ("us", "ISNOTAI_REGION")
    assert shown["log.level"] == ("debug", "ISNOTAI_LOG_LEVEL")
    assert shown["web.listen_address"] == (":1", "--web.listen_address")
    assert shown["web.enable_lifecycle"] == ("false", "--no-web.enable-lifecycle")
    assert shown["sessions.settle_after"] == ("15m", "default")
    assert shown["base_url"] == ("from region", "default")


def test_integrations_are_shown_without_their_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yml"
    config.write_text("integrations:\n  - {name: campus, api_key_env: CAMPUS_KEY, region: eu}\n")

    shown = printed(capsys, [f"--config.file={config}"], CAMPUS_KEY=KEY)

    assert shown["integrations[0]"] == (
        "name=campus api_key_env=CAMPUS_KEY region=eu",
        f"{config}:1",
    )


def test_bad_settings_are_refused_as_ever(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--print-config", "--region=mars"], {}) == 2
    assert cli.main(["--print-config", "metrics"], {}) == 2
    assert capsys.readouterr().out == ""
