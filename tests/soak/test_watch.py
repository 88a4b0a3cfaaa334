"""The watch sees a counter that falls, and the weather leaves no fault out."""

import random
from dataclasses import asdict, fields

from exporter.simulator.faults import Faults
from tests.e2e.simulation import simulated
from tests.soak.watch import Watch
from tests.soak.weather import STORM, Weather

BEFORE = """\
# TYPE isnotai_sessions_total counter
isnotai_sessions_total{integration="default"} 7
# TYPE isnotai_api_requests_total counter
isnotai_api_requests_total{integration="default",resource="stats",code="200"} 9
# TYPE isnotai_session_bot_score histogram
isnotai_session_bot_score_bucket{integration="default",le="0.1"} 2
isnotai_session_bot_score_sum{integration="default"} 1.5
# TYPE isnotai_session_frontier_timestamp_seconds gauge
isnotai_session_frontier_timestamp_seconds{integration="default"} 1.7e+09
# TYPE isnotai_sessions_active gauge
isnotai_sessions_active{integration="default"} 5
"""


def watched(*lives: tuple[str, ...]) -> list[str]:
    """What the watch found to fall in these lives, each given by its samples."""
    watch = Watch()
    for samples in lives:
        watch.born()
        for sample in samples:
            watch.look(sample)
    return watch.falls


def test_a_counter_that_falls_within_a_life_is_seen() -> None:
    for better, worse in (
        ('total{integration="default"} 7', 'total{integration="default"} 6'),
        ('code="200"} 9', 'code="200"} 8'),
        ('le="0.1"} 2', 'le="0.1"} 1'),
        ("_sum", "_some"),
        ('"default"} 1.5', '"default"} 1.4999999999'),
        ("1.7e+09", "1.699999999e+09"),
    ):
        assert len(watched((BEFORE, BEFORE.replace(better, worse)))) == 1, worse


def test_what_the_state_keeps_may_not_fall_from_one_life_to_the_next() -> None:
    starting = BEFORE.replace('"default"} 7', '"default"} 0')
    assert len(watched((BEFORE,), (starting, BEFORE))) == 1


def test_the_exporters_own_counters_and_gauges_may() -> None:
    anew = BEFORE.replace('code="200"} 9', 'code="200"} 0').replace("} 5", "} 3")
    assert watched((BEFORE,), ("", anew)) == []


async def test_the_weather_leaves_no_fault_out() -> None:
    # All paths suffer, and from all kinds of garbage and of 5xx, as by default. What is true of a
    # session with an odd value nobody can say.
    names = {it.name for it in fields(Faults)}
    names -= {"only", "garbage_kinds", "status_5xx_codes", "odd_value"}
    quiet, struck, together = asdict(Faults()), set[str](), 0
    async with simulated(rate=0.0) as api:
        weather = Weather(api, random.Random(1), 0.0)  # noqa: S311 - reproducible
        for _ in range(400):
            spell = asdict(Faults().changed(weather.spell()))
            different = {name for name in names if spell[name] != quiet[name]}
            struck |= different
            together += different >= STORM.keys()
    assert struck == names
    assert together > 100
