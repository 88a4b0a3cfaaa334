"""The schedule: where in its interval each poller polls, and when it begins."""

import pytest

from exporter.polling.schedule import LONGEST_SPREAD_SECONDS, Schedule, place, spread

NAMES = [f"campus-{number}" for number in range(1000)]


def test_a_poller_that_is_alone_begins_at_once_and_ticks_from_there() -> None:
    assert Schedule(60.0).begin(1_790_000_017.0) == (0.0, 0.0)


def test_a_restart_does_not_shift_the_ticks() -> None:
    schedule = Schedule(300.0, place("campus", "stats"), 6.0)
    ticks = {(now + schedule.begin(now)[1]) % 300 for now in (1_790_000_000.0, 1_790_004_321.5)}
    assert max(ticks) - min(ticks) < 1e-6


@pytest.mark.parametrize("resource", ["sessions", "stats"])
def test_the_polls_of_many_integrations_are_spread_evenly(resource: str) -> None:
    by_tenth = [0] * 10
    for name in NAMES:
        by_tenth[int(place(name, resource) * 10)] += 1
    # Of a thousand thrown evenly a tenth has 100, and hardly ever 50 more or less.
    assert min(by_tenth) > 50
    assert max(by_tenth) < 150


def test_the_resources_of_one_integration_have_places_of_their_own() -> None:
    resources = ("health", "integration", "stats", "analytics", "usage", "sessions")
    assert len({place("campus", resource) for resource in resources}) == len(resources)


def test_the_first_poll_comes_soon_though_the_tick_is_far() -> None:
    for name in NAMES:
        schedule = Schedule(900.0, place(name, "usage"), spread(1000))
        first, tick = schedule.begin(1_790_000_000.0)
        assert 0 <= first <= LONGEST_SPREAD_SECONDS
        assert first <= tick < 900


def test_where_the_tick_comes_soon_enough_it_is_the_first_poll() -> None:
    for name in NAMES:
        first, tick = Schedule(60.0, place(name, "health"), 60.0).begin(1_790_000_000.0)
        assert first == tick
