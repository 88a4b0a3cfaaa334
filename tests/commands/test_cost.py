"""What `check` says of costs follows from settings and tier, and agrees with the documentation."""

import pytest

from exporter.commands import cost
from exporter.settings.model import (
    AnalyticsSettings,
    BudgetSettings,
    PollSettings,
    SessionsSettings,
    Settings,
)

DEFAULTS = Settings()


def test_the_free_tier_bears_what_the_documentation_says() -> None:
    capacity = cost.capacity(DEFAULTS, "free")

    assert capacity.rhythm == pytest.approx(0.7, abs=0.05)
    assert capacity.limit == pytest.approx(10.8, abs=0.05)


def test_capacity_grows_with_the_tier_and_shrinks_with_replicas() -> None:
    shared = Settings(budget=BudgetSettings(replicas=2))

    free, pro, enterprise = (
        cost.capacity(DEFAULTS, tier).limit for tier in ("free", "pro", "enterprise")
    )
    assert free < pro < enterprise
    assert cost.capacity(shared, "pro").limit < pro / 2


def test_an_unknown_tier_is_taken_for_free() -> None:
    assert cost.capacity(DEFAULTS, None) == cost.capacity(DEFAULTS, "free")


def test_a_budget_that_the_others_spend_bears_no_session() -> None:
    settings = Settings(poll=PollSettings(stats_interval=1.0))

    assert cost.capacity(settings, "free") == cost.Capacity(0.0, 0.0)


def test_each_resource_costs_its_requests_at_its_interval() -> None:
    settings = Settings(
        poll=PollSettings(analytics_interval=600.0, health_interval=0.0, sessions_interval=0.0),
        analytics=AnalyticsSettings(windows=("24h", "7d", "30d")),
    )

    assert cost.requests_per_hour(settings, "pro", 1.0) == {
        "integration": 4.0,
        "stats": 12.0,
        "analytics": 18.0,
        "usage": 8.0,
        "openapi": 1 / 24,
    }
    assert cost.capacity(settings, "pro").rhythm == 0.0


def test_a_quiet_api_costs_one_request_a_poll() -> None:
    assert cost.requests_per_hour(DEFAULTS, "pro", 0.0)["sessions"] == 60.0


def test_one_session_a_second_costs_some_two_hundred_requests_an_hour() -> None:
    # docs: the tail each minute and the window every five minutes cost about 250.
    assert cost.requests_per_hour(DEFAULTS, "pro", 1.0)["sessions"] == pytest.approx(200, abs=60)


def test_a_short_settling_age_lets_a_sweep_take_the_place_of_the_tail() -> None:
    settings = Settings(sessions=SessionsSettings(settle_after=60.0, overlap=0.0))

    assert cost.requests_per_hour(settings, "pro", 1.0)["sessions"] == 60.0
