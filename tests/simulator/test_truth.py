"""The oracle against a reader that sees every state that the list ever shows."""

from collections import Counter
from datetime import datetime, timedelta
from math import fsum
from typing import Any

import pytest

from exporter.simulator.sessions import is_hidden
from exporter.simulator.truth import SCORE_BOUNDS
from exporter.simulator.world import World
from tests.simulator.worlds import HOUR, MINUTE, SECOND, START, items, world

WORLDS: list[dict[str, Any]] = [
    {},
    {"late_share": 0.5, "late_max": 2 * MINUTE},
    {"null_share": 0.6},
    {"invalid_share": 0.4},
    {"falling_scores": True, "bot_share": 0.6},
    {"falling_scores": True, "bot_share": 0.8, "late_share": 0.8, "late_max": 15 * MINUTE},
    {"flags": tuple(f"flag_{n}" for n in range(300)), "bot_share": 0.9},
    {"late_share": 0.3, "late_max": MINUTE, "null_share": 0.3, "invalid_share": 0.2, "flat": False},
]


def is_valid(item: dict[str, Any]) -> bool:
    score, flags = item.get("botScore"), item.get("detectionFlags")
    return (
        (score is None or (isinstance(score, int | float) and not isinstance(score, bool)))
        and (flags is None or (isinstance(flags, list) and all(isinstance(f, str) for f in flags)))
        and isinstance(item.get("status"), str | None)
        and isinstance(item.get("updatedAt"), str | None)
    )


def read_all(of: World, since: datetime, threshold: float) -> dict[str, Any]:
    """Poll every five seconds until all is quiet, then count from JSON alone."""
    last: dict[str, dict[str, Any]] = {}
    bots: set[str] = set()
    of.pause(START + 5 * MINUTE)
    second = 0
    while of.quiet_at is None or of.now <= of.quiet_at or second < 301:
        second += 5
        of.advance(START + second * SECOND)
        for item in items(of):
            if datetime.fromisoformat(item["createdAt"]) >= since:
                last[item["id"]] = item
                score = item.get("botScore")
                if is_valid(item) and score is not None and score >= threshold:
                    bots.add(item["id"])
    valid = [item for item in last.values() if is_valid(item)]
    flags, bot_flags = Counter[str](), Counter[str]()
    for item in valid:
        flags.update(item.get("detectionFlags") or ())
        if item["id"] in bots:
            bot_flags.update(item.get("detectionFlags") or ())
    scores = [item["botScore"] for item in valid if item.get("botScore") is not None]
    return {
        "sessions": len(valid),
        "bot_sessions": len(bots),
        "flags": flags,
        "bot_flags": bot_flags,
        "score_count": len(scores),
        "score_sum": pytest.approx(fsum(scores)),
        "score_buckets": tuple(sum(s <= bound for s in scores) for bound in SCORE_BOUNDS),
        "invalid_items": len(last) - len(valid),
    }


@pytest.mark.parametrize("settings", WORLDS, ids=lambda s: "+".join(s) or "plain")
def test_a_reader_of_every_state_counts_the_truth(settings: dict[str, Any]) -> None:
    # Scores may rise and fall again between two polls; a minute between changes rules that out.
    living = world(rate=0.4, lifetime=(6 * MINUTE, 8 * MINUTE), history=2 * MINUTE, **settings)
    since = START - MINUTE
    seen = read_all(living, since, 0.7)
    truth = living.truth(since)
    assert seen == {name: getattr(truth, name) for name in seen}
    assert truth.sessions > 50


def test_truth_counts_sessions_that_do_not_show_yet() -> None:
    late = world(late_share=1.0, late_max=HOUR, history=timedelta(0))
    late.pause(START + 5 * MINUTE)
    late.advance(START + 5 * MINUTE)
    early = late.truth(START)
    assert early.sessions > len(late)
    late.advance(START + 2 * HOUR)
    assert late.truth(START) == early
    assert len(late) == early.sessions


def test_since_is_inclusive() -> None:
    living = world(null_share=0.0)
    moments = [datetime.fromisoformat(item["createdAt"]) for item in items(living)]
    for at in (0, 17, len(moments) - 1):
        assert living.truth(moments[at]).sessions == len(moments) - at


def test_the_threshold_is_inclusive_and_can_be_another() -> None:
    living = world(rate=5.0, null_share=0.0, lifetime=(SECOND, SECOND))
    living.pause(START)
    living.advance(START + MINUTE)
    scores = [item["botScore"] for item in items(living)]
    assert 0.7 in scores
    for threshold in (0.7, 0.5, 0.9, 0.0):
        expected = sum(score >= threshold for score in scores)
        assert living.truth(START - HOUR, threshold).bot_sessions == expected


def test_buckets_are_cumulative_and_hold_their_bound() -> None:
    living = world(rate=5.0, null_share=0.0, lifetime=(SECOND, SECOND))
    living.pause(START)
    living.advance(START + MINUTE)
    truth = living.truth(START - HOUR)
    scores = [item["botScore"] for item in items(living)]
    assert truth.score_buckets[6] == sum(score <= 0.7 for score in scores)
    assert truth.score_buckets[-1] == truth.score_count == len(scores)
    assert list(truth.score_buckets) == sorted(truth.score_buckets)


def test_hidden_sessions_can_be_left_out() -> None:
    living = world(rate=5.0)
    hidden = sum(is_hidden(session.salt, 0.25) for session in living.visible(START))
    everything = living.truth(START - HOUR).sessions
    assert living.truth(START - HOUR, hidden_share=0.25).sessions == everything - hidden
    assert 0.2 < hidden / everything < 0.3
