"""The catalogue: each metric declared once, in the order in which it is exposed.

Adding a metric is one declaration here and one line in a collector; the table in the docs, the
OTel name and the drift checks of dashboards and alerts follow from the declaration. Names are a
contract with users: add freely, never rename. No label has an id, user data or a path for value.
"""

from collections.abc import Mapping
from types import MappingProxyType

from exporter.metrics.model import Kind, Metric

RESOURCES = ("health", "integration", "stats", "analytics", "usage", "sessions")
CODES = ("200", "401", "429", "500", "503", "connection", "timeout")
OUTCOMES = ("success", "failure", "skipped")
VERDICTS = ("high_confidence_bot", "medium_confidence_bot", "low_confidence_bot", "likely_human")
DEVICES = ("desktop", "mobile", "tablet")
USAGE_METRICS = ("api_calls", "bot_analyses", "events", "sessions")
USAGE_PERIODS = ("day", "month")
SCORE_BOUNDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
LATENCY_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
POLL_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)

_declared: list[Metric] = []


def _metric(
    name: str,
    kind: Kind,
    help_text: str,
    otel: str,
    unit: str = "",
    labels: tuple[str, ...] = (),
    *,
    bounds: tuple[float, ...] = (),
    bound: int | None = None,
    known: Mapping[str, tuple[str, ...]] | None = None,
    per_integration: bool = True,
) -> Metric:
    metric = Metric(
        name,
        kind,
        help_text,
        otel,
        unit,
        labels,
        bounds,
        bound,
        MappingProxyType(dict(known or {})),
        per_integration,
    )
    _declared.append(metric)
    return metric


# -- reaching the API

UP = _metric(
    "isnotai_up",
    "gauge",
    "1 while the last attempt of at least one authenticated resource was answered well.",
    "isnotai.up",
)
RESOURCE_UP = _metric(
    "isnotai_resource_up",
    "gauge",
    "1 where the last attempt at the resource gave a decoded 2xx.",
    "isnotai.resource.up",
    labels=("resource",),
)
RESOURCE_LAST_SUCCESS = _metric(
    "isnotai_resource_last_success_timestamp_seconds",
    "gauge",
    "When the resource last gave a decoded 2xx; 0 before the first.",
    "isnotai.resource.last_success.timestamp",
    "s",
    ("resource",),
)
RESOURCE_FAILURES = _metric(
    "isnotai_resource_consecutive_failures",
    "gauge",
    "Polls of the resource that failed since the last that did not.",
    "isnotai.resource.consecutive_failures",
    "{failure}",
    ("resource",),
)
POLLS = _metric(
    "isnotai_polls",
    "counter",
    "Polls by outcome; skipped: the previous one still ran.",
    "isnotai.polls",
    "{poll}",
    ("resource", "outcome"),
    known={"outcome": OUTCOMES},
)
POLL_DURATION = _metric(
    "isnotai_poll_duration_seconds",
    "histogram",
    "How long polls took, waits for the budget included.",
    "isnotai.poll.duration",
    "s",
    ("resource",),
    bounds=POLL_BOUNDS,
)
API_KEY_VALID = _metric(
    "isnotai_api_key_valid",
    "gauge",
    "0 after the API refused the key, or without one; absent before the first answer.",
    "isnotai.api.key.valid",
)
INTEGRATION_INFO = _metric(
    "isnotai_integration_info",
    "gauge",
    "The region and the tier of the key, as labels.",
    "isnotai.integration.info",
    labels=("api_region", "api_tier"),
)
API_INFO = _metric(
    "isnotai_api_info",
    "gauge",
    "The API's version, as its health resource gives it.",
    "isnotai.api.info",
    labels=("version",),
)
API_REQUESTS = _metric(
    "isnotai_api_requests",
    "counter",
    "HTTP requests sent, by status code, or timeout, or connection.",
    "isnotai.api.requests",
    "{request}",
    ("resource", "code"),
    known={"code": CODES},
)
API_REQUEST_DURATION = _metric(
    "isnotai_api_request_duration_seconds",
    "histogram",
    "How long the API took to answer one request.",
    "isnotai.api.request.duration",
    "s",
    ("resource",),
    bounds=LATENCY_BOUNDS,
)
API_CLOCK_SKEW = _metric(
    "isnotai_api_clock_skew_seconds",
    "gauge",
    "The API's clock minus ours.",
    "isnotai.api.clock_skew",
    "s",
)
API_INVALID_RESPONSES = _metric(
    "isnotai_api_invalid_responses",
    "counter",
    "Answers with a 2xx that did not decode.",
    "isnotai.api.invalid_responses",
    "{response}",
    ("resource",),
)
API_INVALID_ITEMS = _metric(
    "isnotai_api_invalid_items",
    "counter",
    "List items skipped because they did not decode; a session counts once.",
    "isnotai.api.invalid_items",
    "{item}",
    ("resource",),
)
API_RATE_LIMIT = _metric(
    "isnotai_api_rate_limit_requests",
    "gauge",
    "Requests a minute that the tier allows.",
    "isnotai.api.rate_limit.requests",
    "{request}",
)
API_BUDGET = _metric(
    "isnotai_api_budget_requests",
    "gauge",
    "Requests a minute that this exporter allows itself.",
    "isnotai.api.budget.requests",
    "{request}",
)

