"""A short simulated term: the shipped rules on it by Prometheus' own engine, and by `backtest`."""

from array import array
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import pytest

from benchmarks.alerts import engine, exporter, judge, term
from benchmarks.alerts.__main__ import RULES, START, needed
from exporter.backtest.evaluate import Past
from exporter.backtest.rules import read, run

pytestmark = [pytest.mark.tools, pytest.mark.timeout(1800)]

SEED, SIZE, DAYS = 3, 5_000, 12
NEAR = 6
"""Minutes by which the two may differ: rules of a slow group are evaluated each five."""
KEPT = {
    "NotAIBotShareSpike": 30,
    "NotAIBotShareRaised": 120,
    "NotAISessionsStopped": 15,
    "NotAIFlagSurge": 60,
}
"""What is compared, and for how many minutes each stays: one that held for a few minutes more lies
on a threshold, where the two may differ."""


def test_a_short_term_is_judged_and_backtest_sees_what_prometheus_sees(
    tool: Callable[[str], Path], tmp_path: Path
) -> None:
    made = term.make(SEED, size=SIZE, days=DAYS)
    scrapes = exporter.expose(SEED, made, START)

    fired, _ = engine.evaluate(scrapes, needed(RULES, tmp_path), program=tool("rule-engine"))

    tally = judge.Tally()
    tally.add(made, fired)
    told = tally.attacks
    assert told
    assert all(one.warned is not None for one in told)
    assert len(tally.false["critical"]) <= 1

    past = Past(scrapes.count, START)
    for labels, values in scrapes.series:
        named = tuple(sorted(pair for pair in labels.items() if pair[0] != "__name__"))
        past.add(labels["__name__"], named, list(values))
    ours = run(past, read(RULES), {}).fired
    for alert, kept in KEPT.items():
        real = sorted((one.start, one.end) for one in fired if one.alert == alert)
        computed = [(one.start, one.end) for one in ours if one.alert == alert]
        assert _missing(real, computed, kept) + _missing(computed, real, kept) == [], alert


def test_sessions_that_stop_on_the_day_after_a_holiday_are_missed_within_half_an_hour(
    tool: Callable[[str], Path], tmp_path: Path
) -> None:
    hourly = [120] * 7 * 24 + [12] * 24 + [120] * 8
    stopped = len(hourly) * 60
    total = list(accumulate(rate / 60 for rate in hourly for _ in range(60)))
    scrapes = exporter.Scrapes(START, stopped + 60)
    scrapes.add(
        "isnotai_sessions_total",
        array("d", total + total[-1:] * 60),
        job=exporter.JOB,
        instance="a:10984",
        integration=exporter.INTEGRATION,
    )

    fired, _ = engine.evaluate(scrapes, needed(RULES, tmp_path), program=tool("rule-engine"))

    alarms = [one.start for one in fired if one.alert == judge.STOPPED]
    assert alarms
    assert stopped < min(alarms) <= stopped + 30


def _missing(
    spans: list[tuple[int, int]], others: list[tuple[int, int]], kept: int
) -> list[tuple[int, int]]:
    """The spans that held for a while and that none of the others covers, give or take."""
    return [
        (start, end)
        for start, end in spans
        if end - start > kept + NEAR
        and not any(start - NEAR < stop and begin < end + NEAR for begin, stop in others)
    ]
