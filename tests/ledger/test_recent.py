"""The last day by the minute of createdAt: what is not known is never 0."""

import itertools
from collections import Counter

from exporter.api.times import MINUTE
from exporter.ledger.recent import KEPT_MINUTES, SLOT_MINUTES, SLOTS, Recent, Slot
from exporter.ledger.rules import Tally

DAY = 24 * 60
NOW_MINUTE = 30_000_000
NOW = NOW_MINUTE * MINUTE
WALL = NOW_MINUTE * 60.0


def tally(sessions: dict[int, int], bots: dict[int, int] | None = None) -> Tally:
    return Tally(minutes=Counter(sessions), bot_minutes=Counter(bots or {}))


def last(recent: Recent, origin: int | None = 0) -> Slot:
    return recent.slots(NOW, origin)[-1]


def test_a_day_has_96_quarters_of_which_the_last_still_fills() -> None:
    slots = Recent().slots(NOW + 7 * MINUTE, 0)

    assert len(slots) == SLOTS == 96
    assert slots[-1].start == NOW_MINUTE * 60
    assert {b.start - a.start for a, b in itertools.pairwise(slots)} == {900}


def test_sessions_and_bots_count_in_the_quarter_of_their_creation() -> None:
    recent = Recent().counted(tally({NOW_MINUTE: 3, NOW_MINUTE - 1: 5}, {NOW_MINUTE: 1}), WALL)
    recent = recent.counted(tally({NOW_MINUTE: 2}, {NOW_MINUTE - 1: 4}), WALL)

    *_, before, now = recent.slots(NOW, 0)
    assert (now.sessions, now.bots) == (5, 1)
    assert (before.sessions, before.bots) == (5, 4)


def test_before_counting_began_nothing_is_known() -> None:
    assert Recent().slots(NOW, None) == ()
    slots = Recent().slots(NOW, NOW - 60 * MINUTE)
    known = [slot for slot in slots if slot.sessions is not None]
    assert len(known) == 60 // SLOT_MINUTES + 1
    assert all(slot.bots == 0 for slot in known)


def test_after_a_restart_sessions_are_as_the_state_has_them_and_bots_are_known_from_then_on() -> (
    None
):
    kept = {NOW_MINUTE - 120: 7, NOW_MINUTE - 31: 2}
    recent = Recent.of_state(kept, NOW - 33 * MINUTE)
    recent = recent.counted(tally({NOW_MINUTE: 1}, {NOW_MINUTE - 31: 2, NOW_MINUTE: 1}), WALL)

    slots = {(slot.start // 60 - NOW_MINUTE): slot for slot in recent.slots(NOW, 0)}
    assert slots[-135].sessions is None
    assert (slots[-120].sessions, slots[-120].bots) == (7, None)
    # Some bots of this quarter were counted by the process before, how many is not known.
    assert (slots[-45].sessions, slots[-45].bots) == (2, None)
    assert (slots[-30].sessions, slots[-30].bots) == (0, 0)
    assert (slots[0].sessions, slots[0].bots) == (1, 1)


def test_a_state_without_recent_sessions_knows_what_comes() -> None:
    recent = Recent.of_state({}, NOW - 600 * MINUTE)
    assert last(recent).bots == 0
    assert recent.slots(NOW, 0)[0] == Slot((NOW_MINUTE - DAY + SLOT_MINUTES) * 60, None, None)


def test_memory_holds_a_day_and_an_hour() -> None:
    recent = Recent()
    for minute in range(NOW_MINUTE - 3 * DAY, NOW_MINUTE + 1):
        recent = recent.counted(tally({minute: 1}, {minute: 1}), minute * 60.0)

    assert len(recent.sessions) == len(recent.bots) == KEPT_MINUTES + 1


def test_a_backlog_of_last_week_is_not_kept() -> None:
    assert Recent().counted(tally({NOW_MINUTE - 7 * DAY: 9}), WALL).sessions == {}