# -- sessions, counted exactly once

SESSIONS = _metric(
    "isnotai_sessions",
    "counter",
    "Distinct sessions, counted when first seen.",
    "isnotai.sessions",
    "{session}",
)
BOT_SESSIONS = _metric(
    "isnotai_bot_sessions",
    "counter",
    "Distinct sessions whose bot score reached the threshold before they were settled.",
    "isnotai.bot_sessions",
    "{session}",
)
SESSION_FLAGS = _metric(
    "isnotai_session_flags",
    "counter",
    "Distinct pairs of session and detection flag.",
    "isnotai.session.flags",
    "{flag}",
    ("flag",),
    bound=100,
)
SESSION_BOT_SCORE = _metric(
    "isnotai_session_bot_score",
    "histogram",
    "Final bot score of each settled session; a high score means bot.",
    "isnotai.session.bot_score",
    "1",
    bounds=SCORE_BOUNDS,
)
SESSIONS_ACTIVE = _metric(
    "isnotai_sessions_active",
    "gauge",
    "Sessions last seen active and not settled.",
    "isnotai.sessions.active",
    "{session}",
)
SESSIONS_UNSETTLED = _metric(
    "isnotai_sessions_unsettled",
    "gauge",
    "Sessions whose score and flags may still change.",
    "isnotai.sessions.unsettled",
    "{session}",
)
LATE_SESSIONS = _metric(
    "isnotai_late_sessions",
    "counter",
    "Sessions first seen behind the frontier.",
    "isnotai.late_sessions",
    "{session}",
)
SESSION_FRONTIER = _metric(
    "isnotai_session_frontier_timestamp_seconds",
    "gauge",
    "Every session created before this, by the API's clock, was counted.",
    "isnotai.session.frontier.timestamp",
    "s",
)
SESSION_GAP = _metric(
    "isnotai_session_gap_seconds",
    "counter",
    "Time whose sessions could not be read any more: it fell out of the tier's history.",
    "isnotai.session.gap",
    "s",
)
SESSION_COVERAGE = _metric(
    "isnotai_session_coverage_ratio",
    "gauge",
    "Sessions counted over those that the API's analytics report, for the last complete hour.",
    "isnotai.session.coverage",
    "1",
)

# -- analytics, one set a window

ANALYTICS_SESSIONS = _metric(
    "isnotai_analytics_sessions",
    "gauge",
    "Sessions in the window.",
    "isnotai.analytics.sessions",
    "{session}",
    ("window",),
)
ANALYTICS_EVENTS = _metric(
    "isnotai_analytics_events",
    "gauge",
    "Events in the window.",
    "isnotai.analytics.events",
    "{event}",
    ("window",),
)
ANALYTICS_UNIQUE_BOTS = _metric(
    "isnotai_analytics_unique_bots",
    "gauge",
    "Unique bots in the window.",
    "isnotai.analytics.unique_bots",
    "{bot}",
    ("window",),
)
ANALYTICS_UNIQUE_USERS = _metric(
    "isnotai_analytics_unique_users",
    "gauge",
    "Unique users in the window.",
    "isnotai.analytics.unique_users",
    "{user}",
    ("window",),
)
ANALYTICS_BOT_SCORE = _metric(
    "isnotai_analytics_bot_score_average",
    "gauge",
    "Average bot score in the window; a high score means bot.",
    "isnotai.analytics.bot_score.average",
    labels=("window",),
)
ANALYTICS_EVENTS_PER_SESSION = _metric(
    "isnotai_analytics_events_per_session_average",
    "gauge",
    "Average number of events of a session in the window.",
    "isnotai.analytics.events_per_session.average",
    labels=("window",),
)
ANALYTICS_VERDICTS = _metric(
    "isnotai_analytics_verdicts",
    "gauge",
    "Sessions in the window by the API's verdict.",
    "isnotai.analytics.verdicts",
    "{session}",
    ("window", "verdict"),
    known={"verdict": VERDICTS},
)
ANALYTICS_BOT_RATIO = _metric(
    "isnotai_analytics_bot_ratio",
    "gauge",
    "Bots over sessions, summed over the window's time series.",
    "isnotai.analytics.bot",
    "1",
    ("window",),
)
ANALYTICS_USER_MATCHES = _metric(
    "isnotai_analytics_user_matches",
    "gauge",
    "Sessions in the window by whether a user was matched.",
    "isnotai.analytics.user_matches",
    "{session}",
    ("window", "matched"),
    known={"matched": ("false", "true")},
)
ANALYTICS_USER_MATCH_RATIO = _metric(
    "isnotai_analytics_user_match_ratio",
    "gauge",
    "Matched sessions over all, from the two counts.",
    "isnotai.analytics.user_match",
    "1",
    ("window",),
)
ANALYTICS_CORRELATION = _metric(
    "isnotai_analytics_correlation_confidence_average",
    "gauge",
    "Average confidence of user matching, as the API gives it.",
    "isnotai.analytics.correlation_confidence.average",
    labels=("window",),
)
ANALYTICS_ORIGIN_SESSIONS = _metric(
    "isnotai_analytics_origin_sessions",
    "gauge",
    "Sessions in the window by origin, of the origins that the API lists.",
    "isnotai.analytics.origin.sessions",
    "{session}",
    ("window", "origin"),
    bound=50,
)
ANALYTICS_ORIGIN_BOT_RATIO = _metric(
    "isnotai_analytics_origin_bot_ratio",
    "gauge",
    "Share of bots in the window by origin, 0 to 1.",
    "isnotai.analytics.origin.bot",
    "1",
    ("window", "origin"),
    bound=50,
)
ANALYTICS_DEVICES = _metric(
    "isnotai_analytics_devices",
    "gauge",
    "Sessions in the window by kind of device.",
    "isnotai.analytics.devices",
    "{session}",
    ("window", "device"),
    known={"device": DEVICES},
)
ANALYTICS_BROWSERS = _metric(
    "isnotai_analytics_browsers",
    "gauge",
    "Sessions in the window by browser.",
    "isnotai.analytics.browsers",
    "{session}",
    ("window", "browser"),
    bound=30,
)
ANALYTICS_GENERATED = _metric(
    "isnotai_analytics_generated_timestamp_seconds",
    "gauge",
    "When the API generated the window's analytics.",
    "isnotai.analytics.generated.timestamp",
    "s",
    ("window",),
)

