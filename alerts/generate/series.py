"""The names of what the rules record, and the expressions that more than one of them is made of.

Names are level:metric:operations, as Prometheus' practices have it.
Source: https://prometheus.io/docs/practices/rules/
"""

from collections.abc import Mapping

from alerts.generate.model import Recording
from exporter.backtest.evaluate import SITE_LABELS

SITE = ", ".join(SITE_LABELS)
FLAG_SITE = f"{SITE}, flag"
TARGET = "cluster, namespace, job, instance"
"""What tells exporters apart."""

SESSIONS = "job_integration:isnotai_sessions:"
SESSIONS_DAY = "job_integration_day:isnotai_sessions:"
BOTS = "job_integration:isnotai_bot_sessions:"
HUMANS = "job_integration:isnotai_human_sessions:"
FLAGS = "job_integration_flag:isnotai_session_flags:"
SCORES = "job_integration:isnotai_session_bot_score:"
EXPECTED = BOTS + "expected"
USUAL = BOTS + "usual"
MEAN = BOTS + "mean1d"
EVIDENCE = BOTS + "evidence"
SCORES_COUNT, SCORES_SUM = SCORES + "count_", SCORES + "sum_"
SHARE = "job_integration:isnotai_bot_sessions_per_sessions:"
HOLIDAY = "isnotai:holiday"
"""Written by the site, or by the generator from dates: above 0 while few people are expected."""
THRESHOLD = "isnotai:alert_threshold"
GAP = "job_integration:isnotai_session_gap_seconds:"
FRONTIER = "job_integration:isnotai_session_frontier_timestamp_seconds:"
BACKLOG_SECONDS = 900
"""A minute in which the frontier advances by more brings a backlog."""
LAG = "job_instance_integration:isnotai_session_frontier_lag_seconds:max"
POLL_FAILURES = "job_integration:isnotai_poll_failures_per_polls:ratio_rate"


def threshold(name: str, *, bare: bool = False) -> str:
    """A threshold in an expression. Rules, charts and panels read the same series."""
    series = f'{THRESHOLD}{{name="{name}"}}'
    # Where one view shows the rules of several clusters, they agree.
    return series if bare else f"scalar(max({series}))"


def lasting(series: str, ago: str = "") -> str:
    """A series that is written each five minutes. Where one is late or missed, as when the server
    is started anew, the last holds, and no alert is judged as if nothing were usual."""
    return f"last_over_time({series}[15m]{f' offset {ago}' if ago else ''})"


def minutes_of(window: str) -> int:
    """How many minutes a duration of one unit has."""
    return int(window[:-1]) * {"m": 1, "h": 60, "d": 1440}[window[-1]]


def increases(record: str, window: str) -> Recording:
    """What a window added: a sum of its minutes."""
    return Recording(f"{record}increase{window}", f"sum_over_time({record}increase1m[{window}])")


def joined_days(of: Mapping[int, str]) -> str:
    """Expressions, each for so many days before, joined with that as their label `day`."""
    return "\nor\n".join(
        f'label_replace({expr}, "day", "{day}", "", "")' for day, expr in of.items()
    )


def by_day(expr: str, first: str, days: int) -> str:
    """`expr`, a selector, `first` ago and then each day before, each with its label `day`."""
    hours = int(first.removesuffix("h"))
    return joined_days(
        {day: f"{expr} offset {24 * (day - 1) + hours}h" for day in range(1, days + 1)}
    )
