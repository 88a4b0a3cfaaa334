"""Shares are equal to within one, few integrations move, and none moves to and fro."""

from collections.abc import Mapping
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from exporter.fleet.shares import moves

Holders = dict[str, str | None]


def settle(live: list[str], holders: Holders, order: list[str] | None = None) -> tuple[int, int]:
    """Let all replicas act, one after the other, until none does; (moves, rounds)."""
    moved = 0
    for rounds in range(100):
        quiet = True
        for me in order or live:
            plan = moves(me, live, holders)
            for name in plan.release:
                holders[name] = None
                quiet = False
            free = sorted(name for name, holder in holders.items() if holder is None)
            for name in free[: plan.claim]:
                holders[name] = me
                moved += 1
                quiet = False
        if quiet:
            return moved, rounds
    raise AssertionError("it never comes to rest")


def settle_at_once(live: list[str], holders: Holders) -> None:
    """As if all looked at the same moment, and claimed what the others had not claimed yet."""
    for _ in range(100):
        plans = {me: moves(me, live, holders) for me in live}
        if not any(plan.release or plan.claim for plan in plans.values()):
            return
        for me, plan in plans.items():
            free = sorted(name for name, holder in holders.items() if holder is None)
            for name in free[: plan.claim]:
                holders[name] = me
        for plan in plans.values():
            for name in plan.release:
                holders[name] = None
    raise AssertionError("it never comes to rest")


def counts(live: list[str], holders: Mapping[str, str | None]) -> list[int]:
    return sorted(sum(holder == name for holder in holders.values()) for name in live)


def names(count: int) -> list[str]:
    return [f"i{number:04}" for number in range(count)]


def test_one_replica_takes_all() -> None:
    holders: Holders = dict.fromkeys(names(7))
    settle(["a"], holders)
    assert counts(["a"], holders) == [7]


def test_a_replica_that_joins_moves_no_more_than_its_share() -> None:
    holders: Holders = dict.fromkeys(names(1000))
    settle(["a", "b"], holders)
    moved, _ = settle(["a", "b", "c"], holders)
    assert counts(["a", "b", "c"], holders) == [333, 333, 334]
    assert moved <= 334


def test_of_a_replica_that_leaves_only_its_own_move() -> None:
    holders: Holders = dict.fromkeys(names(1000))
    settle(["a", "b", "c"], holders)
    kept = {name: it for name, it in holders.items() if it != "b"}
    left: Holders = {name: None if it == "b" else it for name, it in holders.items()}
    moved, _ = settle(["a", "c"], left)
    assert counts(["a", "c"], left) == [500, 500]
    assert moved == 1000 - len(kept)
    assert all(left[name] == it for name, it in kept.items())


@st.composite
def fleets(draw: st.DrawFn) -> tuple[list[str], Holders]:
    live = names(draw(st.integers(1, 6)))
    holders: Holders = {}
    for name in [f"x{number}" for number in range(draw(st.integers(0, 25)))]:
        holders[name] = draw(st.none() | st.sampled_from(live))
    return live, holders


@given(fleets(), st.randoms(use_true_random=False))
def test_from_anywhere_shares_become_equal_and_stay(
    fleet: tuple[list[str], Holders], random: Random
) -> None:
    live, holders = fleet
    order = list(live)
    random.shuffle(order)
    settle(live, holders, order)

    shares = counts(live, holders)
    assert sum(shares) == len(holders)
    assert shares[-1] - shares[0] <= 1
    assert not any(moves(me, live, holders).release for me in live)


@given(fleets())
def test_also_where_all_look_at_the_same_moment(fleet: tuple[list[str], Holders]) -> None:
    live, holders = fleet
    settle_at_once(live, holders)

    shares = counts(live, holders)
    assert sum(shares) == len(holders)
    assert shares[-1] - shares[0] <= 1


@given(fleets())
def test_a_replica_that_joins_takes_from_others_and_no_other_gains(
    fleet: tuple[list[str], Holders],
) -> None:
    live, holders = fleet
    settle(live, holders)
    before = dict(holders)
    settle([*live, "joined"], holders)

    moved = {name for name, it in holders.items() if it != before[name]}
    assert len(moved) <= len(holders) // (len(live) + 1) + 1
    assert {holders[name] for name in moved} <= {"joined"}
