"""A pause holds what asked for it, is tried early, and is over once it is answered well."""

import pytest

from exporter.api.pauses import KEY, KEYLESS, Pauses
from tests.clocks import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        (KEY, {"sessions", "stats"}),
        (KEYLESS, {"health"}),
        ("stats", {"stats"}),
        ("sessions", {"sessions"}),
    ],
)
def test_a_pause_holds_its_scope_alone(clock: FakeClock, scope: str, held: set[str]) -> None:
    pauses = Pauses(clock)
    pauses.hold(scope, 60)

    shared = {"sessions": KEY, "stats": KEY, "health": KEYLESS}
    found = {name for name, scope in shared.items() if pauses.left((name, scope)) > 0}
    assert found == held


def test_a_long_pause_is_tried_after_five_minutes_with_one_request(clock: FakeClock) -> None:
    pauses = Pauses(clock)
    pauses.hold(KEY, 3600)
    scopes = ("sessions", KEY)

    assert pauses.left(scopes) == 300
    clock.advance(300)
    assert pauses.left(scopes) == 0
    pauses.leaves(scopes)
    assert pauses.left(("stats", KEY)) == 300


def test_a_good_answer_ends_a_pause_that_was_asked_for_before_it_left(clock: FakeClock) -> None:
    pauses = Pauses(clock)
    early = clock.monotonic()
    clock.advance(1)
    pauses.hold(KEY, 3600)

    pauses.end(("stats", KEY), early)
    assert pauses.left(("stats", KEY)) == 300
    pauses.end(("stats", KEY), clock.monotonic())
    assert pauses.left(("sessions", KEY)) == 0


def test_a_pause_is_over_when_its_time_is(clock: FakeClock) -> None:
    pauses = Pauses(clock)
    pauses.hold(KEY, 100)
    pauses.hold(KEY, 5)

    clock.advance(99)
    assert pauses.left((KEY,)) == 1
    clock.advance(1)
    assert pauses.left((KEY,)) == 0
