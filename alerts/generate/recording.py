"""Recording rules: what the alerts compare, so that each costs a few samples.

A site is one integration as one job scrapes it. Counters of all its exporters are joined first
(`max2m`), then taken minute by minute (`increase1m`), so that neither a restart, nor a second
exporter, nor a pod that moves halves an hour or looks like a reset. All windows are sums of those
minutes. A backlog that lands after an outage moves bots and people alike, so nothing is held back.

What is expected is `expected1m`: the people of a minute, times how many bots came for each of them
at this time of day in the two weeks before.
"""

from dataclasses import asdict

from alerts.generate import silence
from alerts.generate.model import Group, Recording
from alerts.generate.series import (
    BACKLOG_SECONDS,
    BOTS,
    EVIDENCE,
    EXPECTED,
    FLAG_SITE,
    FLAGS,
    FRONTIER,
    GAP,
    HUMANS,
    LAG,
    MEAN,
    POLL_FAILURES,
    SCORES,
    SCORES_COUNT,
    SCORES_SUM,
    SESSIONS,
    SESSIONS_DAY,
    SHARE,
    SITE,
    TARGET,
    THRESHOLD,
    USUAL,
    by_day,
    increases,
    lasting,
    minutes_of,
    threshold,
)
from alerts.generate.thresholds import Thresholds

SHORTEST = "4of5m"
"""Five minutes without the one that brought most bots: where the API scores sessions late, a sweep
brings those of five minutes and more at once, and two sweeps may fall into one window."""
FAST = ("10m", "20m", "1h")
SLOW = ("3h", "6h", "1d")
DAYS = 14
DROPPED = ((1, 1), (2, 5), (4, 10))
"""So many of the highest days are left out where there are more days than the second number."""
TRIMMED, TRIMMED_ONE = 0.43, 0.23
"""What leaving out the two highest in seven, or the highest, takes off a mean of chance alone, in
its deviations."""
BURN_WINDOWS = ("5m", "30m", "1h", "6h")


def limits_group(limits: Thresholds) -> Group:
    """Each threshold as a series, so that a site changes one number, and panels draw its line."""
    rules = (
        Recording(THRESHOLD, f"vector({value:.15g})", {"name": name})
        for name, value in asdict(limits).items()
    )
    return Group("notai-thresholds", "1m", tuple(rules))


def _joined(record: str, metric: str, level: str) -> Recording:
    return Recording(record + "max2m", f"max by ({level}) (max_over_time({metric}[2m]))")


def _minutes(record: str, back: str) -> Recording:
    """What each minute added. Below the highest of `back`, which another exporter may have shown,
    only growth from the last value counts; from there on, growth from the highest."""
    total = record + "max2m"
    return Recording(
        record + "increase1m",
        f"({total} - max_over_time({total}[{back}] offset 1m) >= 0)\n"
        "or\n"
        f"clamp_min({total} - last_over_time({total}[{back}] offset 1m), 0)",
    )


def _lag() -> Recording:
    frontier = "isnotai_session_frontier_timestamp_seconds"
    return Recording(
        LAG,
        f"""\
max by ({TARGET}, integration) (
  timestamp({frontier}) - {frontier} + isnotai_api_clock_skew_seconds
  or
  timestamp({frontier}) - {frontier}
)""",
    )


def _trimmed(kept: str, days: str, bias: float) -> str:
    """A sum over the days that were kept, as if those left out had not been the highest. One more
    is taken to have come: of a few, the days left out had nearly all."""
    return f"({kept} + {bias:g} * sqrt({days} * ({kept} + 1)))"


def _frontier() -> tuple[Recording, ...]:
    """Up to when sessions are counted, and by how much a minute moves that: by hours, where a
    backlog comes after an outage."""
    frontier = FRONTIER + "max"
    return (
        Recording(frontier, f"max by ({SITE}) (isnotai_session_frontier_timestamp_seconds)"),
        Recording(
            FRONTIER + "increase1m", f"{frontier} - last_over_time({frontier}[6h] offset 1m)"
        ),
    )


