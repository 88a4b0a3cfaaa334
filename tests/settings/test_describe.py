from __future__ import annotations

from exporter.settings import describe, markdown_table

#: The contract's table of settings: names and defaults that users rely on.
CONTRACT = {
    "api_key": "–",
    "api_key_file": "–",
    "region": "us",
    "base_url": "from region",
    "auth_header": "authorization",
    "integration": "default",
    "integrations": "–",
    "config.file": "–",
    "tls.ca_file": "–",
    "web.listen_address": ":10984",
    "web.telemetry_path": "/metrics",
    "web.config_file": "–",
    "web.enable_lifecycle": "false",
    "poll.sessions_interval": "1m",
    "poll.stats_interval": "5m",
    "poll.analytics_interval": "5m",
    "poll.usage_interval": "15m",
    "poll.integration_interval": "15m",
    "poll.health_interval": "1m",
    "poll.users_interval": "0s",
    "poll.courses_interval": "0s",
    "poll.openapi_interval": "1d",
    "poll.stale_after": "5 × the resource's interval",
    "analytics.windows": "24h,7d",
    "analytics.bot_percentage_scale": "100",
    "analytics.bucket_timestamp": "start",
    "stats.include": "all",
    "sessions.lookback": "0s",
    "sessions.overlap": "2m",
    "sessions.settle_after": "15m",
    "sessions.exemplars": "false",
    "sessions.bot_threshold": "0.7",
    "sessions.bot_score_scale": "1",
    "sessions.max_flags": "100",
    "sessions.places": "–",
    "sessions.details": "false",
    "sessions.places_min_users": "10",
    "budget.share": "0.25",
    "budget.replicas": "1",
    "quota.limits": "–",
    "otlp.findings": "false",
    "state.path": "in memory",
    "log.level": "info",
    "log.format": "auto",
}

YAML_ONLY = ("integrations", "sessions.places")


def test_every_setting_of_the_contract_is_there_with_its_default() -> None:
    assert {row.name: row.default for row in describe()} == CONTRACT


def test_variables_and_flags_are_made_from_the_name() -> None:
    for row in describe():
        if row.name not in YAML_ONLY:
            assert row.env == "ISNOTAI_" + row.name.replace(".", "_").upper()
        if row.name not in (*YAML_ONLY, "api_key"):
            assert row.flag == "--" + row.name.replace("_", "-")


def test_the_key_has_no_flag_and_the_list_of_integrations_is_yaml_only() -> None:
    rows = {row.name: row for row in describe()}

    assert rows["api_key"].flag == ""
    assert (rows["integrations"].flag, rows["integrations"].env) == ("", "")


def test_every_setting_has_help() -> None:
    assert all(len(row.help) > 10 for row in describe())


def test_the_readmes_table_has_a_row_for_each_setting_with_code_told_from_words() -> None:
    lines = markdown_table().splitlines()

    assert lines[:2] == ["| Setting | Variable | Default | Meaning |", "|---|---|---|---|"]
    assert [line.split("`")[1] for line in lines[2:]] == [row.name for row in describe()]
    assert all(line.replace(r"\|", "").count("|") == 5 for line in lines)
    assert (
        "| `web.listen_address` | `ISNOTAI_WEB_LISTEN_ADDRESS` | `:10984` "
        "| where to serve: host:port, :port or [::1]:port |"
    ) in lines
    assert (
        "| `stats.include` | `ISNOTAI_STATS_INCLUDE` | all "
        r"| patterns of stat names to keep, such as total_\* |"
    ) in lines
    (integrations,) = (line for line in lines if line.startswith("| `integrations`"))
    assert integrations.startswith("| `integrations` | – | – | (YAML only)")
