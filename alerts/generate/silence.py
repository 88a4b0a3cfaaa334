"""Recording rules on how many sessions are to be expected, by which a silence is told.

Other days say so: by what they had at this time, and by the hours before, then and now.
"""

from alerts.generate.model import Recording
from alerts.generate.series import (
    BACKLOG_SECONDS,
    FRONTIER,
    SESSIONS,
    SESSIONS_DAY,
    SITE,
    increases,
    joined_days,
    lasting,
    minutes_of,
)

WINDOWS = ("20m", "28m", "2h")
DAYS = (1, 7, 14)
"""Days before by which a silence is told: two of the same day of the week, as weekends differ."""
SILENT = 0.05
"""Fewer than so much of an hour's sessions are part of a silence, no quiet hour."""
LEAST_GROWN, MOST_GROWN = 0.3, 1.4
"""A window is expected to have so much of another day's at least, so that a long silence stays one
where enough sessions come, and at most."""
TIMELY = SESSIONS + "timely_"


def _timely() -> tuple[Recording, ...]:
    """Sessions without what a backlog brought, by which no later silence is told."""
    minute = f"{SESSIONS}increase1m unless {FRONTIER}increase1m > {BACKLOG_SECONDS}"
    windows = (increases(TIMELY, window) for window in (*WINDOWS, "1h", "6h"))
    return Recording(TIMELY + "increase1m", minute), *windows


def _expected(window: str) -> tuple[Recording, ...]:
    """The sessions that a window should have had: by each of some days, and by all of them.

    A day's window counts as much more or less as there were more or less sessions before it than on
    that day: within six hours, or within the last hour where that was quieter, as in the first
    night of a holiday, but not silent, as in a long silence. A backlog counts as what came before,
    but for no other day. A day without a session in the window tells nothing. Of three days, the
    middle one counts, so that neither an outage nor a holiday on one of them tells; of two, the
    mean.
    """
    minutes, by_days = minutes_of(window), SESSIONS_DAY + "expected" + window
    before = lasting(f"{SESSIONS}increase6h", f"{minutes}m")
    days = {}
    for day in DAYS:
        back = 1440 * day + minutes
        hours = f"{before} / {TIMELY}increase6h offset {back}m"
        hour = f"{SESSIONS}increase1h offset {minutes}m / {TIMELY}increase1h offset {back}m"
        grown = f"({hour} < {hours}) > {SILENT}\n      or\n      {hours}"
        days[day] = (
            f"\n  {TIMELY}increase{window} offset {day}d\n  * clamp_max(clamp_min(\n"
            f"      {grown}\n    , {LEAST_GROWN}), {MOST_GROWN})\n  > 0"
        )
    return (
        Recording(by_days, joined_days(days)),
        Recording(f"{SESSIONS}expected{window}", f"quantile by ({SITE}) (0.5, {by_days})"),
    )


def rules() -> tuple[Recording, ...]:
    """What each window was to bring, each minute."""
    return *_timely(), *(rule for window in WINDOWS for rule in _expected(window))
