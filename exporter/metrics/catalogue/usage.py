"""Stats, usage and quota: the numbers that the API keeps, and the limits of the plan."""

from exporter.metrics.model import Metric

USAGE_METRICS = ("api_calls", "bot_analyses", "events", "sessions")
USAGE_PERIODS = ("day", "month")

STATS = Metric(
    "isnotai_stats",
    "gauge",
    "Every number in the API's stats, named by its path.",
    "isnotai.stats",
    labels=("stat",),
    max_values=100,
)
USAGE = Metric(
    "isnotai_usage",
    "gauge",
    "Consumed today and in this month (UTC).",
    "isnotai.usage",
    labels=("metric", "period"),
    max_values=20,
    known={"metric": USAGE_METRICS, "period": USAGE_PERIODS},
)
USAGE_STORAGE = Metric(
    "isnotai_usage_storage_bytes",
    "gauge",
    "Storage in use, the newest value.",
    "isnotai.usage.storage",
    "By",
)
QUOTA_LIMIT = Metric(
    "isnotai_quota_limit",
    "gauge",
    "The monthly limit that the settings state.",
    "isnotai.quota.limit",
    labels=("metric",),
)
QUOTA_USED = Metric(
    "isnotai_quota_used_ratio",
    "gauge",
    "This month's consumption over the limit that the settings state.",
    "isnotai.quota.used",
    "1",
    ("metric",),
)
