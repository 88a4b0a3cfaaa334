"""*Not AI · Usage and quota*: what is consumed, whether it lasts, and what the exporter asks."""

from alerts.generate.series import SITE
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
    words,
)
from dashboards.generate.people import COURSES
from dashboards.generate.queries import NO_EXPORTER, hourly, of, site, total
from dashboards.generate.reading import SITE_COLUMNS, SITE_NAME

_NO_LIMIT = "no limit set: quota.limits says what your plan allows"
_NO_REQUEST = "no request was sent in this time"
_USED_STEPS = ((None, BLUE), (0.8, ORANGE), (1, VERMILLION))
_USED = site(of("isnotai_quota_used_ratio"), "metric")
_MONTH_LEFT = (
    "scalar((days_in_month() - day_of_month() + 1) * 86400 - hour() * 3600 - minute() * 60)"
)
_MONTH_GONE = (
    "scalar(clamp_min((day_of_month() - 1) * 86400 + hour() * 3600 + minute() * 60, 86400))"
)
_STORED = 'metric="storage_bytes"'
_CONSUMED = 'metric!="storage_bytes"'
_PACE = site(of("isnotai_quota_used_ratio", _CONSUMED), "metric") + f" / {_MONTH_GONE}"
"""Of the limit, a second, over the month so far: a working day and a Sunday count as they came."""
_MONTH_END = (
    site(of("isnotai_quota_used_ratio", _CONSUMED), "metric")
    + f" + {_PACE} * {_MONTH_LEFT} or "
    + site(of("isnotai_quota_used_ratio", _STORED), "metric")
)
_LASTS_FOR = (
    f"clamp_max(clamp_min(1 - {_USED}, 0) / ({_PACE} > 0), {_MONTH_LEFT})"
    f" or clamp_max(clamp_min(1 - {_USED}, 0) * 1e12, {_MONTH_LEFT})"
)
"""Until the limit is used up, and no longer than the month, when it begins anew; 0: it is."""
_USED_UP = words((0, "used up", VERMILLION))
_REQUESTS = hourly(of("isnotai_api_requests_total")) + " / 60"
_THROTTLED = hourly(of("isnotai_api_requests_total", 'code="429"')) + " / 60"
_NEVER_THROTTLED = "no request was answered with 429"

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
            empty=_NO_LIMIT,
        ),
        stat(
            "Forecast for the month's end",
            "The largest part of a monthly limit that will be used up when the month (UTC) ends, "
            "at this month's pace so far. Above 100 % it does not last.",
            "percentunit",
            f"max ({_MONTH_END})",
            width=5,
            steps=_USED_STEPS,
            decimals=1,
            empty=_NO_LIMIT,
        ),
        stat(
            "First limit lasts for",
            "When, at this month's pace so far, the first monthly limit is used up; the rest of "
            "the month at most, since all begin anew then.",
            "s",
            f"min ({_LASTS_FOR})",
            width=4,
            mappings=_USED_UP,
            empty=_NO_LIMIT,
        ),
        stat(
            "Requests a minute",
            "HTTP requests that the exporters sent to the API in the last hour, retries included.",
            "reqpm",
            f"sum ({_REQUESTS})",
            width=3,
            decimals=1,
            empty=_NO_REQUEST,
        ),
        stat(
            "Of the budget",
            "Requests a minute over what the exporters allow themselves, for the last hour. Near "
            "100 % they wait, and counting falls behind.",
            "percentunit",
            f"sum ({_REQUESTS}) / sum ({of('isnotai_api_budget_requests')})",
            width=3,
            steps=((None, BLUE), (0.8, ORANGE), (1, VERMILLION)),
            decimals=1,
            empty=_NO_REQUEST,
        ),
        stat(
            "Throttled",
            "Share of the last hour's requests that the API answered with 429. More than 5 % "
            "raises an alert.",
            "percentunit",
            f"sum ({_THROTTLED}) / (sum ({_REQUESTS}) > 0)",
            width=4,
            steps=((None, BLUE), (0.01, ORANGE), (0.05, VERMILLION)),
            decimals=2,
            empty=_NEVER_THROTTLED,
        ),
    ),
)


def _storage_with_limit() -> str:
    """What is stored, where it has a limit; with the label that its limit has."""
    stored = site(of("isnotai_usage_storage_bytes"))
    limit = site(of("isnotai_quota_limit", _STORED), "metric")
    return f"{limit} * 0 + on ({SITE}) group_left () {stored}"


