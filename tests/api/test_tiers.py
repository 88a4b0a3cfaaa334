"""What each tier allows, as documented; what is unknown counts as free."""

import pytest

from exporter.api.tiers import limits


@pytest.mark.parametrize(
    ("tier", "requests", "page", "days"),
    [
        ("free", 60, 50, 7),
        ("pro", 600, 100, 30),
        ("enterprise", 6000, 100, 7 * 365),
        (None, 60, 50, 7),
        ("", 60, 50, 7),
        ("platinum", 60, 50, 7),
    ],
)
def test_the_documented_limits_hold(tier: str | None, requests: int, page: int, days: int) -> None:
    allowed = limits(tier)

    assert (allowed.requests, allowed.page_size, allowed.history_days) == (requests, page, days)
