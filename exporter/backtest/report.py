"""What a backtest says: a table of alerts, how often at other thresholds, and a strip a day."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from exporter.backtest.rules import Firing, Outcome

DAY = 1440
HOURS = 24
SIGNS = {"critical": "P", "warning": "w", "info": "."}
"""A page, a warning, a hint; what weighs most in an hour is shown."""
MONTH_DAYS = 30.44


def table(outcome: Outcome, alerts: Mapping[str, str], count: int) -> Iterator[str]:
    """How often each alert fired. alerts: severity by name; count: minutes of the past."""
    months = count / DAY / MONTH_DAYS
    yield f"{'alert':<26} {'severity':<9} {'times':>6} {'a month':>8} {'hours':>7}"
    for name, severity in alerts.items():
        if name not in outcome.judged:
            yield f"{name:<26} {severity:<9} not in this past"
            continue
        mine = [one for one in outcome.fired if one.alert == name]
        hours = sum(one.end - one.start for one in mine) / 60
        yield f"{name:<26} {severity:<9} {len(mine):>6} {len(mine) / months:>8.1f} {hours:>7.1f}"


def list_pages(fired: Sequence[Firing], start: int) -> Iterator[str]:
    """Each page and each warning: when, and which site."""
    for one in fired:
        if one.severity == "info":
            continue
        site = ", ".join(f"{name}={value}" for name, value in one.labels)
        yield f"{_time(start, one.start)} to {_time(start, one.end)}  {one.alert}  {site}"


def strips(fired: Sequence[Firing], start: int, count: int) -> Iterator[str]:
    """A line for each UTC day with a sign for each hour."""
    first = start // (DAY * 60)
    last = (start + count * 60 - 1) // (DAY * 60)
    hours = {(first * HOURS) + at: " " for at in range((last - first + 1) * HOURS)}
    for severity in ("info", "warning", "critical"):
        for one in fired:
            if one.severity == severity:
                begin = (start + one.start * 60) // 3600
                end = (start + max(one.end - 1, one.start) * 60) // 3600
                hours |= {hour: SIGNS[severity] for hour in range(begin, end + 1) if hour in hours}
    yield f"{'UTC':<10} 0     6     12    18"
    for day in range(first, last + 1):
        signs = "".join(hours[day * HOURS + hour] for hour in range(HOURS))
        yield f"{datetime.fromtimestamp(day * DAY * 60, UTC):%Y-%m-%d} {signs}|"


def _time(start: int, minute: int) -> str:
    return f"{datetime.fromtimestamp(start + minute * 60, UTC):%Y-%m-%d %H:%M}"
