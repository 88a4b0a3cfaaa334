from __future__ import annotations

import argparse

import pytest

from exporter.settings import Parser, SettingsError, add_flags, describe, load, load_parsed

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


def _parser() -> Parser:
    parser = Parser(prog="isnotai-exporter")
    add_flags(parser)
    commands = parser.add_subparsers(dest="command")
    check = commands.add_parser("check")
    add_flags(check)
    check.add_argument("--since", required=True)
    return parser


def test_subcommands_share_the_flags_on_either_side_of_their_name() -> None:
    parsed = _parser().parse_args(
        ["--region=eu", "--budget.share=0.5", "check", "--since=1h", "--budget.share=0.1"]
    )

    settings = load_parsed(parsed, ENVIRON).settings

    assert parsed.command == "check"
    assert settings.region == "eu"
    assert settings.budget.share == 0.1


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--password", "hunter22"], "unknown flag --password"),
        (["hunter22"], "command: unknown, choose from "),
        (["check", "--since", "1h", "--password", "hunter22"], "unknown flag --password"),
        (["check"], "the following arguments are required: --since"),
        (["check", "--since"], "--since: needs a value"),
        (["check", "--since", "1h", "hunter22"], "unexpected argument"),
    ],
)
def test_a_parser_with_subcommands_repeats_no_value_either(argv: list[str], line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        _parser().parse_args(argv)

    assert line in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_help_has_each_flag_once_with_its_help_and_default() -> None:
    parser = Parser(prog="isnotai-exporter", formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(parser)
    text = " ".join(parser.format_help().split())

    for row in describe():
        if row.flag:
            assert row.flag in text
            assert f"[default: {row.default}]" in text
    assert "--api-key " not in text
    assert "--web.listen_address" not in text