def _expected_minute() -> Recording:
    """The bots that a minute should bring: a part that keeps no hours, as scripts do, and a part
    that comes and goes with the people. Where fewer people come than usual, more of the bots of a
    quiet hour are steady; a backlog brings those of all its minutes."""
    people = f"clamp_min({SESSIONS}increase1m - {BOTS}increase1m, 0)"
    with_people = f"{lasting(USUAL + '_per_human')} * {people}"
    minute = lasting(USUAL + "1m")
    usual = f"({minute} * ({FRONTIER}increase1m > {BACKLOG_SECONDS}) / 60 or {minute})"
    return Recording(
        EXPECTED + "1m",
        f"{with_people}\n"
        f"+ {lasting(USUAL + '_steady_share')} * clamp_min({usual} - {with_people}, 0)\n"
        f"+ {threshold('steady_share')} * clamp_max({usual} - {with_people}, 0)\n"
        f"or\n{with_people}\nor\n"
        f"{people} / (1 / {threshold('prior_share')} - 1)",
    )


def _least_four() -> tuple[Recording, ...]:
    """The shortest window: its bots, and what is usual for four of its five minutes."""
    minute = BOTS + "increase1m"
    return (
        Recording(
            f"{BOTS}increase{SHORTEST}",
            f"sum_over_time({minute}[5m]) - max_over_time({minute}[5m])",
        ),
        Recording(EXPECTED + SHORTEST, f"0.8 * (\n{_expected('5m').expr}\n)"),
        _evidence(SHORTEST),
    )


def _expected(window: str) -> Recording:
    """The bots that a window would usually have: as many for each human as usual, and not less
    than come whoever is there. That is a part of the usual number, so that a holiday raises nobody;
    on a first day it is the mean so far, so that its night does not."""
    usual = f"{minutes_of(window)} * avg_over_time({USUAL}1m[{window}])"
    least = (
        f"({threshold('holiday_floor')} * {usual}\n"
        f"or count_over_time({BOTS}increase1m[{window}]) * {lasting(MEAN)})"
    )
    summed = f"sum_over_time({EXPECTED}1m[{window}])"
    return Recording(EXPECTED + window, f"({summed} >= {least}) or {least} or {summed}")


def _evidence(window: str) -> Recording:
    bots, expected = f"{BOTS}increase{window}", EXPECTED + window
    return Recording(
        EVIDENCE + window,
        f"(\n  {bots} * ln({bots} / {expected}) - {bots} + {expected}\n)\nand\n{bots} > {expected}",
    )


def ledger() -> Group:
    """What is counted, each minute."""
    flags = lasting(FLAGS + "usual1h")
    of_all = (
        f"{lasting(FLAGS + 'usual_per_session')} * on ({SITE}) group_left () {SESSIONS}increase1h"
    )
    rules = [
        _lag(),
        *_frontier(),
        _joined(SESSIONS, "isnotai_sessions_total", SITE),
        _joined(BOTS, "isnotai_bot_sessions_total", SITE),
        _joined(FLAGS, "isnotai_session_flags_total", FLAG_SITE),
        _joined(SCORES_COUNT, "isnotai_session_bot_score_count", SITE),
        _joined(SCORES_SUM, "isnotai_session_bot_score_sum", SITE),
        _joined(GAP, "isnotai_session_gap_seconds_total", SITE),
        _minutes(SESSIONS, "6h"),
        _minutes(BOTS, "6h"),
        _minutes(FLAGS, "2h"),
        _minutes(SCORES_COUNT, "2h"),
        _minutes(SCORES_SUM, "2h"),
        *(increases(SESSIONS, window) for window in ("10m", "1h", *silence.WINDOWS)),
        *silence.rules(),
        *(increases(BOTS, window) for window in FAST),
        Recording(SHARE + "ratio10m", f"{BOTS}increase10m / ({SESSIONS}increase10m > 0)"),
        Recording(SHARE + "ratio1h", f"{BOTS}increase1h / ({SESSIONS}increase1h > 0)"),
        increases(FLAGS, "1h"),
        _expected_minute(),
        Recording(
            FLAGS + "expected1h",
            f"({of_all}\n  > {flags})\nor\n{flags}\nor\n{of_all}",
        ),
        Recording(
            FLAGS + "evidence1h",
            f"(\n  {FLAGS}increase1h * ln({FLAGS}increase1h / {FLAGS}expected1h)"
            f" - {FLAGS}increase1h + {FLAGS}expected1h\n)\nand\n"
            f"{FLAGS}increase1h > {FLAGS}expected1h",
        ),
        *(_expected(window) for window in FAST),
        *(_evidence(window) for window in FAST),
        *_least_four(),
    ]
    return Group("notai-ledger", "1m", tuple(rules))


