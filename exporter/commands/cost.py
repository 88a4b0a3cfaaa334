"""What polling will cost, from settings and tier alone, and how many sessions that allows.

Pure arithmetic over the same rules that the collectors follow. An estimate: retries and walks that
are broken off come on top.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exporter.api import tiers
from exporter.api.budget import MARGIN_SECONDS, WINDOW_SECONDS
from exporter.collect import registry
from exporter.collect.sessions.pace import expected_new, pages, sweep_period
from exporter.settings.model import Settings

HOUR_SECONDS = 3600.0
NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the budget allows, in sessions a second.

    rhythm: up to here each poll can re-read all that is not settled; beyond, changes of sessions
    are seen later, but all are counted.
    limit: beyond this the frontier falls behind for as long as the load lasts.
    """

    rhythm: float
    limit: float


def allowed_per_hour(settings: Settings, tier: str | None) -> float:
    """Requests an hour that one exporter allows itself."""
    budget = settings.budget
    return tiers.limits(tier).requests * budget.share / budget.replicas * 60


def spendable_per_hour(settings: Settings, tier: str | None) -> float:
    """Requests an hour that really leave at full load: the window is watched a little longer."""
    return allowed_per_hour(settings, tier) * WINDOW_SECONDS / (WINDOW_SECONDS + MARGIN_SECONDS)


def requests_per_hour(
    settings: Settings, tier: str | None, rate: float, walked: Mapping[str, float] = NOTHING
) -> dict[str, float]:
    """Requests an hour of each resource that is on, for `rate` sessions a second.

    walked: pages of the whole walks that were seen; of others one is assumed.
    """
    cost: dict[str, float] = {}
    for resource in registry.polled(settings):
        polls = HOUR_SECONDS / resource.interval(settings)
        if resource.name == "sessions":
            cost[resource.name] = _session_requests(settings, tier, rate)
        elif resource.name == "details":
            cost[resource.name] = _detail_requests(settings, tier, rate, sum(cost.values()))
        elif resource.requests is None:
            cost[resource.name] = polls * max(1.0, walked.get(resource.name, 1.0))
        else:
            cost[resource.name] = polls * resource.requests(settings)
    return cost


def left_per_hour(settings: Settings, tier: str | None) -> float:
    """Requests an hour that the other resources leave for sessions; below 0: they want more.

    What stands behind sessions takes next to nothing from them.
    """
    cost = requests_per_hour(settings, tier, 0.0)
    others = (it for name, it in cost.items() if name not in ("sessions", *registry.BEHIND))
    return spendable_per_hour(settings, tier) - sum(others)


def capacity(settings: Settings, tier: str | None) -> Capacity:
    """What is left of the budget for sessions, in sessions a second."""
    left = max(0.0, left_per_hour(settings, tier))
    read_per_second = left * tiers.limits(tier).page_size / HOUR_SECONDS
    interval = settings.poll.sessions_interval
    window = max(settings.sessions.settle_after, settings.sessions.overlap) + interval
    rhythm = read_per_second * interval / window if interval else 0.0
    return Capacity(min(rhythm, read_per_second), read_per_second)


def _detail_requests(settings: Settings, tier: str | None, rate: float, others: float) -> float:
    """One for each session at most, if all were bots, and never more than is left."""
    allowed = allowed_per_hour(settings, tier)
    return max(0.0, min(rate * HOUR_SECONDS, allowed / 2, allowed - others))


def _session_requests(settings: Settings, tier: str | None, rate: float) -> float:
    interval = settings.poll.sessions_interval
    sessions = settings.sessions
    size = tiers.limits(tier).page_size
    tail = pages(expected_new(rate, interval), size)
    window = max(sessions.settle_after, sessions.overlap)
    sweep = pages(expected_new(rate, window), size)
    period = sweep_period(interval, sessions.settle_after)
    if sweep <= tail:
        # A sweep that costs no more than the tail takes its place at every poll.
        return HOUR_SECONDS / interval * sweep
    sweeps = HOUR_SECONDS / max(period, interval)
    tails = max(0.0, HOUR_SECONDS / interval - sweeps)
    return sweeps * sweep + tails * tail
