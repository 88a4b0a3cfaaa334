"""Slices reach now in a bounded number of walks, and show every session, whatever the filter is."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.ledger.plan import (
    DAY,
    MICROSECONDS,
    EndDates,
    Slice,
    SlicePlanner,
    midnight_before,
    pages,
    sweep_period,
)

NOON = 20_000 * DAY + DAY // 2
PAGE = 4


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


@settings(max_examples=150, deadline=None)
@given(
    back=st.integers(1, 3 * 86_400),
    moments=st.lists(st.floats(0, 1), max_size=60),
    dates=st.sampled_from(["exact", "day", "midnight"]),
    target=st.integers(8, 20),
    chance=st.randoms(use_true_random=False),
    refusals=st.sampled_from([0.0, 0.3, 0.8]),
)
def test_every_session_is_shown_by_a_slice_that_counts(  # type: ignore[no-untyped-def]
    back: int, moments: list[float], dates: str, target: int, chance, refusals: float
) -> None:
    now, start = NOON, NOON - back * MICROSECONDS
    sessions = [start + round(moment * (now - start)) for moment in moments]
    planner, ends = SlicePlanner(start, target), EndDates()
    read: set[int] = set()
    troubled = 150
    for _ in range(600):
        now += 2 * MICROSECONDS
        piece = planner.next(now, ends, whole=False)
        answer = shown(sessions, piece, dates)
        count = pages(len(answer), PAGE)
        troubled -= 1
        if count > 1 and troubled > 0 and chance.random() < refusals:
            planner.refused(piece, now)
            continue
        outside = [it for it in answer if it < piece.start - MICROSECONDS]
        if piece.end is not None:
            outside += [it for it in answer if it > piece.end + MICROSECONDS]
        ends.days_only = ends.days_only or bool(outside)
        proven = piece.end is not None and any(it > midnight_before(piece.end) for it in answer)
        if planner.walked(piece, count, ends, proven=proven):
            read.update(answer)
            if piece.end is None:
                break
    else:
        raise AssertionError("the slices do not come to an end")
    assert read == set(sessions)


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
