"""What several cases begin with.

Those of the alerts on AI agents begin with some quiet hours, from which the rules learn what is
usual; what needs days is fed in steps of a quarter of an hour.
"""

from tests.alerts.promtool import WEEK, named, phases

STEP = 15
DAY = 24 * 60 // STEP
WEEK_OF_DAYS = 7 * 24
LATER = WEEK + 3 * 60

SITE = {"job": "isnotai", "integration": "campus"}
OTHER = {"job": "isnotai", "instance": "b:10984"}
STATS = {"resource": "stats"}

API_UP = named("isnotai_up")
FRONTIER = named("isnotai_session_frontier_timestamp_seconds")
SESSIONS = named("isnotai_sessions_total")


def minutes(*parts: tuple[float, float], start: float = 0) -> str:
    """A counter that grows by so much an hour, for so many hours, a sample a minute."""
    return phases(*((hourly / 60, round(hours * 60)) for hourly, hours in parts), start=start)


def quarters(*parts: tuple[float, float]) -> str:
    """The same with a sample each quarter of an hour."""
    return phases(*((hourly / 4, round(hours * 4)) for hourly, hours in parts))
