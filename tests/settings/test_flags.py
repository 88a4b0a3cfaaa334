from __future__ import annotations

import click
import pytest

from exporter.commands.command import make_command
from exporter.settings import SettingsError, all_settings, load

KEY = "aik_v1_" + "x" * 40
ENVIRON = {"ISNOTAI_API_KEY": KEY}


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--region", "mars"], "--region: must be 'us' or 'eu', got 'mars'"),
        (["--region=mars"], "--region: must be 'us' or 'eu', got 'mars'"),
        (["--region="], "--region: must be 'us' or 'eu', got ''"),
        (["--region"], "--region: needs a value"),
        (
            ["--web.listen_address=nowhere"],
            (
                "--web.listen_address: must be host:port, :port or [::1]:port, "
                "with a port up to 65535, got 'nowhere'"
            ),
        ),
        (
            ["--poll.stats-interval", "30"],
            "--poll.stats-interval: a duration needs a unit, such as 30s or 5m, got '30'",
        ),
        (["--web.config.file", ""], "--web.config.file: must be the path of a file, got ''"),
        (["--config.file="], "--config.file: must be the path of a file"),
        (["--config.file", f"/{KEY}"], "--config.file: must be the path of a file"),
        (
            ["--config.file", "no/such.yml"],
            "no/such.yml: cannot be read: No such file or directory",
        ),
        (["--web.enable-lifecycle=yes"], "--web.enable-lifecycle: takes no value"),
        (
            ["--budget.shares=hunter22"],
            "unknown flag --budget.shares, did you mean --budget.share?",
        ),
        (
            ["--budget.shares", "hunter22"],
            "unknown flag --budget.shares, did you mean --budget.share?",
        ),
        (["--xyzzy=hunter22"], "unknown flag --xyzzy"),
        (["--hunter 22=x"], "unknown flag --h…"),
        (["-phunter22"], "unknown flag -p"),
        (["hunter22"], "unexpected argument; every setting is a --flag with its value"),
        (
            ["--region=eu", "hunter22"],
            "unexpected argument; every setting is a --flag with its value",
        ),
        (
            ["--api-key", "hunter22"],
            (
                "--api-key: there is no such flag, since the key would show in process lists; "
                "set ISNOTAI_API_KEY or --api-key-file"
            ),
        ),
        (
            ["--api_key=hunter22"],
            (
                "--api_key: there is no such flag, since the key would show in process lists; "
                "set ISNOTAI_API_KEY or --api-key-file"
            ),
        ),
        (["--integrations=a"], "unknown flag --integrations, did you mean --integration?"),
        (["--reg=eu"], "unknown flag --reg, did you mean --region?"),
        (["--api-key-file", KEY], "--api-key-file: holds a key; it must be the path of a file"),
    ],
)
def test_a_bad_flag_gives_one_exact_line(argv: list[str], line: str) -> None:
    environ = {} if "--api-key-file" in argv else ENVIRON

    with pytest.raises(SettingsError) as caught:
        load(argv, environ)

    assert str(caught.value) == line
    assert "hunter22" not in line


def test_dashes_and_underscores_are_the_same_flag() -> None:
    for flag in ("--sessions.settle-after", "--sessions.settle_after"):
        assert load([flag, "1h"], ENVIRON).settings.sessions.settle_after == 3600


def test_the_web_config_file_has_the_name_that_other_exporters_use() -> None:
    for flag in ("--web.config.file", "--web.config_file", "--web.config-file"):
        assert str(load([flag, "web.yml"], ENVIRON).settings.web.config_file) == "web.yml"


def test_a_switch_can_be_turned_on_and_off() -> None:
    on = {**ENVIRON, "ISNOTAI_WEB_ENABLE_LIFECYCLE": "true"}

    assert load(["--web.enable-lifecycle"], ENVIRON).settings.web.enable_lifecycle is True
    assert load(["--web.enable_lifecycle"], ENVIRON).settings.web.enable_lifecycle is True
    assert load(["--no-web.enable-lifecycle"], on).settings.web.enable_lifecycle is False
    assert load(["--no-web.enable_lifecycle"], on).settings.web.enable_lifecycle is False


def test_the_last_of_a_flag_given_twice_wins() -> None:
    assert load(["--region=eu", "--region=us"], ENVIRON).settings.region == "us"


def test_help_has_each_flag_once_with_its_help_and_default() -> None:
    command = make_command("check", lambda line: 0, "Check.")
    context = click.Context(command, max_content_width=1000, terminal_width=1000)
    text = " ".join(command.get_help(context).split())

    for row in all_settings():
        if row.flags:
            assert row.flags[0] in text
            assert f"[default: {row.default}]" in text
    assert "--api-key " not in text
    assert "--web.listen_address" not in text
