from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from exporter.api.schema.usage import KNOWN, STORAGE
from exporter.redaction import redact
from exporter.settings import SettingsError, all_settings, load
from exporter.settings.values import QUOTA_METRICS

KEY = "aik_v1_" + "x" * 40
ENVIRON = {"ISNOTAI_API_KEY": KEY}


def _messages(environ: dict[str, str], *argv: str) -> list[str]:
    return [warning.message for warning in load(argv, {**ENVIRON, **environ}).warnings]


def _refusal(environ: dict[str, str], *argv: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(argv, environ)
    return str(caught.value)


def test_flags_win_over_variables_over_the_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text("poll: {stats_interval: 2m, usage_interval: 2m, health_interval: 2m}\n")
    environ = {
        **ENVIRON,
        "ISNOTAI_CONFIG_FILE": str(file),
        "ISNOTAI_POLL_STATS_INTERVAL": "3m",
        "ISNOTAI_POLL_USAGE_INTERVAL": "3m",
    }

    poll = load(["--poll.stats-interval=4m"], environ).settings.poll

    assert poll.stats_interval == 240
    assert poll.usage_interval == 180
    assert poll.health_interval == 120
    assert poll.analytics_interval == 300


def test_every_setting_can_be_set_by_its_variable_and_in_the_file(tmp_path: Path) -> None:
    given = {
        "api_key_file": "k",
        "region": "eu",
        "base_url": "http://localhost:1",
        "auth_header": "x-api-key",
        "integration": "lms",
        "web.listen_address": "[::1]:9",
        "web.telemetry_path": "/m",
        "web.config_file": "w.yml",
        "web.enable_lifecycle": "true",
        "tls.ca_file": "ca.pem",
        "poll.sessions_interval": "1s",
        "poll.stats_interval": "2s",
        "poll.analytics_interval": "3s",
        "poll.usage_interval": "4s",
        "poll.integration_interval": "5s",
        "poll.health_interval": "6s",
        "poll.users_interval": "8s",
        "poll.courses_interval": "9s",
        "poll.openapi_interval": "10s",
        "poll.stale_after": "7s",
        "analytics.windows": "30d,90d",
        "analytics.bot_percentage_scale": "1",
        "analytics.bucket_timestamp": "end",
        "stats.include": "total_*, bots_?",
        "sessions.lookback": "1h",
        "sessions.overlap": "0",
        "sessions.settle_after": "1m",
        "sessions.exemplars": "true",
        "sessions.bot_threshold": "0.9",
        "sessions.bot_score_scale": "100",
        "sessions.max_flags": "5",
        "sessions.details": "true",
        "sessions.places_min_users": "20",
        "otlp.findings": "true",
        "budget.share": "1",
        "budget.replicas": "3",
        "quota.limits": "api_calls=1000000, events=5",
        "state.url_file": "url",
        "state.schema": "team_a",
        "log.level": "DEBUG",
        "log.format": "json",
    }
    rows = {row.name: row for row in all_settings()}
    others = {"api_key", "config.file", "integrations", "sessions.places"}
    # Instead of the file of the URL.
    others |= {"state.path", "state.url"}
    assert set(given) == set(rows) - others
    sections: dict[str, list[str]] = {}
    lines = []
    for name, value in given.items():
        section, dot, key = name.partition(".")
        if dot:
            sections.setdefault(section, []).append(f'  {key}: "{value}"')
        else:
            lines.append(f'{name}: "{value}"')
    for section, inner in sections.items():
        lines += [f"{section}:", *inner]
    file = tmp_path / "config.yml"
    file.write_text("\n".join(lines))

    by_variable = load(
        [], {str(rows[name].variable): value for name, value in given.items()}
    ).settings
    by_flag = load(
        [f"{rows[name].flags[0]}={value}" for name, value in given.items() if value != "true"]
        + [rows[name].flags[0] for name, value in given.items() if value == "true"],
        {},
    ).settings
    by_file = load(["--config.file", str(file)], {}).settings

    assert by_variable == by_flag
    assert by_variable.model_dump(exclude={"config"}) == by_file.model_dump(exclude={"config"})
    changed = by_variable.model_dump(exclude={"config", "api_key", "integrations"})
    default = load([], ENVIRON).settings.model_dump()
    for name in given:
        section, dot, key = name.partition(".")
        if dot:
            assert changed[section][key] != default[section][key], name
        else:
            assert changed[section] != default[section], name


def test_lists_and_maps_may_be_written_as_yaml(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text(
        "analytics: {windows: [24h, 90d]}\n"
        "stats: {include: [total_*]}\n"
        "quota:\n  limits: {api_calls: 1000000}\n"
        "sessions: {lookback: 0, exemplars: yes}\n"
    )

    settings = load(["--config.file", str(file)], ENVIRON).settings

    assert settings.analytics.windows == ("24h", "90d")
    assert settings.stats.include == ("total_*",)
    assert settings.quota.limits == {"api_calls": 1000000}
    assert settings.sessions.lookback == 0
    assert settings.sessions.exemplars is True


def test_an_empty_variable_and_an_empty_yaml_key_are_not_set(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text("region:\nweb:\npoll:\n  stats_interval:\n")
    environ = {**ENVIRON, "ISNOTAI_REGION": "", "ISNOTAI_API_KEY_FILE": ""}

    settings = load(["--config.file", str(file)], environ).settings

    assert settings.region == "us"
    assert settings.poll.stats_interval == 300
    assert settings.api_key_file is None


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text("# nothing yet\n")

    assert load(["--config.file", str(file)], ENVIRON).settings.region == "us"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"\xff\xfe\xff", "not valid YAML"),
        (b"region: \x07", "not valid YAML"),
        (b"a" * (256 << 10) + b"b", "is larger than 256 KiB"),
        (b"[" * 5000, "line 1: is nested deeper than 32 levels"),
        (b"- " * 50_000, "line 1: is nested deeper than 32 levels"),
        (b"{a: " * 60_000, "line 1: is nested deeper than 32 levels"),
    ],
)
def test_a_file_that_is_not_a_settings_file_is_refused(
    tmp_path: Path, content: bytes, line: str
) -> None:
    file = tmp_path / "config.yml"
    file.write_bytes(content)

    assert _refusal({**ENVIRON, "ISNOTAI_CONFIG_FILE": str(file)}).startswith(f"{file}: {line}")