def _kept_days(record: str, of: str) -> str:
    """The sum over the days of `record`, without the two in seven on which `of` was highest."""
    dropped = "\n".join(
        f"  unless on ({SITE}, day)\n"
        f"  (topk by ({SITE}) ({count}, {of}) and on ({SITE}) count by ({SITE}) ({of}) > {least})"
        for count, least in DROPPED
    )
    return f"sum by ({SITE}) (\n  {record}\n{dropped}\n)"


def baseline() -> Group:
    """What is usual at this time of day, each five minutes."""
    days_b = "job_integration_day:isnotai_bot_sessions:increase3h"
    days_h = "job_integration_day:isnotai_human_sessions:increase3h"
    rank = "job_integration_day:isnotai_bot_sessions_per_human_sessions:ratio3h"
    kept_b, kept_h, kept_d = BOTS + "kept3h", HUMANS + "kept3h", BOTS + "kept_days"
    prior = threshold("prior_bots")
    people = f"{prior} * (1 / {threshold('prior_share')} - 1)"
    steady = threshold("steady_share")
    rules = [
        *(increases(SESSIONS, window) for window in SLOW),
        *(increases(BOTS, window) for window in SLOW),
        Recording(
            HUMANS + "increase3h",
            f"clamp_min(sum_over_time({SESSIONS}increase1m[3h]) - {BOTS}increase3h, 0)",
        ),
        Recording(days_b, by_day(BOTS + "increase3h", "23h", DAYS)),
        Recording(days_h, by_day(HUMANS + "increase3h", "23h", DAYS)),
        Recording(rank, f"({days_b} + {prior}) / ({days_h} + {people})"),
        Recording(kept_b, _kept_days(days_b, rank)),
        Recording(kept_h, _kept_days(days_h, rank)),
        Recording(kept_d, _kept_days(f"({days_b} >= bool 0)", rank)),
        Recording(
            USUAL + "_per_human",
            f"({_trimmed(kept_b, kept_d, TRIMMED)} + {prior})\n"
            f"/ ({kept_h} + {people})\n"
            "or\n"
            f"({BOTS}increase1d - {BOTS}increase1h + {prior})\n"
            f"/ ({SESSIONS}increase1d - {SESSIONS}increase1h"
            f" - {BOTS}increase1d + {BOTS}increase1h + {people})",
        ),
        Recording(USUAL + "1m", f"{_trimmed(kept_b, kept_d, TRIMMED)} / (180 * {kept_d})"),
        Recording(
            USUAL + "_steady_share",
            "clamp_max(clamp_min(\n"
            f"{steady} * avg_over_time({USUAL}1m[1d]) / {USUAL}1m\n"
            f", {steady}), 1)",
        ),
        Recording(MEAN, f"avg_over_time({BOTS}increase1m[1d] offset 1h)"),
        *(_expected(window) for window in SLOW),
        *(_evidence(window) for window in SLOW),
    ]
    return Group("notai-baseline", "5m", (*rules, *_flags(), *_scores()))


