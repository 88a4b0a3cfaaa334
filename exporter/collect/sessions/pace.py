"""Estimates: how much there is to read, and so how wide slices are.

A wrong estimate costs requests, never a count. Pure, but for reading the budget.
"""

from math import ceil, sqrt

from exporter.api import tiers
from exporter.api.budget import Budget
from exporter.api.times import MICROSECONDS
from exporter.collect.sessions.dates import Dates
from exporter.collect.sessions.widths import FIRST_WIDTH
from exporter.ledger.state import LedgerState

RATE_SECONDS = 600
"""The recent rate of sessions is measured over so many seconds."""

SWEEP_SECONDS = 300.0
"""Sweeps are so far apart, where polls and settling do not ask for another rhythm."""


def pages(sessions: float, page_size: int) -> int:
    """Pages that so many sessions fill; an empty answer is a page too."""
    return max(1, ceil(sessions / page_size))


def expected_new(rate: float, seconds: float) -> float:
    """New sessions to expect in `seconds` at `rate` a second: the mean plus one deviation."""
    mean = max(0.0, rate * seconds)
    return mean + sqrt(mean)


def sweep_period(interval: float, settle_after: float) -> float:
    """Seconds from one sweep to the next: so a session is re-read a few times before it is settled.

    interval: seconds between polls.
    """
    return max(interval, min(SWEEP_SECONDS, settle_after / 3))


def target_pages(budget: Budget) -> int:
    """Pages that a slice should have: a third of a minute's budget, between 8 and 100."""
    return max(8, min(100, int(budget.per_minute) // 3))


class Pace:
    """Numbers of pages and seconds. Times are microseconds since 1970 by the API's clock.

    dates: what is known of the API's date filters; where they are coarse, walks show more.
    """

    def __init__(self, budget: Budget, dates: Dates) -> None:
        self._budget = budget
        self._dates = dates
        self.page_size: int | None = None
        """Items in a page, as the API said; None until it has: then it is the tier's limit."""

    def target(self) -> int:
        """Pages that a slice should have."""
        return target_pages(self._budget)

    def first_width(self, state: LedgerState, now: int) -> int:
        """How wide the first slice of a pass should be, in microseconds, by the recent rate."""
        rate = self._rate(state, now)
        fitting = (
            round(self.target() * self._page_size() / rate * MICROSECONDS) if rate else FIRST_WIDTH
        )
        return min(FIRST_WIDTH, fitting)

    def estimate(self, state: LedgerState, start: int, tip: int | None, now: int) -> int:
        """Pages that a walk from `start` to now will take.

        tip: the time up to which all was read; None where that is not known.
        """
        tip = now if tip is None else max(start, tip)
        start = self._dates.earliest(start)
        known = state.sessions_since(start) if start < tip else 0
        unread = max(0, now - tip) / MICROSECONDS
        return pages(known + expected_new(self._rate(state, now), unread), self._page_size())

    def _page_size(self) -> int:
        return self.page_size or tiers.limits(self._budget.tier).page_size

    def _rate(self, state: LedgerState, now: int) -> float:
        """Sessions a second, over the last `RATE_SECONDS`."""
        since = max(now - RATE_SECONDS * MICROSECONDS, state.origin or 0)
        return state.sessions_since(since) / max(60.0, (now - since) / MICROSECONDS)
