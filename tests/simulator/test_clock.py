from datetime import UTC, datetime, timedelta, timezone

import pytest

from exporter.simulator.clock import SimClock, instant, micros
from tests.simulator.worlds import START, Hand


def test_microseconds_are_exact_and_carry_the_zone() -> None:
    moment = datetime(2026, 6, 10, 14, 0, 0, 123457, tzinfo=timezone(timedelta(hours=2)))
    assert instant(micros(moment)) == moment
    assert instant(micros(moment)).tzinfo is UTC


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        micros(datetime(2026, 6, 10))


def test_world_time_runs_at_its_speed() -> None:
    hand = Hand()
    clock = SimClock(hand, START, speed=60)
    hand.seconds += 2
    assert clock.now() == START + timedelta(minutes=2)


def test_another_speed_moves_no_time_by_itself() -> None:
    hand = Hand()
    clock = SimClock(hand, START)
    hand.seconds += 10
    clock.set_speed(100)
    assert clock.now() == START + timedelta(seconds=10)
    hand.seconds += 1
    assert clock.now() == START + timedelta(seconds=110)
    assert clock.speed == 100


@pytest.mark.parametrize("speed", [0, -1])
def test_a_clock_that_stands_or_runs_backwards_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        SimClock(Hand(), START, speed)
