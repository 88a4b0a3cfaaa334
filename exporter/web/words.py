"""Numbers, times and lengths of time as people read them, in HTML where they need it."""

from datetime import UTC, datetime
from html import escape

NONE = "–"
"""Where nothing was read yet."""


def count(number: float | None) -> str:
    """`48,213`."""
    return NONE if number is None else f"{number:,.10g}"


def share(part: int | None, whole: int | None) -> str:
    """`2.9 %` of the whole."""
    return NONE if part is None or not whole else percent(part / whole)


def percent(ratio: float) -> str:
    """`2.9 %`, of 0.029."""
    return f"{100 * ratio:.1f} %"


def time(moment: float | None, now: float) -> str:
    """`moment` relative to `now` in words, and absolute to whoever asks (UTC); as HTML."""
    if moment is None:
        return NONE
    span = length(abs(now - moment))
    words = "now" if span == "0 s" else f"in {span}" if moment > now else f"{span} ago"
    return f'<time datetime="{iso(moment)}" title="{readable(moment)}">{words}</time>'


def clock(moment: float) -> str:
    """`2026-09-21 14:13:20 UTC`, as HTML."""
    return f'<time datetime="{iso(moment)}">{readable(moment)}</time>'


def of_day(moment: float) -> str:
    """`14:13 UTC`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M UTC")


def iso(moment: float) -> str:
    """`2026-09-21T14:13:20+00:00`."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def readable(moment: float) -> str:
    """`2026-09-21 14:13:20 UTC`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def length(seconds: float) -> str:
    """A length of time in its two largest units, e.g. `2 h 5 min`."""
    left = round(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, left = divmod(left, size)
        if amount or parts:
            parts.append(f"{amount} {unit}" if amount else "")
        if len(parts) == 2:
            break
    return " ".join(filter(None, parts)) or "0 s"


def named(names: tuple[str, ...], most: int = 3) -> str:
    """`a, b, c and 47 more`, escaped."""
    shown = ", ".join(escape(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
