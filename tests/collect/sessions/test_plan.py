"""Slices reach now in a bounded number of walks, and show every session, whatever the filter is."""

import random
from bisect import bisect_right

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.api.times import DAY, MICROSECONDS
from exporter.collect.sessions.collector import TOO_LONG
from exporter.collect.sessions.pace import pages, sweep_period
from exporter.collect.sessions.plan import EndDates, SlicePlanner, midnight_before
from exporter.ledger.rules import Slice

NOON = 20_000 * DAY + DAY // 2


def shown(sessions: list[int], piece: Slice, dates: str) -> list[int]:
    """What an API whose filter works in that way answers to the slice's dates."""
    start = piece.start - piece.start % MICROSECONDS
    if dates != "exact":
        start = midnight_before(start)
    if piece.end is None:
        return [created for created in sessions if created >= start]
    end = piece.end + -piece.end % MICROSECONDS
    if dates == "day":
        end = midnight_before(end) + DAY - 1
    if dates == "midnight":
        end = midnight_before(end)
    return [created for created in sessions if start <= created <= end]


@settings(max_examples=200, deadline=None)
@given(
    back=st.integers(1, 3 * 86_400),
    moments=st.lists(st.floats(0, 1), max_size=60),
    crowd=st.integers(0, 200),
    crowded=st.tuples(st.floats(0, 1), st.sampled_from([0.001, 0.05, 1.0])),
    dates=st.sampled_from(["exact", "day", "midnight"]),
    target=st.integers(8, 20),
    page_size=st.integers(1, 4),
    seed=st.integers(0, 1000),
    refusals=st.sampled_from([0.0, 0.3, 0.8]),
    bearable=st.sampled_from([None, 100, 20]),
)
def test_every_session_is_shown_by_a_slice_that_counts(
    back: int,
    moments: list[float],
    crowd: int,
    crowded: tuple[float, float],
    dates: str,
    target: int,
    page_size: int,
    seed: int,
    refusals: float,
    bearable: int | None,
) -> None:
    """Cursors are refused, slices turn out too long, and the server fails where it finds too much.

    crowd: so many sessions in a part of the way: (where it begins, how much of the rest it is).
    bearable: so many sessions a server can find in a window, and what two minutes hold; it fails
        before the first page where there are more. It goes by the time, and not the date alone.
    """
    chance = random.Random(seed)  # noqa: S311 - reproducible trouble
    now, start = NOON, NOON - back * MICROSECONDS
    first, part = crowded
    moments = moments + [first + (1 - first) * part * place / crowd for place in range(crowd)]
    sessions = [start + round(moment * (now - start)) for moment in moments]
    planner, ends = SlicePlanner(start, target), EndDates()
    read: set[int] = set()
    bearable = max(bearable, densest(sessions, 120)) if bearable and dates == "exact" else None
    troubled = 150
    for _ in range(2000):
        now += 2 * MICROSECONDS
        piece = planner.next(now, ends, whole=False)
        answer = shown(sessions, piece, dates)
        count = pages(len(answer), page_size)
        troubled -= 1
        if bearable and len(answer) > bearable:
            if planner.failed():
                planner.too_wide(piece, now)
            continue
        too_long = count > TOO_LONG * target and planner.can_cut(piece, now, ends)
        if too_long or (count > 1 and troubled > 0 and chance.random() < refusals):
            # What was read before the walk broke off is no less to be judged by.
            shuffled = chance.sample(answer, len(answer))[: TOO_LONG * target * page_size]
            judge(shuffled, piece, ends)
            if not too_long or not ends.days_only:
                planner.refused(piece, now)
                continue
        judge(answer, piece, ends)
        proven = piece.end is not None and any(it > midnight_before(piece.end) for it in answer)
        if planner.walked(piece, count, ends, proven=proven):
            read.update(answer)
            if piece.end is None:
                break
    else:
        raise AssertionError("the slices do not come to an end")
    assert read == set(sessions)


def densest(sessions: list[int], seconds: int) -> int:
    """The most sessions of any such stretch of time."""
    ends = [bisect_right(sorted(sessions), it + seconds * MICROSECONDS) for it in sorted(sessions)]
    return max((end - place for place, end in enumerate(ends)), default=0)


def judge(answer: list[int], piece: Slice, ends: EndDates) -> None:
    """As the collector does, though one stray is enough here."""
    strays = [it for it in answer if it < piece.start - MICROSECONDS]
    if piece.end is not None:
        strays += [it for it in answer if it > piece.end + MICROSECONDS]
    if ends.doubted and not ends.honoured:
        strays += [it for it in answer if ends.doubted[0] <= it < ends.doubted[1]]
    ends.days_only = ends.days_only or bool(strays)


def test_sweeps_come_every_five_minutes_while_the_budget_bears_it() -> None:
    period = sweep_period(
        sweep_pages=10, tail_pages=1, interval=60, settle_after=900, per_minute=150
    )

    assert period == 300


def test_sweeps_are_rarer_where_they_would_take_more_than_half_of_what_tails_leave() -> None:
    period = sweep_period(
        sweep_pages=42, tail_pages=3, interval=60, settle_after=900, per_minute=15
    )

    assert 42 / (period / 60) == (15 - 3) / 2


def test_sweeps_are_at_most_twice_as_rare_since_the_frontier_moves_with_them() -> None:
    period = sweep_period(
        sweep_pages=500, tail_pages=12, interval=60, settle_after=900, per_minute=15
    )

    assert period == 600