def test_a_folder_is_not_a_settings_file(tmp_path: Path) -> None:
    environ = {**ENVIRON, "ISNOTAI_CONFIG_FILE": str(tmp_path)}

    assert _refusal(environ) == f"{tmp_path}: cannot be read: {os.strerror(21)}"


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({"ISNOTAI_REGION": "mars"}, "ISNOTAI_REGION: must be 'us' or 'eu', got 'mars'"),
        (
            {"ISNOTAI_ANALYTICS_WINDOWS": "24h,,7d"},
            "ISNOTAI_ANALYTICS_WINDOWS: must be one or more of 24h, 7d, 30d, 90d, got '24h,,7d'",
        ),
        (
            {"ISNOTAI_SESSIONS_MAX_FLAGS": "many"},
            "ISNOTAI_SESSIONS_MAX_FLAGS: must be a whole number, got 'many'",
        ),
        (
            {"ISNOTAI_SESSIONS_EXEMPLARS": "perhaps"},
            "ISNOTAI_SESSIONS_EXEMPLARS: must be true or false, got 'perhaps'",
        ),
        (
            {"ISNOTAI_QUOTA_LIMITS": "api_calls=0"},
            "ISNOTAI_QUOTA_LIMITS: must be at least 1, got 'api_calls=0'",
        ),
        (
            {"ISNOTAI_LOG_LEVEL": "x" * 500},
            "ISNOTAI_LOG_LEVEL: must be 'debug', 'info', 'warning' or 'error', got '"
            + "x" * 78
            + "…",
        ),
        (
            {"ISNOTAI_LOG_FORMAT": "two\nlines\x1b[31m"},
            "ISNOTAI_LOG_FORMAT: must be 'auto', 'json' or 'console', got 'two\\nlines\\x1b[31m'",
        ),
        ({"ISNOTAI_REGION": KEY}, "ISNOTAI_REGION: must be 'us' or 'eu', got '[redacted]'"),
        (
            {"ISNOTAI_REGION": "a hunter22 b", "ISNOTAI_API_KEY": "hunter22"},
            "ISNOTAI_REGION: must be 'us' or 'eu', got 'a [redacted] b'",
        ),
        (
            {"ISNOTAI_INTEGRATION": "hunter22", "ISNOTAI_API_KEY": "hunter22"},
            "ISNOTAI_INTEGRATION: holds the key, must be a name",
        ),
        (
            {"ISNOTAI_BASE_URL": "https://user:hunter22@api.example/"},
            "ISNOTAI_BASE_URL: must not hold a user name or password",
        ),
        (
            {"ISNOTAI_BASE_URL": "https://api example"},
            (
                "ISNOTAI_BASE_URL: must be a URL without spaces or non-ASCII characters, "
                "got 'https://api example'"
            ),
        ),
    ],
)
def test_a_bad_variable_gives_one_exact_line(environ: dict[str, str], line: str) -> None:
    assert _refusal({**ENVIRON, **environ}) == line


