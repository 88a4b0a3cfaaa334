"""Durations as Prometheus writes them: `250ms`, `30s`, `1h30m`, `7d`. Nothing else is accepted.

The grammar is that of Prometheus' configuration: units y, w, d, h, m, s, ms in falling order, each
at most once, whole numbers only; a bare `0` needs no unit. A year has 365 days, a week 7.
Source: https://prometheus.io/docs/prometheus/latest/configuration/configuration/
"""

from __future__ import annotations

import re
from typing import Final

_UNITS_MS: Final = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_GRAMMAR: Final = re.compile("".join(rf"(?:(?P<{unit}>[0-9]+){unit})?" for unit in _UNITS_MS))
#: Prometheus keeps durations in signed 64-bit nanoseconds.
_LONGEST_MS: Final = (2**63 - 1) // 1_000_000


def parse_duration(text: str) -> float:
    """Seconds in a duration such as `1h30m`.

    Raises ValueError, with a text that does not repeat the input, for anything else; bare numbers
    other than 0 are refused, since nobody can tell seconds from milliseconds.
    """
    if text == "0":
        return 0.0
    match = _GRAMMAR.fullmatch(text)
    if match is None or not text:
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
            raise ValueError("a duration needs a unit, such as 30s or 5m")
        raise ValueError("must be a duration such as 250ms, 30s, 5m or 1h30m")
    milliseconds = sum(
        int(count) * _UNITS_MS[unit] for unit, count in match.groupdict().items() if count
    )
    if milliseconds > _LONGEST_MS:
        raise ValueError("is too long a duration")
    return milliseconds / 1000


def format_duration(seconds: float) -> str:
    """The shortest spelling that `parse_duration` reads back; years and weeks only if exact.

    Raises ValueError for negative durations and for fractions of a millisecond.
    """
    milliseconds = round(seconds * 1000)
    if seconds < 0 or milliseconds / 1000 != seconds:
        raise ValueError("a duration is a whole, positive number of milliseconds")
    if milliseconds == 0:
        return "0s"
    text = ""
    for unit, size in _UNITS_MS.items():
        if unit in ("y", "w") and milliseconds % size:
            continue
        count, milliseconds = divmod(milliseconds, size)
        text += f"{count}{unit}" if count else ""
    return text