def _flags() -> tuple[Recording, ...]:
    """How often each flag is usual at this time of day: in a week without its highest day, or as
    yesterday, so that a flag that is rolled out surges on one day only."""
    days_f = "job_integration_flag_day:isnotai_session_flags:increase3h"
    days_s = SESSIONS_DAY + "increase3h"
    kept_f, kept_s, kept_d = FLAGS + "kept3h", SESSIONS + "kept3h", FLAGS + "kept_days"
    ever = FLAGS + "ever_per_session"
    week, yesterday = FLAGS + "week_per_session", FLAGS + "yesterday_per_session"
    prior = threshold("prior_flags")
    return (
        increases(FLAGS, "3h"),
        Recording(days_f, by_day(FLAGS + "increase3h", "23h", 7)),
        Recording(days_s, by_day(SESSIONS + "increase3h", "23h", 7)),
        Recording(kept_s, f"sum by ({SITE}) ({days_s}) - max by ({SITE}) ({days_s})"),
        Recording(kept_f, f"sum by ({FLAG_SITE}) ({days_f}) - max by ({FLAG_SITE}) ({days_f})"),
        Recording(kept_d, f"clamp_min(count by ({FLAG_SITE}) ({days_f}) - 1, 1)"),
        Recording(
            FLAGS + "usual1h",
            f"{_trimmed(kept_f, kept_d, TRIMMED_ONE)} / (3 * {kept_d})",
        ),
        Recording(
            ever,
            f"({FLAGS}max2m + {prior})\n"
            f"/ on ({SITE}) group_left () ({SESSIONS}max2m + 200 * {prior})",
        ),
        Recording(
            week,
            f"(({_trimmed(kept_f, kept_d, TRIMMED_ONE)} or 0 * {FLAGS}max2m) + 200 * {ever})\n"
            f"/ on ({SITE}) group_left () ({kept_s} + 200)",
        ),
        Recording(
            yesterday,
            f'(sum by ({FLAG_SITE}) ({days_f}{{day="1"}}) + 200 * {ever})\n'
            f'/ on ({SITE}) group_left () (sum by ({SITE}) ({days_s}{{day="1"}}) + 200)',
        ),
        Recording(
            FLAGS + "usual_per_session",
            f"({week} > {yesterday})\nor\n{yesterday}\nor\n{week}",
        ),
    )


def _scores() -> tuple[Recording, ...]:
    """The mean score of six hours, and its median over the same hours of a week."""
    mean = SCORES + "mean6h"
    count = f"sum_over_time({SCORES_COUNT}increase1m[6h])"
    return (
        Recording(
            mean,
            f"sum_over_time({SCORES_SUM}increase1m[6h]) / ({count} >= 50)",
        ),
        Recording(
            SCORES + "usual_mean6h",
            f"quantile by ({SITE}) (0.5,\n{by_day(mean, '24h', 7)}\n)\n"
            f"and on ({SITE})\n"
            f"count by ({SITE}) (\n{by_day(mean, '24h', 7)}\n) >= 2",
        ),
        Recording(
            SESSIONS + "usual6h",
            f"quantile by ({SITE}) (0.5,\n{by_day(SESSIONS + 'increase6h', '24h', 7)}\n)",
        ),
    )


def _poll_failures(window: str) -> Recording:
    return Recording(
        POLL_FAILURES + window,
        f"""\
sum by ({SITE}) (rate(isnotai_polls_total{{outcome="failure"}}[{window}]))
/
(sum by ({SITE}) (rate(isnotai_polls_total{{outcome=~"success|failure"}}[{window}])) > 0)""",
    )


POLLS = Group("notai-polls", "1m", tuple(_poll_failures(window) for window in BURN_WINDOWS))
POLLS_SLOW = Group(
    "notai-polls-slow",
    "5m",
    (Recording(POLL_FAILURES + "3d", f"avg_over_time({POLL_FAILURES}1h[3d])"),),
)


def groups(limits: Thresholds) -> tuple[Group, ...]:
    """All recording rules."""
    return (limits_group(limits), ledger(), baseline(), POLLS, POLLS_SLOW)
