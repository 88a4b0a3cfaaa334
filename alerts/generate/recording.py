"""Recording rules: what alerts compare with last week, so that it costs one sample to look back.

`steady_` series are the ledger's counters with catch-ups taken out. After an outage a backlog lands
in one scrape and looks like an attack; so an exporter whose frontier was more than BEHIND_SECONDS
behind at any time within the range gives no value, and every alert made from these is held back.
N exporters that share a key count the same sessions: hence `max by (integration)`, never a sum.
"""

from alerts.generate.model import Group, Recording

BEHIND_SECONDS = 600
"""A sweep every five minutes, an overlap of two and a poll of one make eight in good health."""

LAG = "instance_integration:isnotai_session_frontier_lag_seconds:max2m"
SESSIONS = "integration:isnotai_sessions:steady_increase1h"
BOTS = "integration:isnotai_bot_sessions:steady_increase1h"
BOT_SHARE = "integration:isnotai_bot_sessions_per_sessions:steady_ratio1h"
FLAGS = "integration_flag:isnotai_session_flags:steady_increase1h"
FLAG_SHARE = "integration_flag:isnotai_session_flags_per_sessions:steady_ratio1h"
SCORES = "integration:isnotai_session_bot_score_count:steady_increase1h"
SCORE_MEAN = "integration:isnotai_session_bot_score:steady_mean1h"

BEHIND = f"""\
unless on (job, instance, integration)
max_over_time({LAG}[1h]) > {BEHIND_SECONDS}"""
"""What holds a rate on the ledger back: a suffix for an expression with exporters' own labels."""

POLL_FAILURES = "integration:isnotai_poll_failures_per_polls:ratio_rate"
BURN_WINDOWS = ("5m", "30m", "1h", "6h")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def steady(level: str, expr: str) -> str:
    """`expr`, which has exporters' own labels, without those that were behind, by `level`."""
    return f"max by ({level}) (\n{_indented(expr)}\n{_indented(BEHIND)}\n)"


def _lag() -> Recording:
    frontier = "isnotai_session_frontier_timestamp_seconds"
    expr = f"""\
max by (job, instance, integration) (
  max_over_time(
    (
      timestamp({frontier}) - {frontier} + isnotai_api_clock_skew_seconds
      or
      timestamp({frontier}) - {frontier}
    )[2m:15s]
  )
)"""
    return Recording(LAG, expr)


def _poll_failures(window: str) -> Recording:
    expr = f"""\
sum by (integration) (rate(isnotai_polls_total{{outcome="failure"}}[{window}]))
/
sum by (integration) (rate(isnotai_polls_total{{outcome=~"success|failure"}}[{window}]))"""
    return Recording(POLL_FAILURES + window, expr)


LEDGER = Group(
    "notai-ledger",
    "1m",
    (
        _lag(),
        Recording(SESSIONS, steady("integration", "increase(isnotai_sessions_total[1h])")),
        Recording(BOTS, steady("integration", "increase(isnotai_bot_sessions_total[1h])")),
        Recording(BOT_SHARE, f"{BOTS}\n/\n({SESSIONS} > 0)"),
        Recording(FLAGS, steady("integration, flag", "increase(isnotai_session_flags_total[1h])")),
        Recording(FLAG_SHARE, f"{FLAGS}\n/ on (integration) group_left ()\n({SESSIONS} > 0)"),
        Recording(SCORES, steady("integration", "increase(isnotai_session_bot_score_count[1h])")),
        Recording(
            SCORE_MEAN,
            steady("integration", "increase(isnotai_session_bot_score_sum[1h])")
            + f"\n/\n({SCORES} > 0)",
        ),
    ),
)

POLLS = Group("notai-polls", "1m", tuple(_poll_failures(window) for window in BURN_WINDOWS))

GROUPS = (LEDGER, POLLS)
