"""The pauses that the API asks for (Retry-After): each holds only what asked for it.

A 429 holds the key, or where the request had none, requests without a key; a 5xx holds the resource
that it answered. A pause of more than a few minutes is tried early, with one request; and a good
answer ends it. So nothing that one answer says outlasts the answers that follow.
"""

from collections.abc import Collection
from dataclasses import dataclass

from exporter.clock import Clock

KEY = "with the key"
KEYLESS = "without a key"

TRIED_AFTER_SECONDS = 300.0


@dataclass(slots=True)
class _Pause:
    """Times on the monotonic clock. trial: when one request may leave all the same."""

    since: float
    until: float
    trial: float


class Pauses:
    """What is held, by scope: KEY, KEYLESS, or a resource."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pauses: dict[str, _Pause] = {}

    def hold(self, scope: str, seconds: float) -> None:
        """Send nothing of that scope for so long; a longer pause already running stays."""
        now = self._clock.monotonic()
        before = self._pauses.get(scope)
        until = max(now + seconds, before.until if before else now)
        self._pauses[scope] = _Pause(now, until, min(until, now + TRIED_AFTER_SECONDS))

    def left(self, scopes: Collection[str]) -> float:
        """Seconds until a request of all those scopes may leave; 0 for now."""
        now = self._clock.monotonic()
        held = (self._pauses[scope] for scope in scopes if scope in self._pauses)
        return max((min(it.until, it.trial) - now for it in held), default=0.0)

    def leaves(self, scopes: Collection[str]) -> None:
        """A request of those scopes leaves; where that is a trial, others wait for its answer."""
        now = self._clock.monotonic()
        for scope in scopes:
            pause = self._pauses.get(scope)
            if pause is not None and now < pause.until:
                pause.trial = now + TRIED_AFTER_SECONDS

    def end(self, scopes: Collection[str], sent: float) -> None:
        """A request that left then was answered well: pauses that were asked for before are over.

        sent: on the monotonic clock.
        """
        for scope in scopes:
            if scope in self._pauses and self._pauses[scope].since <= sent:
                del self._pauses[scope]
