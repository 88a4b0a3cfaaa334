"""Promises of the world: determinism, evolution, lateness, pauses."""

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.simulator.world import World, WorldSettings
from tests.examples import examples
from tests.simulator.worlds import HOUR, MINUTE, SECOND, START, items, world

ROUGH: dict[str, Any] = {
    "late_share": 0.3,
    "late_max": timedelta(seconds=90),
    "null_share": 0.3,
    "invalid_share": 0.1,
    "falling_scores": True,
    "lifetime": (SECOND, 3 * MINUTE),
}


@settings(max_examples=examples(6), deadline=None)
@given(cuts=st.lists(st.integers(0, 900_000), max_size=12), seed=st.integers(0, 2**64))
def test_the_sessions_do_not_depend_on_how_advances_are_cut(cuts: list[int], seed: int) -> None:
    whole, cut = world(seed, rate=0.5, **ROUGH), world(seed, rate=0.5, **ROUGH)
    for milliseconds in cuts:  # in any order: an earlier instant must do nothing
        cut.advance(START + timedelta(milliseconds=milliseconds))
    end = START + timedelta(minutes=15)
    whole.advance(end)
    cut.advance(end)
    assert items(cut) == items(whole)
    assert cut.truth(START) == whole.truth(START)
    for order in ("updated", "random", "by_id"):
        assert [s.id for s in cut.index(order).rows] == [s.id for s in whole.index(order).rows]


def test_another_seed_gives_other_sessions() -> None:
    assert {item["id"] for item in items(world(1))}.isdisjoint(
        item["id"] for item in items(world(2))
    )


def test_sessions_come_at_the_rate() -> None:
    busy = world(rate=20.0)
    assert 20 * 600 * 0.95 < len(busy) < 20 * 600 * 1.05
    slow = world(rate=0.01, history=timedelta(days=2))
    assert 0.01 * 172_800 * 0.9 < len(slow) < 0.01 * 172_800 * 1.1
    assert len(world(rate=0)) == 0


def test_bots_have_their_share() -> None:
    sessions = world(rate=10.0, bot_share=0.3).visible(START)
    assert 0.26 < sum(session.agent for session in sessions) / len(sessions) < 0.34


def test_indexes_made_early_follow_every_change() -> None:
    living = world(**ROUGH)
    for order in ("updated", "random", "by_id"):
        living.index(order)
    for second in range(0, 900, 7):
        living.advance(START + second * SECOND)
    for order in ("newest", "updated", "random", "by_id"):
        index = living.index(order)
        assert index.rows == sorted(living.visible(living.now), key=index.key)


def test_scores_rise_and_flags_are_added_until_the_close() -> None:
    living = world(rate=0.5, lifetime=(MINUTE, 5 * MINUTE), null_share=0.0)
    seen: dict[str, list[dict[str, Any]]] = {}
    for second in range(0, 900, 9):
        living.advance(START + second * SECOND)
        for item in items(living):
            states = seen.setdefault(item["id"], [])
            if not states or states[-1] != item:
                states.append(item)
    changed = [states for states in seen.values() if len(states) > 2]
    assert len(changed) > 100
    for states in seen.values():
        scores = [state["botScore"] for state in states if state["botScore"] is not None]
        assert scores == sorted(scores)
        for before, after in pairwise(states):
            assert set(before["detectionFlags"]) <= set(after["detectionFlags"])
            assert str(before["updatedAt"]) < str(after["updatedAt"])
            assert before["createdAt"] == after["createdAt"]
            assert before["status"] == "active"  # nothing changes after the close


def test_every_session_closes_within_its_lifetime() -> None:
    living = world(lifetime=(SECOND, MINUTE), null_share=0.0)
    living.pause(START + MINUTE)
    living.advance(START + 2 * MINUTE)
    assert {item["status"] for item in items(living)} == {"closed"}
    assert living.active == 0


def test_a_late_session_shows_within_the_time_stated() -> None:
    late = world(late_share=0.5, late_max=MINUTE)
    shown: dict[int, float] = {}
    for second in range(0, 400, 5):
        late.advance(START + second * SECOND)
        for session in late.visible(late.now):
            shown.setdefault(session.salt, (late.now - START).total_seconds())
    created = {s.salt: s.created / 1e6 - START.timestamp() for s in late.visible(late.now)}
    delays = [shown[salt] - at for salt, at in created.items() if 0 < at < 300]
    assert 30 < max(delays) <= 65
    assert 0.35 < sum(delay > 5 for delay in delays) / len(delays) < 0.6


def test_a_pause_creates_nothing_more_and_says_when_all_is_quiet() -> None:
    living = world(late_share=0.5, late_max=MINUTE)
    assert living.quiet_at is None
    living.pause(START)
    created = living.truth(START - HOUR).sessions
    assert living.quiet_at is not None
    living.advance(living.quiet_at)
    quiet = items(living)
    assert len(quiet) == created
    living.advance(START + 5 * HOUR)
    assert items(living) == quiet
    assert living.active == 0


