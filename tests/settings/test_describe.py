from __future__ import annotations

from exporter.settings import all_settings

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
    "state.url": "–",
    "state.url_file": "–",
    "state.schema": "isnotai",
    "log.level": "info",
    "log.format": "auto",
}

YAML_ONLY = ("integrations", "sessions.places")


def test_every_setting_of_the_contract_is_there_with_its_default() -> None:
    assert {row.name: row.default for row in all_settings()} == CONTRACT


def test_variables_and_flags_are_made_from_the_name() -> None:
    for row in all_settings():
        if row.name not in YAML_ONLY:
            assert row.variable == "ISNOTAI_" + row.name.replace(".", "_").upper()
        if row.name not in (*YAML_ONLY, "api_key", "state.url"):
            assert row.flags[0] == "--" + row.name.replace("_", "-")


def test_the_key_has_no_flag_and_the_list_of_integrations_is_yaml_only() -> None:
    rows = {row.name: row for row in all_settings()}

    assert rows["api_key"].flags == rows["state.url"].flags == ()
    assert (rows["integrations"].flags, rows["integrations"].variable) == ((), None)


def test_every_setting_has_help() -> None:
    assert all(len(row.help) > 10 for row in all_settings())
