"""Coverage: sessions counted over those that the API's own analytics report, for one whole hour.

Answers a question that counting alone cannot: whether the list shows all that there is.
"""

from exporter.api.schema.analytics import Hours
from exporter.api.times import HOUR, MINUTE
from exporter.ledger.state import LedgerState

GRACE = 20 * MINUTE
"""How old the analytics of the last complete hour may be; they are read every few minutes."""


class CoverageRatio:
    """Holds the last hourly analytics, and sets what was counted against them."""

    def __init__(self) -> None:
        self._hours: Hours | None = None

    def note(self, hours: Hours) -> None:
        """Take the hourly analytics that were read last."""
        self._hours = hours

    @property
    def busiest_rate(self) -> float | None:
        """Sessions a second in the busiest hour of the last analytics; None without any."""
        if self._hours is None or not self._hours.buckets:
            return None
        return max(reported for _, reported in self._hours.buckets) / 3600

    def ratio(self, state: LedgerState) -> float | None:
        """For the last complete hour after the origin, behind the frontier and in the analytics.

        None without one: the analytics are old, or leave out hours without sessions; or where the
        API reports no session in it. An hour that does not begin at a full minute cannot be
        compared.
        """
        if self._hours is None or state.origin is None or state.frontier is None:
            return None
        limit = state.frontier
        if self._hours.generated_at is not None:
            limit = min(limit, self._hours.generated_at)
        whole = [
            (start, reported)
            for start, reported in self._hours.buckets
            if start >= state.origin and start + HOUR <= limit and start % MINUTE == 0
        ]
        if not whole:
            return None
        start, reported = max(whole)
        if start + HOUR < state.frontier - HOUR - GRACE:
            return None  # not the last hour, so it says nothing about now
        first = start // MINUTE
        counted = sum(state.minutes.get(minute, 0) for minute in range(first, first + 60))
        return counted / reported if reported else None
