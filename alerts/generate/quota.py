"""Alerts on the customer's own monthly limits, which only the settings know."""

from alerts.generate.model import Alert, Group
from alerts.generate.series import SITE

DAYS_LEFT = "scalar(days_in_month() - day_of_month() + 1 - hour() / 24 - minute() / 1440)"
"""Days until the UTC month ends."""

_LEVEL = f"{SITE}, metric"
_USED_RATIO = f"max by ({_LEVEL}) (isnotai_quota_used_ratio)"


def _used(ago: str = "") -> str:
    """What was consumed of the month, as the API counts."""
    return f'max by ({_LEVEL}) (isnotai_usage{{period="month"}}{ago})'


_LIMIT = f"max by ({_LEVEL}) (isnotai_quota_limit)"
_PER_DAY = f"""\
24 * sum_over_time(
    clamp_min({_used()} - {_used(" offset 1h")}, 0)[1w:1h]
  ) / (count_over_time({_used()}[1w:1h]) > 24)"""
"""By each hour of a week, so that weekends weigh as they do. What falls, as at the month's end or
by a correction, adds nothing; a limit that was raised is that of the whole week."""

RULES = (
    Alert(
        "NotAIQuotaExhausted",
        f"{_USED_RATIO} >= 1",
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
        f"{_USED_RATIO} >= 0.8 < 1",
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
{_USED_RATIO}
+
(
  {_PER_DAY}
) / {_LIMIT} * {DAYS_LEFT}
> 1
and on ({_LEVEL})
{_USED_RATIO} < 1""",
        "Monthly limit of {{ $labels.metric }} will not last at {{ $labels.integration }}",
        "At the pace of the last week, this month will have consumed "
        "{{ $value | humanizePercentage }} of the limit on {{ $labels.metric }} when it ends.",
        hold="1h",
        keep="1h",
        dashboard="notai-usage",
    ),
)

GROUP = Group("notai-quota", "1m", RULES)
