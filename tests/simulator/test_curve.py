from datetime import timedelta

from exporter.simulator.clock import micros
from exporter.simulator.curve import HOUR, intensity, wave
from tests.simulator.worlds import START

MONDAY = micros(START - timedelta(days=2)) // (24 * HOUR) * 24 * HOUR


def test_both_curves_have_a_mean_of_one() -> None:
    hours = [intensity(3, MONDAY + n * HOUR // 4, flat=False) for n in range(4 * 24 * 7 * 26)]
    assert abs(sum(people for people, _ in hours) / len(hours) - 1) < 0.01
    assert abs(sum(agents for _, agents in hours) / len(hours) - 1) < 0.1


def test_people_work_by_day_and_rest_at_weekends() -> None:
    noon = intensity(3, MONDAY + 10 * HOUR, flat=False)[0]
    assert noon > 3 * intensity(3, MONDAY + 3 * HOUR, flat=False)[0]
    assert noon > 1.5 * intensity(3, MONDAY + (5 * 24 + 10) * HOUR, flat=False)[0]


def test_a_flat_world_has_no_curve() -> None:
    assert {intensity(3, MONDAY + n * HOUR, flat=True) for n in range(200)} == {(1.0, 1.0)}


def test_agents_come_in_waves_that_the_seed_decides() -> None:
    hours = range(MONDAY // HOUR, MONDAY // HOUR + 1000)
    waves = [found for hour in hours if (found := wave(3, hour))]
    others = [found for hour in hours if (found := wave(4, hour))]
    assert 40 < len(waves) < 130
    assert waves != others
    surge = waves[0]
    before = intensity(3, surge.start - 1, flat=False)[1]
    assert intensity(3, surge.start, flat=False)[1] > 3 * before