@pytest.mark.parametrize(
    "key", ["two words", "two\nlines", "tab\t1234", "\x00nul12345", "schlüssel", "\udcff" * 9]
)
def test_a_key_that_no_header_can_carry_is_refused_unseen(key: str) -> None:
    line = _refusal({"ISNOTAI_API_KEY": key})

    assert line == (
        "ISNOTAI_API_KEY: cannot be sent in a header: it holds spaces, control or "
        "non-ASCII characters"
    )


@pytest.mark.parametrize("around", ["{}\n", "  {}", "\t{}\r\n", "\n\n{}"])
def test_white_space_round_a_key_is_cut_off_as_in_a_file(tmp_path: Path, around: str) -> None:
    """A secret that was made by a pipe ends with a line's end."""
    key = around.format(KEY)
    file = tmp_path / "config.yml"
    file.write_text("integrations: [{name: a, api_key_env: MINE}]")

    alone = load([], {"ISNOTAI_API_KEY": key})
    listed = load([f"--config.file={file}"], {"MINE": key})

    assert alone.warnings == ()
    assert [one.settings.accounts()[0].key.api_key for one in (alone, listed)] == [
        SecretStr(KEY),
        SecretStr(KEY),
    ]


def test_an_odd_entry_of_no_proxy_is_a_warning() -> None:
    loaded = load([], {"ISNOTAI_API_KEY": KEY, "NO_PROXY": "localhost,10.0.0.0/99"})

    assert [(one.setting, "10.0.0.0/99" in one.message) for one in loaded.warnings] == [
        ("no_proxy", True)
    ]


def test_no_key_at_all_is_one_line() -> None:
    assert _refusal({}) == (
        "ISNOTAI_API_KEY is not set: give the key there, or its file with --api-key-file "
        "(ISNOTAI_API_KEY_FILE)"
    )


def test_commands_that_bring_their_own_key_need_none() -> None:
    account = load([], {}, require_key=False).settings.accounts()[0]

    assert account.key.api_key is None
    assert account.key.api_key_file is None


