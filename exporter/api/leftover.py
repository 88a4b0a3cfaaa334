"""What is left of a budget on average, for those who stand behind the others in it.

A burst of sessions may take all the room for a while, again and again, and a slow API may keep them
at work without a break; still much of the budget may go unused. This keeps the account of it.
"""

PRICE = 3.0
"""Of what is left, those behind get a third: sessions may need more at any moment."""

LEAST_PART = 1 / 50
"""The part of the budget that they get in any case, so that a walk ends one day."""


class Leftover:
    """Earns what the budget allows, and pays for every request.

    While sessions wait for room nothing is left, and nothing is earned. Only the last minute or two
    count: a long catch-up is forgotten as soon as it is over.
    now: monotonic seconds. per_second: requests that the budget allows.
    """

    def __init__(self, now: float) -> None:
        self._account = 0.0
        self._at = now
        self._last = now

    def pass_time(self, now: float, per_second: float, *, wanted: bool) -> None:
        """Earn for the time since the last call. wanted: sessions waited for room all the while."""
        if not wanted:
            self._account = min(1.0, self._account + (now - self._at) * per_second)
        self._at = now

    def pay(self, size: int, *, behind: bool) -> None:
        """A request left, one of those behind or of the others. size: the whole budget."""
        self._account = max(-float(size), self._account - (PRICE if behind else 1.0))
        if behind:
            self._last = self._at

    def wait(self, per_second: float) -> float:
        """Seconds until one of those behind may leave, if nobody else asks; 0 or less for now."""
        return min((1.0 - self._account) / per_second, self.overdue(per_second))

    def overdue(self, per_second: float) -> float:
        """Seconds until one of those behind may leave whoever else asks; 0 or less for now."""
        return self._last + longest(per_second) - self._at


def longest(per_second: float) -> float:
    """Seconds that those behind go without, at most."""
    return 1.0 / (LEAST_PART * per_second)
