"""What the API itself counts over rolling windows: one set of gauges for each window."""

from exporter.metrics.model import Metric

VERDICTS = ("high_confidence_bot", "medium_confidence_bot", "low_confidence_bot", "likely_human")
DEVICES = ("desktop", "mobile", "tablet")

ANALYTICS_SESSIONS = Metric(
    "isnotai_analytics_sessions",
    "gauge",
    "Sessions in the window.",
    "isnotai.analytics.sessions",
    "{session}",
    ("window",),
)
ANALYTICS_EVENTS = Metric(
    "isnotai_analytics_events",
    "gauge",
    "Events in the window.",
    "isnotai.analytics.events",
    "{event}",
    ("window",),
)
ANALYTICS_UNIQUE_BOTS = Metric(
    "isnotai_analytics_unique_bots",
    "gauge",
    "Unique bots in the window.",
    "isnotai.analytics.unique_bots",
    "{bot}",
    ("window",),
)
ANALYTICS_UNIQUE_USERS = Metric(
    "isnotai_analytics_unique_users",
    "gauge",
    "Unique users in the window.",
    "isnotai.analytics.unique_users",
    "{user}",
    ("window",),
)
ANALYTICS_BOT_SCORE = Metric(
    "isnotai_analytics_bot_score_average",
    "gauge",
    "Average bot score in the window; a high score means bot.",
    "isnotai.analytics.bot_score.average",
    labels=("window",),
)
ANALYTICS_EVENTS_PER_SESSION = Metric(
    "isnotai_analytics_events_per_session_average",
    "gauge",
    "Average number of events of a session in the window.",
    "isnotai.analytics.events_per_session.average",
    labels=("window",),
)
ANALYTICS_VERDICTS = Metric(
    "isnotai_analytics_verdicts",
    "gauge",
    "Sessions in the window by the API's verdict.",
    "isnotai.analytics.verdicts",
    "{session}",
    ("window", "verdict"),
    known={"verdict": VERDICTS},
)
ANALYTICS_BOT_RATIO = Metric(
    "isnotai_analytics_bot_ratio",
    "gauge",
    "Bots over sessions, summed over the window's time series.",
    "isnotai.analytics.bot",
    "1",
    ("window",),
)
ANALYTICS_USER_MATCHES = Metric(
    "isnotai_analytics_user_matches",
    "gauge",
    "Sessions in the window by whether a user was matched.",
    "isnotai.analytics.user_matches",
    "{session}",
    ("window", "matched"),
    known={"matched": ("false", "true")},
)
ANALYTICS_USER_MATCH_RATIO = Metric(
    "isnotai_analytics_user_match_ratio",
    "gauge",
    "Matched sessions over all, from the two counts.",
    "isnotai.analytics.user_match",
    "1",
    ("window",),
)
ANALYTICS_CORRELATION = Metric(
    "isnotai_analytics_correlation_confidence_average",
    "gauge",
    "Average confidence of user matching, as the API gives it.",
    "isnotai.analytics.correlation_confidence.average",
    labels=("window",),
)
ANALYTICS_ORIGIN_SESSIONS = Metric(
    "isnotai_analytics_origin_sessions",
    "gauge",
    "Sessions in the window by origin, of the origins that the API lists.",
    "isnotai.analytics.origin.sessions",
    "{session}",
    ("window", "origin"),
    max_values=50,
)
ANALYTICS_ORIGIN_BOT_RATIO = Metric(
    "isnotai_analytics_origin_bot_ratio",
    "gauge",
    "Share of bots in the window by origin, 0 to 1.",
    "isnotai.analytics.origin.bot",
    "1",
    ("window", "origin"),
    max_values=50,
)
ANALYTICS_DEVICES = Metric(
    "isnotai_analytics_devices",
    "gauge",
    "Sessions in the window by kind of device.",
    "isnotai.analytics.devices",
    "{session}",
    ("window", "device"),
    known={"device": DEVICES},
)
ANALYTICS_BROWSERS = Metric(
    "isnotai_analytics_browsers",
    "gauge",
    "Sessions in the window by browser.",
    "isnotai.analytics.browsers",
    "{session}",
    ("window", "browser"),
    max_values=30,
)
ANALYTICS_GENERATED = Metric(
    "isnotai_analytics_generated_timestamp_seconds",
    "gauge",
    "When the API generated the window's analytics.",
    "isnotai.analytics.generated.timestamp",
    "s",
    ("window",),
)
