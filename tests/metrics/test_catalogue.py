"""The catalogue: the names, types and labels that users rely on, and what every label promises."""

import re

import pytest

from exporter.metrics import catalogue
from exporter.metrics.model import Metric

CONTRACT = """
isnotai_up gauge
isnotai_resource_up gauge resource
isnotai_resource_last_success_timestamp_seconds gauge resource
isnotai_resource_consecutive_failures gauge resource
isnotai_polls_total counter resource outcome
isnotai_poll_duration_seconds histogram resource
isnotai_api_key_valid gauge
isnotai_integration_info gauge api_region api_tier
isnotai_api_info gauge version
isnotai_api_requests_total counter resource code
isnotai_api_request_duration_seconds histogram resource
isnotai_api_clock_skew_seconds gauge
isnotai_api_invalid_responses_total counter resource
isnotai_api_invalid_items_total counter resource
isnotai_api_rate_limit_requests gauge
isnotai_api_budget_requests gauge
isnotai_api_schema_known gauge
isnotai_api_schema_changes gauge kind
isnotai_sessions_total counter
isnotai_bot_sessions_total counter
isnotai_session_flags_total counter flag
isnotai_bot_session_flags_total counter flag
isnotai_session_bot_score histogram
isnotai_sessions_active gauge
isnotai_sessions_unsettled gauge
isnotai_late_sessions_total counter
isnotai_session_frontier_timestamp_seconds gauge
isnotai_session_gap_seconds_total counter
isnotai_session_frontier_step_backs_total counter
isnotai_future_sessions gauge
isnotai_session_coverage_ratio gauge
isnotai_analytics_sessions gauge window
isnotai_analytics_events gauge window
isnotai_analytics_unique_bots gauge window
isnotai_analytics_unique_users gauge window
isnotai_analytics_bot_score_average gauge window
isnotai_analytics_events_per_session_average gauge window
isnotai_analytics_verdicts gauge window verdict
isnotai_analytics_bot_ratio gauge window
isnotai_analytics_user_matches gauge window matched
isnotai_analytics_user_match_ratio gauge window
isnotai_analytics_correlation_confidence_average gauge window
isnotai_analytics_origin_sessions gauge window origin
isnotai_analytics_origin_bot_ratio gauge window origin
isnotai_analytics_devices gauge window device
isnotai_analytics_browsers gauge window browser
isnotai_analytics_generated_timestamp_seconds gauge window
isnotai_users gauge
isnotai_users_by_risk gauge risk_level
isnotai_users_with_bot_sessions gauge
isnotai_users_multi_device gauge
isnotai_user_max_bot_score gauge le
isnotai_courses gauge
isnotai_course_stats gauge stat
isnotai_stats gauge stat
isnotai_usage gauge metric period
isnotai_usage_storage_bytes gauge
isnotai_quota_limit gauge metric
isnotai_quota_used_ratio gauge metric
isnotai_exporter_build_info gauge version revision
isnotai_exporter_series gauge
isnotai_exporter_series_dropped_total counter family
isnotai_exporter_config_last_reload_successful gauge
isnotai_exporter_state_last_commit_timestamp_seconds gauge
isnotai_exporter_poller gauge
isnotai_exporter_state_losses_total counter
isnotai_exporter_otlp_exports_total counter outcome
"""

SET_BY_SCRAPERS = {
    "job", "instance", "endpoint", "namespace", "pod", "container", "service", "region", "zone",
    "env", "cluster",
}  # fmt: skip
OPEN_VOCABULARIES = {"flag", "origin", "browser", "stat"}


def each(metric: Metric) -> str:
    return metric.name


@pytest.mark.parametrize("line", CONTRACT.strip().splitlines())
def test_what_users_rely_on_is_there_as_it_was(line: str) -> None:
    name, kind, *labels = line.split()
    declared = {metric.exposed_name: metric for metric in catalogue.METRICS}

    metric = declared[name]
    assert metric.kind == kind
    assert list(metric.labels) == labels
    of_exporter = name.startswith("isnotai_exporter_") and name != "isnotai_exporter_poller"
    assert metric.per_integration is not of_exporter


def test_each_metric_is_declared_once_and_has_its_place() -> None:
    for names in (
        [metric.name for metric in catalogue.METRICS],
        [metric.otel for metric in catalogue.METRICS],
    ):
        assert len(set(names)) == len(names)
    assert [catalogue.ORDER[metric] for metric in catalogue.METRICS] == list(
        range(len(catalogue.METRICS))
    )


@pytest.mark.parametrize("metric", catalogue.METRICS, ids=each)
def test_names_and_texts_are_fit_to_be_shown(metric: Metric) -> None:
    assert re.fullmatch(r"isnotai(_[a-z0-9]+)+", metric.name)
    assert not metric.name.endswith(("_total", "_created", "_bucket", "_count", "_sum"))
    assert metric.help.endswith(".")
    assert "\n" not in metric.help


@pytest.mark.parametrize("metric", catalogue.METRICS, ids=each)
def test_no_label_is_one_that_scrapers_set_or_that_could_name_a_person(metric: Metric) -> None:
    labels = set(metric.label_names)

    assert labels.isdisjoint(SET_BY_SCRAPERS)
    assert not any(re.search(r"user|url|path|agent|(^|_)id$", label) for label in labels)
    assert len(labels) == len(metric.label_names)
    assert ("integration" in labels) is metric.per_integration


@pytest.mark.parametrize("metric", catalogue.METRICS, ids=each)
def test_every_open_vocabulary_is_bounded(metric: Metric) -> None:
    if OPEN_VOCABULARIES & set(metric.labels):
        assert metric in catalogue.BOUNDED
        assert metric.max_values is not None
        assert 0 < metric.max_values <= 100


@pytest.mark.parametrize("metric", catalogue.METRICS, ids=each)
def test_bounds_of_histograms_rise_and_only_histograms_have_them(metric: Metric) -> None:
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert set(metric.known) <= set(metric.labels)


def test_the_score_has_ten_buckets_of_a_tenth() -> None:
    assert catalogue.SESSION_BOT_SCORE.buckets == tuple(round(n / 10, 1) for n in range(1, 11))
