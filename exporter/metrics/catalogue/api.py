"""Reaching the API: what was asked, what came of it, what the key and the budget are."""

from exporter.metrics.model import Metric

CODES = ("200", "401", "429", "500", "503", "connection", "timeout")
SCHEMA_CHANGES = ("added", "removed", "changed")
OUTCOMES = ("success", "failure", "skipped")
LATENCY_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
POLL_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)

UP = Metric(
    "isnotai_up",
    "gauge",
    "1 while the last attempt of at least one authenticated resource was answered well.",
    "isnotai.up",
)
RESOURCE_UP = Metric(
    "isnotai_resource_up",
    "gauge",
    "1 where the last attempt at the resource gave a decoded 2xx.",
    "isnotai.resource.up",
    labels=("resource",),
)
RESOURCE_LAST_SUCCESS = Metric(
    "isnotai_resource_last_success_timestamp_seconds",
    "gauge",
    "When the resource last gave a decoded 2xx; 0 before the first.",
    "isnotai.resource.last_success.timestamp",
    "s",
    ("resource",),
)
RESOURCE_FAILURES = Metric(
    "isnotai_resource_consecutive_failures",
    "gauge",
    "Polls of the resource that failed since the last that did not.",
    "isnotai.resource.consecutive_failures",
    "{failure}",
    ("resource",),
)
POLLS = Metric(
    "isnotai_polls",
    "counter",
    "Polls by outcome; skipped: the previous one still ran.",
    "isnotai.polls",
    "{poll}",
    ("resource", "outcome"),
    known={"outcome": OUTCOMES},
)
POLL_DURATION = Metric(
    "isnotai_poll_duration_seconds",
    "histogram",
    "How long polls took, waits for the budget included.",
    "isnotai.poll.duration",
    "s",
    ("resource",),
    buckets=POLL_BOUNDS,
)
API_KEY_VALID = Metric(
    "isnotai_api_key_valid",
    "gauge",
    "0 after the API refused the key, or without one; absent before the first answer.",
    "isnotai.api.key.valid",
)
INTEGRATION_INFO = Metric(
    "isnotai_integration_info",
    "gauge",
    "The region and the tier of the key, as labels.",
    "isnotai.integration.info",
    labels=("api_region", "api_tier"),
)
API_INFO = Metric(
    "isnotai_api_info",
    "gauge",
    "The API's version, as its health resource gives it.",
    "isnotai.api.info",
    labels=("version",),
)
API_REQUESTS = Metric(
    "isnotai_api_requests",
    "counter",
    "HTTP requests sent, by status code, or timeout, or connection.",
    "isnotai.api.requests",
    "{request}",
    ("resource", "code"),
    known={"code": CODES},
)
API_REQUEST_DURATION = Metric(
    "isnotai_api_request_duration_seconds",
    "histogram",
    "How long the API took to answer one request.",
    "isnotai.api.request.duration",
    "s",
    ("resource",),
    buckets=LATENCY_BOUNDS,
)
API_CLOCK_SKEW = Metric(
    "isnotai_api_clock_skew_seconds",
    "gauge",
    "The API's clock minus ours.",
    "isnotai.api.clock_skew",
    "s",
)
API_INVALID_RESPONSES = Metric(
    "isnotai_api_invalid_responses",
    "counter",
    "Answers with a 2xx that did not decode.",
    "isnotai.api.invalid_responses",
    "{response}",
    ("resource",),
)
API_INVALID_ITEMS = Metric(
    "isnotai_api_invalid_items",
    "counter",
    "List items skipped because they did not decode; a session counts once.",
    "isnotai.api.invalid_items",
    "{item}",
    ("resource",),
)
API_RATE_LIMIT = Metric(
    "isnotai_api_rate_limit_requests",
    "gauge",
    "Requests a minute that the tier allows.",
    "isnotai.api.rate_limit.requests",
    "{request}",
)
API_BUDGET = Metric(
    "isnotai_api_budget_requests",
    "gauge",
    "Requests a minute that this exporter allows itself.",
    "isnotai.api.budget.requests",
    "{request}",
)
API_SCHEMA_KNOWN = Metric(
    "isnotai_api_schema_known",
    "gauge",
    "1 while the API's own document has all that is read, as it is read.",
    "isnotai.api.schema.known",
)
API_SCHEMA_CHANGES = Metric(
    "isnotai_api_schema_changes",
    "gauge",
    "What the API's own document has otherwise than the exporter; removed and changed: of what is "
    "read.",
    "isnotai.api.schema.changes",
    "{change}",
    ("kind",),
    known={"kind": SCHEMA_CHANGES},
)
