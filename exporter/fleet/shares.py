"""Which leases a replica claims and gives up, so that all hold about the same number; pure.

Each replica decides for itself, from what the database says; those that look at the same rows come
to the same plan. A replica holds `low` integrations, the whole part of an equal share, or one more.
It claims more than that only when no other has fewer, and gives one up only to a replica that has
too few. So the fewest move, and none moves to and fro.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moves:
    """claim: how many free ones to claim at most. release: which to give up, by name."""

    claim: int
    release: tuple[str, ...]


def moves(me: str, live: Collection[str], holders: Mapping[str, str | None]) -> Moves:
    """What replica `me` is to do.

    live: the replicas that share these integrations, `me` among them.
    holders: who holds each integration; None where nobody alive does. Those that replicas outside
    of `live` hold are left out by the caller.
    """
    counts = dict.fromkeys(sorted(live), 0)
    for holder in holders.values():
        if holder is not None:
            counts[holder] += 1
    low, rest = divmod(len(holders), len(counts))
    high = low + bool(rest)
    free = len(holders) - sum(counts.values())
    lacking = sum(max(0, low - count) for count in counts.values())
    beyond = sum(max(0, count - high) for count in counts.values())
    given = _given(counts, low, max(lacking - free, beyond))[me]
    if given:
        held = sorted(name for name, holder in holders.items() if holder == me)
        return Moves(0, tuple(held[-given:]))
    if counts[me] < low:
        return Moves(low - counts[me], ())
    return Moves(int(free > 0 and not lacking and counts[me] == low), ())


def _given(counts: Mapping[str, int], low: int, wanted: int) -> dict[str, int]:
    """How many each replica gives up, so that `wanted` become free for those with fewer.

    Those with the most give first; none falls below `low`.
    """
    given = dict.fromkeys(counts, 0)
    left = dict(counts)
    for _ in range(wanted):
        most = max(left, key=lambda name: (left[name], name))
        if left[most] <= low:
            break
        left[most] -= 1
        given[most] += 1
    return given
