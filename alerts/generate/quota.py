"""Alerts on the customer's own monthly limits, which only the settings know."""

from alerts.generate.model import Alert, Group

MONTH_SECONDS_LEFT = (
    "scalar((days_in_month() - day_of_month() + 1) * 86400 - hour() * 3600 - minute() * 60)"
)
"""Seconds until the UTC month ends."""

_USED = "max by (integration, metric) (isnotai_quota_used_ratio)"

RULES = (
    Alert(
        "NotAIQuotaExhausted",
        f"{_USED} >= 1",
        "5m",
        "critical",
        "operations",
        "notai-usage",
        "Monthly limit of {{ $labels.metric }} is used up at {{ $labels.integration }}",
        "This month has consumed {{ $value | humanizePercentage }} of the limit on "
        "{{ $labels.metric }} that the settings state.",
    ),
    Alert(
        "NotAIQuotaWarning",
        f"{_USED} >= 0.8 < 1",
        "15m",
        "warning",
        "operations",
        "notai-usage",
        "Monthly limit of {{ $labels.metric }} is nearly used up at {{ $labels.integration }}",
        "This month has consumed {{ $value | humanizePercentage }} of the limit on "
        "{{ $labels.metric }} that the settings state.",
    ),
    Alert(
        "NotAIQuotaForecast",
        f"""\
max by (integration, metric) (
  predict_linear(
    isnotai_quota_used_ratio[1d],
    {MONTH_SECONDS_LEFT}
  )
) > 1
and on (integration, metric)
{_USED} < 1""",
        "1h",
        "warning",
        "operations",
        "notai-usage",
        "Monthly limit of {{ $labels.metric }} will not last at {{ $labels.integration }}",
        "At the pace of the last day, this month will have consumed "
        "{{ $value | humanizePercentage }} of the limit on {{ $labels.metric }} when it ends.",
    ),
)

GROUP = Group("notai-quota", "1m", RULES)