def test_two_sources_of_a_key_contradict_each_other(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text("integrations: [{name: a, api_key_file: a}]")

    assert _refusal(ENVIRON, "--api-key-file=k") == (
        "ISNOTAI_API_KEY and --api-key-file contradict each other: keep one of them"
    )
    assert _refusal({**ENVIRON, "ISNOTAI_CONFIG_FILE": str(file)}) == (
        f"ISNOTAI_API_KEY and {file}: integrations contradict each other: keep one of them"
    )


def test_a_key_file_that_is_not_there_yet_is_not_an_error(tmp_path: Path) -> None:
    environ = {"ISNOTAI_API_KEY_FILE": str(tmp_path / "later")}

    assert load([], environ).settings.api_key_file == tmp_path / "later"


def test_an_unknown_variable_is_pointed_out_with_the_nearest_name_and_no_value() -> None:
    assert _messages({"ISNOTAI_REGOIN": "hunter22", "ISNOTAI_ZZZ": "hunter22"}) == [
        "ISNOTAI_REGOIN is not a setting and is ignored, did you mean ISNOTAI_REGION?",
        "ISNOTAI_ZZZ is not a setting and is ignored",
    ]
    assert _messages({"isnotai_region": "eu"}) == [
        "isnotai_region is not a setting and is ignored, did you mean ISNOTAI_REGION?"
    ]
    assert _messages({"ISNOTAI_REGOIN": "", "PATH": "/bin"}) == []


@pytest.mark.parametrize(
    "service", ["ISNOTAI", "ISNOTAI_EXPORTER", "ISNOTAI_WEB", "ISNOTAI_STATE", "ISNOTAI_LOG_2"]
)
def test_kubernetes_service_links_are_passed_over_in_silence(service: str) -> None:
    links = {
        f"{service}_SERVICE_HOST": "10.0.0.1",
        f"{service}_SERVICE_PORT": "10984",
        f"{service}_SERVICE_PORT_HTTP_METRICS": "10984",
        f"{service}_PORT": "tcp://10.0.0.1:10984",
        f"{service}_PORT_10984_TCP": "tcp://10.0.0.1:10984",
        f"{service}_PORT_10984_TCP_ADDR": "10.0.0.1",
        f"{service}_PORT_10984_TCP_PORT": "10984",
        f"{service}_PORT_10984_TCP_PROTO": "tcp",
        f"{service}_PORT_53_UDP_PROTO": "udp",
    }

    loaded = load([], {**ENVIRON, **links})

    assert loaded.warnings == ()
    assert loaded.settings == load([], ENVIRON).settings


def test_a_key_of_another_form_is_left_to_the_api_and_not_shown() -> None:
    assert _messages({"ISNOTAI_API_KEY": "hunter22"}) == [
        "api_key does not look like aik_v1_ and 40 characters; the API will decide"
    ]
    assert _messages({}) == []


def test_the_shared_rate_limit_of_x_api_key_is_pointed_out() -> None:
    (message,) = _messages({}, "--auth-header=x-api-key")

    assert "shares one rate limit" in message


def test_keys_are_known_to_the_redactor_once_loaded(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text("integrations: [{name: a, api_key_env: TEAM_A}, {name: b, api_key_file: b}]")
    plain = tmp_path / "plain.yml"
    plain.write_text("api_key: from-the-file")

    load([], {"ISNOTAI_API_KEY": "from-the-environment"})
    load(["--config.file", str(plain)], {})
    load(["--config.file", str(file)], {"TEAM_A": "from-the-team"})

    text = redact.text("from-the-environment from-the-file from-the-team")
    assert text == "[redacted] [redacted] [redacted]"


def test_an_entry_warns_of_its_odd_key_and_of_an_unused_integration(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text("integrations: [{name: a, api_key_env: ISNOTAI_TEAM_A}]")
    environ = {
        "ISNOTAI_CONFIG_FILE": str(file),
        "ISNOTAI_TEAM_A": "hunter22",
        "ISNOTAI_INTEGRATION": "x",
    }

    assert [warning.message for warning in load([], environ).warnings] == [
        "integrations[0].api_key does not look like aik_v1_ and 40 characters; the API will decide",
        "ISNOTAI_INTEGRATION is ignored: each entry of integrations has its name",
    ]


def test_only_the_environment_that_was_handed_over_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISNOTAI_REGION", "mars")
    monkeypatch.setenv("ISNOTAI_WEB_PORT", "tcp://10.0.0.1:80")

    assert load([], ENVIRON).settings.region == "us"
    assert load([], {**ENVIRON, "ISNOTAI_REGION": "eu"}).settings.region == "eu"


def test_a_higher_source_replaces_a_map_and_adds_nothing_to_it(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text("quota: {limits: {api_calls: 5}}\nanalytics: {windows: [24h, 7d]}\n")
    environ = {**ENVIRON, "ISNOTAI_QUOTA_LIMITS": "events=7", "ISNOTAI_ANALYTICS_WINDOWS": "90d"}

    settings = load(["--config.file", str(file)], environ).settings

    assert settings.quota.limits == {"events": 7}
    assert settings.analytics.windows == ("90d",)


def test_a_bad_value_that_a_higher_source_replaces_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text("region: mars\npoll: {stats_interval: 30}\n")
    environ = {**ENVIRON, "ISNOTAI_POLL_STATS_INTERVAL": "soon", "ISNOTAI_REGION": "moon"}

    settings = load(
        ["--config.file", str(file), "--region=eu", "--poll.stats-interval=1m"], environ
    ).settings

    assert (settings.region, settings.poll.stats_interval) == ("eu", 60)


def test_the_merging_logs_no_source(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYDANTIC_SETTINGS_DEBUG", "1")

    with caplog.at_level(logging.DEBUG):
        load([], ENVIRON)

    assert caplog.text == ""


def test_gauges_that_one_failure_would_take_away_are_pointed_out() -> None:
    (message,) = _messages(
        {"ISNOTAI_POLL_STALE_AFTER": "4m"}, "--poll.usage-interval=1h30m", "--poll.stats-interval=0"
    )

    assert message == (
        "ISNOTAI_POLL_STALE_AFTER is shorter than poll.analytics_interval 5m, "
        "poll.usage_interval 1h30m, poll.integration_interval 15m: "
        "one failed poll is enough for such gauges to disappear"
    )
    assert _messages({"ISNOTAI_POLL_STALE_AFTER": "15m"}) == []


def test_a_mistake_is_named_after_the_source_that_won(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text("region: mars\n")
    environ = {**ENVIRON, "ISNOTAI_CONFIG_FILE": str(file)}
    problem = "must be 'us' or 'eu', got 'moon'"

    assert _refusal(environ) == f"{file}: region: must be 'us' or 'eu', got 'mars'"
    environ["ISNOTAI_REGION"] = "moon"
    assert _refusal(environ) == f"ISNOTAI_REGION: {problem}"
    environ["ISNOTAI_REGION"] = "sun"
    assert _refusal(environ, "--region=moon") == f"--region: {problem}"


@pytest.mark.parametrize(
    "entries",
    [
        "[{name: a, api_key_env: TEAM_A}, {name: b, api_key_env: TEAM_B}]",
        "[{name: a, api_key_file: keys/a}, {name: b, api_key_file: keys/../keys/a, region: eu}]",
    ],
)
def test_two_integrations_with_one_key_are_refused_without_it(tmp_path: Path, entries: str) -> None:
    file = tmp_path / "config.yml"
    file.write_text(f"integrations: {entries}")
    environ = {"ISNOTAI_CONFIG_FILE": str(file), "TEAM_A": KEY, "TEAM_B": KEY}

    assert _refusal(environ) == (
        f"{file}: integrations[1]: has the key of integrations[0], and so its request "
        "budget: keep one of them"
    )


def test_several_integrations_are_told_that_they_share_the_rate_limit_of_x_api_key(
    tmp_path: Path,
) -> None:
    file = tmp_path / "config.yml"
    file.write_text(
        "{auth_header: x-api-key, "
        "integrations: [{name: a, api_key_file: a}, {name: b, api_key_file: b}]}"
    )
    (warning,) = load([], {"ISNOTAI_CONFIG_FILE": str(file)}).warnings

    assert "the 2 integrations share it too" in warning.message


def test_a_limit_of_what_the_api_does_not_meter_is_pointed_out_with_the_nearest_name() -> None:
    assert _messages({"ISNOTAI_QUOTA_LIMITS": "sesions=5,events=6,zzz=7"}) == [
        "ISNOTAI_QUOTA_LIMITS: the API is not known to meter 'sesions', did you mean sessions?",
        "ISNOTAI_QUOTA_LIMITS: the API is not known to meter 'zzz'",
    ]


def test_the_known_limits_are_those_that_usage_meters() -> None:
    assert {*KNOWN, STORAGE} == set(QUOTA_METRICS)
