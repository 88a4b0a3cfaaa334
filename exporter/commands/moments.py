"""Moments as people give them to a command, and as it tells them: times, or how long ago."""

from contextlib import suppress
from datetime import UTC, datetime

from exporter.settings.durations import format_duration, parse_duration
from exporter.settings.errors import SettingsError

FORM = "a time (2026-06-10T12:00:00Z) or how long ago (7d)"


def moment(option: str, text: str, now: float) -> float:
    """Unix seconds of a time, UTC unless it says otherwise, or of so long ago.

    Raises SettingsError that names the option.
    """
    with suppress(ValueError):
        return now - parse_duration(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{option}: must be a time such as 2026-06-10T12:00:00Z, or how long ago, such as 7d"
        ) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return found.timestamp()


def length(option: str, text: str) -> float:
    """Seconds of a duration such as `10m`. Raises SettingsError that names the option."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise SettingsError(f"{option}: {error}") from None


def shown(seconds: float) -> str:
    """A Unix time for people: `2026-06-10 12:00 UTC`, with whole seconds where there are any."""
    found = datetime.fromtimestamp(seconds // 1, UTC)
    form = "%Y-%m-%d %H:%M:%S" if found.second else "%Y-%m-%d %H:%M"
    return f"{found:{form}} UTC"


def lasting(seconds: float) -> str:
    """A length of time for people: `45s`, `2h10m`; whole minutes from ten minutes on."""
    whole = round(seconds / 60) * 60 if seconds >= 600 else round(seconds)
    return format_duration(float(max(0, whole)))
