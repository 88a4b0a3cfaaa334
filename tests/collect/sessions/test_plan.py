"""Slices reach now in a bounded number of walks, and show every session, whatever the filter is."""

import random
from bisect import bisect_right

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.api.times import DAY, MICROSECONDS, parse_time
from exporter.collect.sessions.dates import Dates
from exporter.collect.sessions.pace import pages, sweep_period
from exporter.collect.sessions.plan import SlicePlanner
from exporter.collect.sessions.walk import TOO_LONG
from exporter.ledger.rules import Slice
from exporter.simulator.lists import ListSettings
from tests.examples import examples

NOON = 20_000 * DAY + DAY // 2

HABITS = st.builds(
    ListSettings,
    date_filter=st.sampled_from(["exact", "day", "midnight"]),
    day_begins=st.sampled_from([0.0, 5.0, -2.0, 12.0, -14.0, 5.75]),
    day_of=st.sampled_from(["written", "moment"]),
)


def shown(sessions: list[int], filters: dict[str, str], habits: ListSettings) -> list[int]:
    """What an API whose filter works in that way answers."""
    start = parse_time(filters["startDate"])
    end = parse_time(filters["endDate"]) if "endDate" in filters else None
    if habits.date_filter != "exact":
        start = habits.day(start)
        if end is not None:
            end = habits.day(end) + (DAY - 1 if habits.date_filter == "day" else 0)
    return [it for it in sessions if start <= it and (end is None or it <= end)]


@settings(max_examples=examples(200), deadline=None)
@example(  # refused where half of the rest cannot have an end, but a day can
    back=395_993,
    moments=[],
    crowd=33,
    crowded=(1.0, 0.001),
    habits=ListSettings(date_filter="day"),
    known=False,
    target=8,
    page_size=1,
    seed=0,
    refusals=0.0,
    most=None,
)
@example(  # one crowded moment in days of quiet, at which the server fails
    back=219_777,
    moments=[],
    crowd=103,
    crowded=(0.0, 0.001),
    habits=ListSettings(),
    known=True,
    target=8,
    page_size=1,
    seed=0,
    refusals=0.0,
    most=100,
)
@given(
    back=st.integers(1, 9 * 86_400),
    moments=st.lists(st.floats(0, 1), max_size=60),
    crowd=st.integers(0, 200),
    crowded=st.tuples(st.floats(0, 1), st.sampled_from([0.001, 0.05, 1.0])),
    habits=HABITS,
    known=st.booleans(),
    target=st.integers(8, 20),
    page_size=st.integers(1, 4),
    seed=st.integers(0, 1000),
    refusals=st.sampled_from([0.0, 0.3, 0.8]),
    most=st.sampled_from([None, 100, 20]),
)
def test_every_session_is_shown_by_a_slice_that_counts(
    back: int,
    moments: list[float],
    crowd: int,
    crowded: tuple[float, float],
    habits: ListSettings,
    known: bool,
    target: int,
    page_size: int,
    seed: int,
    refusals: float,
    most: int | None,
) -> None:
    """Cursors are refused, slices turn out too long, and the server fails where it finds too much.

    known: whether the API was found to be exact, where it is.
    crowd: so many sessions in a part of the way: (where it begins, how much of the rest it is).
    most: so many sessions a server can find in a window, and what two minutes hold; it fails
        before the first page where there are more.
    """
    chance = random.Random(seed)  # noqa: S311 - reproducible trouble
    now, start = NOON, NOON - back * MICROSECONDS
    first, part = crowded
    moments = moments + [first + (1 - first) * part * place / crowd for place in range(crowd)]
    sessions = [start + round(moment * (now - start)) for moment in moments]
    planner, dates = SlicePlanner(start, target), Dates()
    dates.exact = known and habits.date_filter == "exact"
    covered = list[Slice]()
    read: set[int] = set()
    most = max(most, densest(sessions, 120)) if most and dates.exact else None
    troubled = 150
    for _ in range(2000):
        now += 2 * MICROSECONDS
        piece = planner.next(now, coarse=dates.coarse)
        answer = shown(sessions, dates.filters(piece), habits)
        count = pages(len(answer), page_size)
        troubled -= 1
        if most and len(answer) > most:
            if planner.failed():
                planner.too_wide(piece, now)
            continue
        too_long = count > TOO_LONG * target and planner.can_cut(piece, now, coarse=dates.coarse)
        if too_long or (count > 1 and troubled > 0 and chance.random() < refusals):
            planner.refused(piece, now)
            continue
        planner.walked(piece, count)
        covered.append(piece)
        wanted = [it for it in sessions if it >= piece.start and (not piece.end or it < piece.end)]
        assert set(wanted) <= set(answer)
        read.update(answer)
        if piece.end is None:
            break
    else:
        raise AssertionError("the slices do not come to an end")
    assert read == set(sessions)
    assert [it.end for it in covered[:-1]] == [it.start for it in covered[1:]]


def densest(sessions: list[int], seconds: int) -> int:
    """The most sessions of any such stretch of time."""
    ends = [bisect_right(sorted(sessions), it + seconds * MICROSECONDS) for it in sorted(sessions)]
    return max((end - place for place, end in enumerate(ends)), default=0)


@pytest.mark.parametrize(
    ("interval", "settle_after", "seconds"), [(60, 900, 300), (60, 600, 200), (600, 900, 600)]
)
def test_a_session_is_re_read_a_few_times_before_it_is_settled(
    interval: float, settle_after: float, seconds: float
) -> None:
    assert sweep_period(interval, settle_after) == seconds
