"""Estimates: how much there is to read, and so how wide slices are and how often sweeps come.

A wrong estimate costs requests, never a count. Pure, but for reading the budget.
"""

from math import ceil, sqrt

from exporter.api import tiers
from exporter.api.budget import Budget
from exporter.api.times import MICROSECONDS
from exporter.collect.sessions.dates import Dates
from exporter.collect.sessions.plan import FIRST_WIDTH
from exporter.ledger.state import LedgerState

RATE_SECONDS = 600
"""The recent rate of sessions is measured over so many seconds."""

SWEEP_SECONDS = 300.0
"""The rhythm of sweeps while the budget allows it."""

SWEEP_SHARE = 0.5
"""Sweeps may take this part of what tails leave of the budget."""


def pages(sessions: float, page_size: int) -> int:
    """Pages that so many sessions fill; an empty answer is a page too."""
    return max(1, ceil(sessions / page_size))


def expected_new(rate: float, seconds: float) -> float:
    """New sessions to expect in `seconds` at `rate` a second: the mean plus one deviation."""
    mean = max(0.0, rate * seconds)
    return mean + sqrt(mean)


def sweep_period(
    sweep_pages: int, tail_pages: int, interval: float, settle_after: float, per_minute: float
) -> float:
    """Seconds from one sweep to the next, chosen from the budget.

    A third of the settling age, and at most five minutes: so a session is re-read a few times
    before it is settled. Up to twice as long, if sweeps would take more than half of what tails
    leave of the budget. Never longer, since only sweeps move the frontier.
    interval: seconds between polls. per_minute: requests/minute that the exporter allows itself.
    """
    wanted = max(interval, min(SWEEP_SECONDS, settle_after / 3))
    spare = max(per_minute - tail_pages * 60.0 / max(interval, 1.0), per_minute / 10)
    return min(max(wanted, 60.0 * sweep_pages / (spare * SWEEP_SHARE)), 2 * wanted)


def target_pages(budget: Budget) -> int:
    """Pages that a slice should have: a third of a minute's budget, between 8 and 100."""
    return max(8, min(100, int(budget.per_minute) // 3))


class Pace:
    """Numbers of pages and seconds. Times are microseconds since 1970 by the API's clock.

    interval, settle_after: seconds.
    dates: what is known of the API's date filters; where they are coarse, walks show more.
    """

    def __init__(
        self, budget: Budget, dates: Dates, *, interval: float, settle_after: float
    ) -> None:
        self._budget = budget
        self._dates = dates
        self._interval = interval
        self._settle_after = settle_after
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

    def sweep_period(self, state: LedgerState, sweep_pages: int, now: int) -> int:
        """Microseconds from one sweep of so many pages to the next, chosen from the budget."""
        seconds = sweep_period(
            sweep_pages,
            pages(expected_new(self._rate(state, now), self._interval), self._page_size()),
            self._interval,
            self._settle_after,
            self._budget.per_minute,
        )
        # A poll that comes a moment early must not put the sweep off by a whole interval.
        return round((seconds - self._interval / 10) * MICROSECONDS)

    def _page_size(self) -> int:
        return self.page_size or tiers.limits(self._budget.tier).page_size

    def _rate(self, state: LedgerState, now: int) -> float:
        """Sessions a second, over the last `RATE_SECONDS`."""
        since = max(now - RATE_SECONDS * MICROSECONDS, state.origin or 0)
        return state.sessions_since(since) / max(60.0, (now - since) / MICROSECONDS)
