"""What polling will cost, against the budget, and what the budget cannot keep up with."""

from collections.abc import Iterator, Mapping

from exporter.commands import cost
from exporter.commands.check.findings import Finding
from exporter.commands.screen import GOOD, WARN
from exporter.settings.model import Settings


def costs(
    settings: Settings, tier: str | None, rate: float | None, walked: Mapping[str, float]
) -> Iterator[Finding]:
    """Requests an hour, at the rate of the busiest hour in sessions a second, if it is known.

    walked: pages of the whole walks that were seen.
    """
    requests = cost.requests_per_hour(settings, tier, rate or 0.0, walked)
    allowed = cost.allowed_per_hour(settings, tier)
    total = sum(requests.values())
    parts = ", ".join(f"{resource} {_rounded(number)}" for resource, number in requests.items())
    yield Finding(GOOD, "requests", f"about {total:.0f} an hour ({parts})")
    share = f"{settings.budget.share:g}"
    if settings.budget.replicas > 1:
        share += f" / {settings.budget.replicas}"
    yield Finding(GOOD, "budget", f"{allowed:.0f} an hour: {share} of the tier's requests")
    if not settings.poll.sessions_interval:
        if total > allowed:
            yield Finding(
                WARN, "budget", "too small: polls will wait for it", "lengthen the intervals"
            )
        return
    capacity = cost.capacity(settings, tier)
    seen = "unknown" if rate is None else f"{rate:.2f} sessions/s in the busiest of the last hours"
    yield Finding(GOOD, "load", seen)
    yield Finding(
        GOOD,
        "capacity",
        f"re-reads what is not settled at each poll up to {capacity.rhythm:.2f} sessions/s, "
        f"keeps up to {capacity.limit:.1f} sessions/s",
    )
    for text, remedy in warnings(capacity, rate):
        yield Finding(WARN, "capacity", text, remedy)


def _rounded(number: float) -> str:
    return "below 1" if 0 < number < 0.5 else f"{number:.0f}"


def warnings(capacity: cost.Capacity, rate: float | None) -> Iterator[tuple[str, str]]:
    """What the budget cannot keep up with, and what to do."""
    if capacity.limit <= 0:
        yield (
            "the other resources spend the whole budget",
            "lengthen their intervals or raise budget.share",
        )
    elif rate is not None and rate > capacity.limit:
        yield (
            (
                "the budget cannot keep up with the busiest hour: the frontier falls behind and "
                "catches up later; what leaves the tier's history before that is lost"
            ),
            "raise budget.share, or take a larger tier",
        )
    elif rate is not None and rate > capacity.rhythm:
        yield (
            (
                "in the busiest hour sessions are re-read less often than every poll: changes "
                "of their scores and flags show later"
            ),
            "raise budget.share, if that matters",
        )