_LIMITS = Row(
    "Consumption against limits",
    9,
    (
        table(
            "Limits",
            "This month's consumption against the limits in the settings. Forecast: at the "
            "month's pace so far, what it will have used when it ends; above 100 % it does not "
            "last. Storage has units of its own.",
            (*SITE_COLUMNS, ("metric", "Metric")),
            Column(
                "Month",
                site(of("isnotai_usage", 'period="month"', _CONSUMED), "metric")
                + f" and on ({SITE}, metric) "
                + of("isnotai_quota_limit"),
            ),
            Column("Limit", site(of("isnotai_quota_limit", _CONSUMED), "metric")),
            Column("Stored", _storage_with_limit(), "bytes"),
            Column("Storage limit", site(of("isnotai_quota_limit", _STORED), "metric"), "bytes"),
            Column("Used", _USED, "percentunit", _USED_STEPS, 1),
            Column("Forecast", _MONTH_END, "percentunit", _USED_STEPS, 1),
            Column("Lasts for", _LASTS_FOR, "s", mappings=_USED_UP),
            width=17,
            sort_by="Forecast",
            empty=_NO_LIMIT,
        ),
        lines(
            "Part of the limit",
            "Consumption of the month over its limit; it falls to 0 when a month (UTC) begins. "
            "100 % is all of it.",
            "percentunit",
            Query(f"max by (metric) ({_USED})", "{{metric}}"),
            width=7,
            steps=((None, BLUE), (1, VERMILLION)),
            steps_drawn=True,
            empty=_NO_LIMIT,
        ),
    ),
)

_NO_USAGE = "usage is switched off, or was not read yet"

_CONSUMPTION = Row(
    "Consumption",
    8,
    (
        lines(
            "Today",
            "Consumed since midnight UTC, per metric, summed over the integrations, on a "
            "logarithmic axis.",
            "short",
            Query(total(of("isnotai_usage", 'period="day"', _CONSUMED), "metric"), "{{metric}}"),
            width=8,
            log=True,
            empty=_NO_USAGE,
        ),
        lines(
            "This month",
            "Consumed since the month (UTC) began, on a logarithmic axis. Absent while not all of "
            "its days can be read.",
            "short",
            Query(total(of("isnotai_usage", 'period="month"', _CONSUMED), "metric"), "{{metric}}"),
            width=8,
            log=True,
            empty="not all days of this month can be read",
        ),
        lines(
            "Storage",
            "Bytes that the recorded events take, as the API last told; the ten largest.",
            "bytes",
            Query(
                f"topk(10, {site(of('isnotai_usage_storage_bytes'))})",
                SITE_NAME,
            ),
            width=8,
            empty="the API reports no storage",
        ),
    ),
)

_API = Row(
    "Requests to the API",
    9,
    (
        lines(
            "Requests against budget and tier",
            "Requests a minute (of the hour before), what the exporters allow themselves, and "
            "what the tier allows, on a logarithmic axis. "
            "Above the budget nothing is sent; what lies between budget and tier is for others. "
            "Exporters that share a key have each a part of its budget, so theirs add up.",
            "reqpm",
            Query(f"sum ({_REQUESTS})", "requests", BLUE),
            Query(
                f"sum ({of('isnotai_api_budget_requests')})",
                "budget",
                ORANGE,
                dashed=True,
            ),
            Query(
                total(of("isnotai_api_rate_limit_requests")),
                "tier",
                VERMILLION,
                dashed=True,
            ),
            width=10,
            log=True,
            empty=_NO_REQUEST,
        ),
        lines(
            "Requests by code",
            "Requests a minute by status code, of the hour before; timeout and connection: no "
            "answer.",
            "reqpm",
            Query(f"sum by (code) ({_REQUESTS})", "{{code}}"),
            stacked=True,
            width=7,
            empty=_NO_REQUEST,
        ),
        lines(
            "Throttling",
            "Requests a minute that the API answered with 429, of the hour before; the ten "
            "integrations with most. The exporters wait as it asks.",
            "reqpm",
            Query(f"topk(10, sum by ({SITE}) ({_THROTTLED}))", SITE_NAME),
            width=7,
            empty=_NEVER_THROTTLED,
        ),
    ),
)

_STATS = Row(
    "What else the API tells",
    9,
    (
        bars(
            "Requests by resource",
            "Requests a minute by what they ask for, over the last hour. Sessions come first when "
            "the budget is tight.",
            "reqpm",
            Query(f"sort_desc(sum by (resource) ({_REQUESTS}))", "{{resource}}", instant=True),
            decimals=2,
            width=5,
            empty=_NO_REQUEST,
        ),
        table(
            "Stats",
            "Every number in the API's /v1/stats, named by its path; what each means is the "
            "vendor's.",
            (*SITE_COLUMNS, ("stat", "Stat")),
            Column("Value", site(of("isnotai_stats", 'stat!~".*bytes"'), "stat"), "short"),
            Column("Bytes", site(of("isnotai_stats", 'stat=~".*bytes"'), "stat"), "bytes"),
            width=10,
            empty="stats are switched off, or were not read yet",
        ),
        table(
            "Keys",
            "Region and tier of each integration's key.",
            (
                *SITE_COLUMNS,
                ("api_region", "Region"),
                ("api_tier", "Tier"),
            ),
            Column(
                "Requests a minute",
                site(of("isnotai_integration_info"), "api_region", "api_tier")
                + f" * on ({SITE}) group_left () "
                + site(of("isnotai_api_rate_limit_requests")),
            ),
            width=9,
            empty=NO_EXPORTER,
        ),
    ),
)

BOARD = Dashboard(
    "notai-usage",
    "Not AI · Usage and quota",
    "What is consumed, day and month, against your limits, when they run out, and what the "
    "exporters spend of the API's rate limit.",
    (_NOW, _LIMITS, _CONSUMPTION, _API, _STATS, COURSES),
    span="now-7d",
)