def test_a_pause_in_the_future_takes_effect_then() -> None:
    living = world()
    living.pause(START + MINUTE)
    living.advance(START + HOUR)
    newest = living.visible(living.now)[-1]
    assert newest.created <= (START + MINUTE).timestamp() * 1e6
    assert living.truth(START + 30 * SECOND).sessions > 0


def test_a_frozen_world_changes_nothing_and_its_truth_is_what_it_shows() -> None:
    living = world(late_share=0.3, late_max=MINUTE, null_share=0.0)
    living.freeze()
    before = items(living)
    living.advance(START + HOUR)
    assert items(living) == before
    truth = living.truth(START - HOUR)
    assert truth.sessions == len(before)
    assert truth.score_count == sum(item["botScore"] is not None for item in before)
    assert sum(truth.flags.values()) == sum(len(item["detectionFlags"]) for item in before)
    assert truth.bot_sessions == sum((item["botScore"] or 0) >= 0.7 for item in before)
    assert living.quiet_at == living.now


def test_after_a_pause_sessions_come_again_and_none_in_between() -> None:
    living = world()
    living.pause(START)
    living.advance(START + HOUR)
    living.resume(START + HOUR)
    living.advance(START + HOUR + MINUTE)
    assert living.truth(START).sessions == living.truth(START + HOUR).sessions > 30
    assert living.quiet_at is None


def test_a_leap_forward_creates_nothing_in_between() -> None:
    living = world()
    living.skip_to(START + HOUR)
    assert living.truth(START).sessions == 0
    living.advance(START + HOUR + MINUTE)
    assert living.truth(START).sessions > 30


def test_a_changed_rate_counts_from_now_on() -> None:
    living = world(rate=0)
    living.change(rate=10.0)
    living.advance(START + 2 * MINUTE)
    assert 1000 < living.truth(START).sessions < 1400
    with pytest.raises(ValueError, match="rate"):
        living.change(rate=-1)
    with pytest.raises(TypeError):
        living.change(speed_of_light=1)


def test_static_sessions_lie_evenly_and_never_change() -> None:
    still = world(rate=0, static_sessions=1000, history=HOUR)
    before = items(still)
    assert len(before) == 1000
    assert {item["status"] for item in before} == {"closed"}
    still.advance(START + HOUR)
    assert items(still) == before
    created = [session.created for session in still.visible(still.now)]
    assert {b - a for a, b in pairwise(created)} == {3_600_000}
    active = world(rate=0, static_sessions=10, static_active=True, history=HOUR)
    assert {item["status"] for item in items(active)} == {"active"}


def test_forgetting_spares_what_is_still_open_and_the_truth() -> None:
    living = world(lifetime=(SECOND, 30 * MINUTE))
    for order in ("updated", "random"):
        living.index(order)
    truth = living.truth(START - HOUR)
    count, total = len(living), living.rollup.everything().sessions
    gone = living.forget_before(START)
    assert 0 < gone < count
    assert len(living) == count - gone == living.active
    assert living.truth(START - HOUR) == truth
    assert living.rollup.everything().sessions == total
    assert len(living.index("random").rows) == len(living)
    living.advance(START + HOUR)  # the open ones can still close
    assert living.forget_before(START) == count - gone
    assert living.forget_before(START) == 0


def test_some_sessions_lack_optional_fields_and_none_lacks_the_others() -> None:
    found = items(world(null_share=1.0))
    for field in ("updatedAt", "status", "botScore", "detectionFlags", "userId", "pageUrl"):
        assert any(field not in item for item in found)
        assert any(field in item and item[field] is None for item in found)
    assert all(item["id"] and item["createdAt"] for item in found)
    full = items(world(null_share=0.0, lifetime=(SECOND, SECOND)))
    assert all(item["botScore"] is not None for item in full if item["status"] == "closed")


def test_people_are_plainly_synthetic() -> None:
    for item in items(world(null_share=0.0)):
        assert item["userName"].startswith("Synthetic Student ")
        assert item["userId"].startswith("synthetic-user-")
        assert ".example." in item["pageUrl"]


def test_a_session_is_found_by_its_id_and_only_by_that() -> None:
    living = world(rate=2.0)
    for session in living.visible(START):
        assert living.session(session.id) is session
        assert json.loads(session.json())["id"] == session.id
    assert any(session.id.startswith("attempt:") for session in living.visible(START))
    for nobody in ("", "x", "attempt:64", "attempt:nan", session.id.upper() + "0"):
        assert living.session(nobody) is None


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"rate": -1.0}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"bot_share": 1.5}, "bot_share"),
        ({"late_max": -SECOND}, "late_max"),
        ({"static_sessions": -1}, "static_sessions"),
        ({"static_sessions": 5, "history": timedelta(0)}, "history"),
        ({"lifetime": (MINUTE, SECOND)}, "lifetime"),
        ({"flags": ()}, "flags"),
    ],
)
def test_senseless_settings_are_refused_by_name(bad: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        WorldSettings(**bad)  # type: ignore[arg-type]  # what no type allows is the point


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        World(1, WorldSettings(), START.replace(tzinfo=None))
