"""Alerts for those who watch for AI agents; each on a ledger counter bears a catch-up.

They compare with the same hour of last week and have a floor on volume, so that a quiet night does
not raise one; and without a week of data they are silent.
"""

from alerts.generate.model import Alert, Group
from alerts.generate.recording import (
    BEHIND_SECONDS,
    BOT_SHARE,
    FLAG_SHARE,
    FLAGS,
    LAG,
    SCORE_MEAN,
    SCORES,
    SESSIONS,
    steady,
)

_FLAG_SEEN = "max by (integration, flag) (isnotai_session_flags_total offset {})"
_MATCH_RATIO = 'max by (integration, window) (isnotai_analytics_user_match_ratio{window="24h"})'
_MATCH_RATIO_LAST_WEEK = (
    'max by (integration, window) (isnotai_analytics_user_match_ratio{window="24h"} offset 1w)'
)

_LAG_RECORDED = "2m"
"""Longer than the ledger's group takes to record a lag: a raw counter may be judged just before."""

RULES = (
    Alert(
        "NotAIBotShareSpike",
        f"""\
{BOT_SHARE}
> 2 * ({BOT_SHARE} offset 1w)
and on (integration)
{BOT_SHARE} - ({BOT_SHARE} offset 1w) > 0.1
and on (integration)
{SESSIONS} >= 50""",
        "10m",
        "critical",
        "security",
        "notai-security",
        "Share of AI agents has spiked at {{ $labels.integration }}",
        "{{ $value | humanizePercentage }} of the sessions of the last hour are bots: more than "
        "twice the share, and 10 points more, than in the same hour last week.",
    ),
    Alert(
        "NotAIScoreShift",
        f"""\
abs({SCORE_MEAN} - ({SCORE_MEAN} offset 1w)) > 0.15
and on (integration)
{SCORES} >= 50""",
        "15m",
        "warning",
        "security",
        "notai-security",
        "Bot scores have shifted at {{ $labels.integration }}",
        'The mean bot score of the last hour is {{ printf "%.2f" $value }} away from that of the '
        "same hour last week.",
    ),
    Alert(
        "NotAIFlagSurge",
        f"""\
{FLAG_SHARE}
> 3 * ({FLAG_SHARE} offset 1w)
and on (integration, flag)
{FLAGS} >= 30""",
        "10m",
        "warning",
        "security",
        "notai-security",
        "Flag {{ $labels.flag }} surges at {{ $labels.integration }}",
        "{{ $value | humanizePercentage }} of the sessions of the last hour have the flag "
        "{{ $labels.flag }}: more than three times the share of the same hour last week.",
    ),
    Alert(
        "NotAINewFlag",
        f"""\
{steady("integration, flag", 'isnotai_session_flags_total{flag!="other"}')}
unless on (integration, flag)
(
  {_FLAG_SEEN.format("6h")}
  or {_FLAG_SEEN.format("1d")}
  or {_FLAG_SEEN.format("3d")}
  or {_FLAG_SEEN.format("1w")}
)
and on (integration)
max by (integration) (isnotai_sessions_total offset 1d)""",
        _LAG_RECORDED,
        "info",
        "security",
        "notai-security",
        "Flag {{ $labels.flag }} is new at {{ $labels.integration }}",
        'The API gave the flag {{ $labels.flag }} to {{ printf "%.0f" $value }} sessions within '
        "the last 6 h; it was not seen in the week before.",
    ),
    Alert(
        "NotAISessionsStopped",
        f"""\
{SESSIONS}
< 0.05 * ({SESSIONS} offset 1w)
and on (integration)
({SESSIONS} offset 1w) >= 100""",
        "15m",
        "critical",
        "security",
        "notai-security",
        "Hardly any session is recorded at {{ $labels.integration }}",
        '{{ printf "%.0f" $value }} sessions in the last hour, less than 5 % of the same hour last '
        "week, though the API is read well: the pixel may be broken or gone from the pages.",
    ),
    Alert(
        "NotAIUserMatchingFell",
        f"""\
{_MATCH_RATIO}
< 0.75 * {_MATCH_RATIO_LAST_WEEK}
and on (integration, window)
max by (integration, window) (isnotai_analytics_sessions) >= 100""",
        "1h",
        "warning",
        "security",
        "notai-security",
        "Fewer sessions are matched to users at {{ $labels.integration }}",
        "{{ $value | humanizePercentage }} of the sessions of {{ $labels.window }} are matched to "
        "a user, less than three quarters of the share a week ago.",
    ),
    Alert(
        "NotAISecurityAlertsHeldBack",
        f"""\
min by (integration) (
  max_over_time({LAG}[1h])
) > {BEHIND_SECONDS}""",
        "2h",
        "warning",
        "security",
        "notai-exporter",
        "Alerts on sessions are held back at {{ $labels.integration }}",
        "For hours now every exporter has been, within the hour, more than 10 min behind (by up "
        "to {{ $value | humanizeDuration }}), so that no alert on sessions can be raised.",
    ),
)

GROUP = Group("notai-security", "1m", RULES)
