"""*Not AI · Usage and quota*: what is consumed, whether it lasts, and what the exporter asks."""

from dashboards.generate.panels import (
    BLUE,
    ORANGE,
    VERMILLION,
    Column,
    Dashboard,
    Query,
    Row,
    bars,
    lines,
    stat,
    table,
)
from dashboards.generate.queries import account, of, total

_MONTH_LEFT = (
    "scalar((days_in_month() - day_of_month() + 1) * 86400 - hour() * 3600 - minute() * 60)"
)
_USED_STEPS = ((None, BLUE), (0.8, ORANGE), (1, VERMILLION))
_USED = account(of("isnotai_quota_used_ratio"), "metric")
_PACE = account(f"deriv({of('isnotai_quota_used_ratio')}[1d])", "metric")
_MONTH_END = account(
    f"predict_linear({of('isnotai_quota_used_ratio')}[1d], {_MONTH_LEFT})", "metric"
)
_LAST_FOR = f"((1 - {_USED}) > 0) / ({_PACE} > 0)"
_REQUESTS = f"rate({of('isnotai_api_requests_total')}[$__rate_interval])"
_THROTTLED = "rate({}[$__rate_interval])".format(of("isnotai_api_requests_total", 'code="429"'))

_NOW = Row(
    "Now",
    5,
    (
        stat(
            "Highest use of a limit",
            "The largest part of a monthly limit that is used up. The limits are what the "
            "settings state; the API knows none.",
            "percentunit",
            f"max ({_USED})",
            width=5,
            steps=_USED_STEPS,
            decimals=1,
        ),
        stat(
            "First limit lasts for",
            "When, at the pace of the last day, the first monthly limit is used up; a month that "
            "ends before resets it.",
            "s",
            f"min ({_LAST_FOR})",
            width=5,
            steps=((None, VERMILLION), (604800, ORANGE), (2592000, BLUE)),
        ),
        stat(
            "Requests a minute",
            "HTTP requests that the exporters send to the API, retries included.",
            "rpm",
            f"sum ({_REQUESTS}) * 60",
            decimals=1,
        ),
        stat(
            "Of the budget",
            "Requests a minute over what the exporters allow themselves. Near 100 % they wait, "
            "and counting falls behind.",
            "percentunit",
            f"sum ({_REQUESTS}) * 60 / sum ({of('isnotai_api_budget_requests')})",
            width=5,
            steps=((None, BLUE), (0.8, ORANGE), (1, VERMILLION)),
            decimals=1,
        ),
        stat(
            "Throttled",
            "Share of requests that the API answered with 429. More than 5 % raises an alert.",
            "percentunit",
            f"sum ({_THROTTLED}) / sum ({_REQUESTS})",
            width=5,
            steps=((None, BLUE), (0.01, ORANGE), (0.05, VERMILLION)),
            decimals=2,
        ),
    ),
)

_LIMITS = Row(
    "Consumption against limits",
    9,
    (
        table(
            "Limits",
            "This month's consumption against the limits in the settings. Forecast: at the pace "
            "of the last day, what the month will have used when it ends; above 100 % it does "
            "not last.",
            (("integration", "Integration"), ("metric", "Metric")),
            Column("Month", account(of("isnotai_usage", 'period="month"'), "metric"), "short"),
            Column("Limit", account(of("isnotai_quota_limit"), "metric"), "short"),
            Column("Used", _USED, "percentunit", _USED_STEPS, 1),
            Column("Forecast", _MONTH_END, "percentunit", _USED_STEPS, 1),
            Column("Lasts for", _LAST_FOR, "s"),
            width=14,
            sort_by="Forecast",
        ),
        lines(
            "Part of the limit",
            "Consumption of the month over its limit; it falls to 0 when a month (UTC) begins. "
            "100 % is all of it.",
            "percentunit",
            Query(f"max by (metric) ({_USED})", "{{metric}}"),
            width=10,
        ),
    ),
)

_CONSUMPTION = Row(
    "Consumption",
    8,
    (
        lines(
            "Today",
            "Consumed since midnight UTC, per metric, summed over the integrations, on a "
            "logarithmic axis.",
            "short",
            Query(total(of("isnotai_usage", 'period="day"'), "metric"), "{{metric}}"),
            width=8,
            log=True,
        ),
        lines(
            "This month",
            "Consumed since the month (UTC) began, on a logarithmic axis. Absent while not all of "
            "its days can be read.",
            "short",
            Query(total(of("isnotai_usage", 'period="month"'), "metric"), "{{metric}}"),
            width=8,
            log=True,
        ),
        lines(
            "Storage",
            "Bytes that the recorded events take, as the API last told; the ten largest.",
            "bytes",
            Query(
                f"topk(10, {account(of('isnotai_usage_storage_bytes'))})",
                "{{integration}}",
            ),
            width=8,
        ),
    ),
)

_API = Row(
    "Requests to the API",
    9,
    (
        lines(
            "Requests against budget and tier",
            "Requests a minute, what the exporters allow themselves, and what the tier allows. "
            "Above the budget nothing is sent; what lies between budget and tier is for others. "
            "Exporters that share a key have each a part of its budget, so theirs add up.",
            "rpm",
            Query(f"sum ({_REQUESTS}) * 60", "requests", BLUE),
            Query(
                f"sum ({of('isnotai_api_budget_requests')})",
                "budget",
                ORANGE,
                dashed=True,
            ),
            Query(
                f"sum ({account(of('isnotai_api_rate_limit_requests'))})",
                "tier",
                VERMILLION,
                dashed=True,
            ),
        ),
        lines(
            "Requests by code",
            "Requests a minute by status code; timeout and connection: no answer.",
            "rpm",
            Query(f"sum by (code) ({_REQUESTS}) * 60", "{{code}}"),
            stacked=True,
            width=6,
        ),
        lines(
            "Throttling",
            "Requests a minute that the API answered with 429; the ten integrations with most. "
            "The exporters wait as it asks.",
            "rpm",
            Query(f"topk(10, sum by (integration) ({_THROTTLED}) * 60)", "{{integration}}"),
            width=6,
        ),
    ),
)

_STATS = Row(
    "What else the API tells",
    9,
    (
        bars(
            "Requests by resource",
            "Requests a minute by what they ask for. Sessions come first when the budget is tight.",
            "rpm",
            Query(f"sort_desc(sum by (resource) ({_REQUESTS}) * 60)", "{{resource}}", instant=True),
            decimals=1,
        ),
        table(
            "Stats",
            "Every number in the API's /v1/stats, named by its path; what each means is the "
            "vendor's.",
            (("integration", "Integration"), ("stat", "Stat")),
            Column("Value", account(of("isnotai_stats"), "stat")),
            width=8,
        ),
        table(
            "Keys",
            "Region and tier of each integration's key.",
            (
                ("integration", "Integration"),
                ("api_region", "Region"),
                ("api_tier", "Tier"),
            ),
            Column(
                "Requests a minute",
                account(of("isnotai_integration_info"), "api_region", "api_tier")
                + " * on (integration) group_left () "
                + account(of("isnotai_api_rate_limit_requests")),
            ),
            width=8,
        ),
    ),
)

BOARD = Dashboard(
    "notai-usage",
    "Not AI · Usage and quota",
    "What is consumed, day and month, against your limits, when they run out, and what the "
    "exporters spend of the API's rate limit.",
    (_NOW, _LIMITS, _CONSUMPTION, _API, _STATS),
    span="now-7d",
)
