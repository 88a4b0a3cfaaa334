"""What each tier of the API allows, as the vendor documents it (version 1.0.17.0)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TierLimits:
    """requests: a minute. page_size: the largest. history_days: how far back one can read."""

    requests: int
    page_size: int
    history_days: int


FREE = TierLimits(60, 50, 7)
PRO = TierLimits(600, 100, 30)
ENTERPRISE = TierLimits(6000, 100, 7 * 365)

_BY_NAME = {"free": FREE, "pro": PRO, "enterprise": ENTERPRISE}


def limits(tier: str | None) -> TierLimits:
    """The limits of a tier; one that is unknown counts as free."""
    return _BY_NAME.get(tier or "", FREE)
