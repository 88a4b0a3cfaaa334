"""What polling will cost, from settings and tier alone, and how many sessions that allows.

Pure arithmetic over the same rules that the collectors follow. An estimate: retries and walks that
are broken off come on top.
"""

from dataclasses import dataclass

from exporter.api import tiers
from exporter.collect import registry
from exporter.collect.sessions.pace import expected_new, pages, sweep_period
from exporter.settings.model import Settings

HOUR_SECONDS = 3600.0


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


def requests_per_hour(settings: Settings, tier: str | None, rate: float) -> dict[str, float]:
    """Requests an hour of each resource that is on, for `rate` sessions a second."""
    cost = {
        resource.name: HOUR_SECONDS / resource.interval(settings) * resource.requests(settings)
        for resource in registry.polled(settings)
        if resource.requests is not None
    }
    if settings.poll.sessions_interval:
        cost["sessions"] = _session_requests(settings, tier, rate)
    return cost


def capacity(settings: Settings, tier: str | None) -> Capacity:
    """What is left of the budget for sessions, in sessions a second."""
    others = requests_per_hour(settings, tier, 0.0)
    others.pop("sessions", None)
    left = max(0.0, allowed_per_hour(settings, tier) - sum(others.values()))
    read_per_second = left * tiers.limits(tier).page_size / HOUR_SECONDS
    interval = settings.poll.sessions_interval
    window = max(settings.sessions.settle_after, settings.sessions.overlap) + interval
    rhythm = read_per_second * interval / window if interval else 0.0
    return Capacity(min(rhythm, read_per_second), read_per_second)


def _session_requests(settings: Settings, tier: str | None, rate: float) -> float:
    interval = settings.poll.sessions_interval
    sessions = settings.sessions
    size = tiers.limits(tier).page_size
    tail = pages(expected_new(rate, interval), size)
    window = max(sessions.settle_after, sessions.overlap)
    sweep = pages(expected_new(rate, window), size)
    allowed = allowed_per_hour(settings, tier) / 60
    period = sweep_period(sweep, tail, interval, sessions.settle_after, allowed)
    if sweep <= tail:
        # A sweep that costs no more than the tail takes its place at every poll.
        return HOUR_SECONDS / interval * sweep
    sweeps = HOUR_SECONDS / max(period, interval)
    tails = max(0.0, HOUR_SECONDS / interval - sweeps)
    return sweeps * sweep + tails * tail
