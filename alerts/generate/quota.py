"""Alerts on the customer's own monthly limits, which only the settings know."""

from alerts.generate.model import Alert, Group
from alerts.generate.series import SITE

DAYS_LEFT = "scalar(days_in_month() - day_of_month() + 1 - hour() / 24 - minute() / 1440)"
"""Days until the UTC month ends."""

_LEVEL = f"{SITE}, metric"
_USED = f"max by ({_LEVEL}) (isnotai_quota_used_ratio)"
_WEEK = "isnotai_quota_used_ratio[1w:1h]"
"""Each hour of a week, so that weekends weigh as they do; `increase` steps over the month's end."""

RULES = (
    Alert(
        "NotAIQuotaExhausted",
        f"{_USED} >= 1",
        "Monthly limit of {{ $labels.metric }} is used up at {{ $labels.integration }}",
        "This month has consumed {{ $value | humanizePercentage }} of the limit on "
        "{{ $labels.metric }} that the settings state.",
        severity="critical",
        hold="5m",
        keep="15m",
        dashboard="notai-usage",
    ),
    Alert(
        "NotAIQuotaWarning",
        f"{_USED} >= 0.8 < 1",
        "Monthly limit of {{ $labels.metric }} is nearly used up at {{ $labels.integration }}",
        "This month has consumed {{ $value | humanizePercentage }} of the limit on "
        "{{ $labels.metric }} that the settings state.",
        hold="15m",
        keep="15m",
        dashboard="notai-usage",
    ),
    Alert(
        "NotAIQuotaForecast",
        f"""\
max by ({_LEVEL}) (
  isnotai_quota_used_ratio
  + increase({_WEEK}) * 24 / (count_over_time({_WEEK}) > 24) * {DAYS_LEFT}
) > 1
and on ({_LEVEL})
{_USED} < 1""",
        "Monthly limit of {{ $labels.metric }} will not last at {{ $labels.integration }}",
        "At the pace of the last week, this month will have consumed "
        "{{ $value | humanizePercentage }} of the limit on {{ $labels.metric }} when it ends.",
        hold="1h",
        keep="1h",
        dashboard="notai-usage",
    ),
)

GROUP = Group("notai-quota", "1m", RULES)
