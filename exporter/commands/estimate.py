"""What reading a range of sessions will cost, told before it is begun.

The API's own analytics say how many sessions there are. An estimate: retries, and walks that are
broken off, come on top.
"""

from dataclasses import dataclass
from math import ceil

from exporter.api import tiers
from exporter.api.answer import Api
from exporter.api.budget import Budget
from exporter.api.errors import ApiError
from exporter.api.schema.analytics import BucketTimestamp, read_analytics
from exporter.api.times import DAY, HOUR
from exporter.collect.sessions.dates import EARLIER, LATER, Dates
from exporter.collect.sessions.pace import target_pages
from exporter.commands.moments import lasting

PERIODS = ((DAY, "24h", "hour"), (7 * DAY, "7d", "hour"), (30 * DAY, "30d", "day"))
LONGEST = (90 * DAY, "90d", "day")

SECONDS_A_REQUEST = 0.2
"""What a request takes where the budget does not make it wait."""

FIRST_REQUESTS = 3
"""The API's time, what dates mean, and the analytics."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a reading will take. sessions: None where the API does not tell."""

    sessions: int | None
    requests: int
    seconds: float
    per_minute: float

    def __str__(self) -> str:
        if self.sessions is None:
            return f"unknown sessions, at {self.per_minute:g} requests a minute"
        return (
            f"about {self.sessions:,} sessions: {self.requests:,} requests at "
            f"{self.per_minute:g} a minute, {lasting(self.seconds)}"
        )


async def expected_sessions(
    api: Api, start: int, end: int, now: int, bucket: BucketTimestamp
) -> float | None:
    """How many sessions the API's analytics report for [start, end), in microseconds.

    What lies before the longest window is taken to be as dense as what it holds. None where the
    analytics cannot be read or have no time series: an estimate is not worth failing for.
    """
    window, period, group = next((it for it in PERIODS if now - start <= it[0]), LONGEST)
    width = HOUR if group == "hour" else DAY
    try:
        answer = await api.get(
            "/v1/analytics", {"period": period, "groupBy": group}, resource="analytics"
        )
        series = read_analytics(answer.body).buckets
    except ApiError:
        return None
    if not series:
        return None
    shift = width if bucket == "end" else 0
    found = 0.0
    for one in series:
        begins = one.timestamp - shift
        within = min(end, begins + width) - max(start, begins)
        found += one.session_count * max(0, within) / width
    covered = min(end, now) - max(start, now - window)
    return found * max(1.0, (end - start) / covered) if covered > 0 else None


def estimate(sessions: float | None, span: int, budget: Budget, dates: Dates) -> Estimate:
    """The cost of reading so many sessions of a range of `span` microseconds, slice by slice."""
    size = tiers.limits(budget.tier).page_size
    pages = ceil((sessions or 0) / size)
    slices = max(1, ceil(pages / target_pages(budget)))
    factor = 1.0
    if dates.coarse:
        # Each slice is a day at least, and its answers reach beyond both of its ends.
        slices = max(1, min(slices, ceil(span / DAY)))
        factor += (EARLIER + LATER) / max(DAY, span / slices)
    requests = FIRST_REQUESTS + slices + ceil(pages * factor)
    waits = max(0.0, requests / budget.per_minute - 1) * 60
    told = None if sessions is None else round(sessions)
    return Estimate(told, requests, waits + requests * SECONDS_A_REQUEST, budget.per_minute)
