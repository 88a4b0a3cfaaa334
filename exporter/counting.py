"""The ledger of an integration, and the rules by which it counts, as the settings have them."""

from exporter.api.times import MICROSECONDS
from exporter.ledger.ledger import Ledger
from exporter.ledger.rules import Rules
from exporter.metrics.telemetry import Telemetry
from exporter.places import Place
from exporter.settings.model import Settings
from exporter.shared import Shared


def make_ledger(
    name: str,
    settings: Settings,
    shared: Shared,
    telemetry: Telemetry,
    started: tuple[float, float],
) -> Ledger:
    """The ledger of an integration that began, or was added, at `started`: (Unix, monotonic)."""
    return Ledger(
        shared.store,
        name,
        counting_rules(settings),
        clock=shared.clock,
        started=started,
        lookback=settings.sessions.lookback,
        max_flags=settings.sessions.max_flags,
        exemplars=settings.sessions.exemplars,
        telemetry=telemetry,
        fence=shared.leases.lease(name) if shared.leases is not None else None,
    )


def adjust_ledger(ledger: Ledger, settings: Settings) -> None:
    """Have the ledger count as the settings say from now on."""
    ledger.adjust(
        counting_rules(settings),
        lookback=settings.sessions.lookback,
        max_flags=settings.sessions.max_flags,
        exemplars=settings.sessions.exemplars,
    )


def counting_rules(settings: Settings) -> Rules:
    """By which rules sessions are counted with these settings."""
    sessions = settings.sessions
    return Rules(
        overlap=round(sessions.overlap * MICROSECONDS),
        settle_after=round(sessions.settle_after * MICROSECONDS),
        threshold=sessions.bot_threshold,
        score_scale=sessions.bot_score_scale,
        places=tuple(Place(it.name, it.pattern, it.max) for it in sessions.places),
        min_users=sessions.places_min_users,
        details=sessions.details,
        findings=settings.otlp.findings,
    )