# -- stats, usage, quota

STATS = _metric(
    "isnotai_stats",
    "gauge",
    "Every number in the API's stats, named by its path.",
    "isnotai.stats",
    labels=("stat",),
    bound=100,
)
USAGE = _metric(
    "isnotai_usage",
    "gauge",
    "Consumed today and in this month (UTC).",
    "isnotai.usage",
    labels=("metric", "period"),
    bound=20,
    known={"metric": USAGE_METRICS, "period": USAGE_PERIODS},
)
USAGE_STORAGE = _metric(
    "isnotai_usage_storage_bytes",
    "gauge",
    "Storage in use, the newest value.",
    "isnotai.usage.storage",
    "By",
)
QUOTA_LIMIT = _metric(
    "isnotai_quota_limit",
    "gauge",
    "The monthly limit that the settings state.",
    "isnotai.quota.limit",
    labels=("metric",),
)
QUOTA_USED = _metric(
    "isnotai_quota_used_ratio",
    "gauge",
    "This month's consumption over the limit that the settings state.",
    "isnotai.quota.used",
    "1",
    ("metric",),
)

# -- the exporter itself

EXPORTER_BUILD_INFO = _metric(
    "isnotai_exporter_build_info",
    "gauge",
    "The exporter's version and revision, as labels.",
    "isnotai.exporter.build_info",
    labels=("version", "revision"),
    per_integration=False,
)
EXPORTER_SERIES = _metric(
    "isnotai_exporter_series",
    "gauge",
    "Series now exposed, process and python ones aside.",
    "isnotai.exporter.series",
    "{series}",
    per_integration=False,
)
EXPORTER_SERIES_DROPPED = _metric(
    "isnotai_exporter_series_dropped",
    "counter",
    "Label values folded into other, or left out, by a bound.",
    "isnotai.exporter.series_dropped",
    "{series}",
    ("family",),
    per_integration=False,
)
EXPORTER_RELOAD_OK = _metric(
    "isnotai_exporter_config_last_reload_successful",
    "gauge",
    "1 unless the last reload of the settings failed.",
    "isnotai.exporter.config.last_reload_successful",
    per_integration=False,
)
EXPORTER_LAST_COMMIT = _metric(
    "isnotai_exporter_state_last_commit_timestamp_seconds",
    "gauge",
    "When counters and frontier were last committed.",
    "isnotai.exporter.state.last_commit.timestamp",
    "s",
    per_integration=False,
)
EXPORTER_OTLP_EXPORTS = _metric(
    "isnotai_exporter_otlp_exports",
    "counter",
    "OTLP exports by outcome.",
    "isnotai.exporter.otlp.exports",
    "{export}",
    ("outcome",),
    known={"outcome": ("success", "failure")},
    per_integration=False,
)

METRICS: tuple[Metric, ...] = tuple(_declared)
ORDER: Mapping[Metric, int] = MappingProxyType(
    {metric: place for place, metric in enumerate(METRICS)}
)
BOUNDED: tuple[Metric, ...] = tuple(metric for metric in METRICS if metric.bound is not None)
