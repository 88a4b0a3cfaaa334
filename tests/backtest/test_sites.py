"""Sites are evaluated one by one, and other thresholds in part: the outcome is as of all anew."""

from collections import Counter
from collections.abc import Mapping
from typing import Any
from weakref import WeakSet

import pytest

from exporter.backtest.evaluate import Past
from exporter.backtest.rules import HOLIDAY, THRESHOLD, Outcome, Rule, compare, read, run, shipped
from tests.backtest.test_backtest import HERE, START, counter

SHIPPED = read(shipped())
MINUTES = 960
FLAGS = "isnotai_session_flags_total"
MIXED = Rule("sum(isnotai_up) > 2", alert="Mixed")
"""An alert on several sites together, for which all of them are evaluated at once."""


def of_sites() -> Past:
    """Three sites: two with a wave of bots, at other hours, of which one stops; one at rest."""
    past = Past(MINUTES, START)
    waves = ((480, 120, 840), (600, 90, 960), (960, 0, 960))
    for number, (start, length, end) in enumerate(waves):
        site = (("integration", f"s{number % 2}"), ("job", f"j{number}"))
        rest = MINUTES - start - length
        columns = {
            "isnotai_sessions_total": counter((10, end), (0, MINUTES - end)),
            "isnotai_bot_sessions_total": counter((0.1, start), (3, length), (0.1, rest)),
            "isnotai_up": [1.0] * MINUTES,
        }
        for name, column in columns.items():
            past.add(name, site, column)
        flag = (("flag", "vpn"), *site)
        past.add(FLAGS, flag, columns["isnotai_bot_sessions_total"])
    past.add(HOLIDAY, (("integration", "s0"),), [1.0] * MINUTES)
    past.add("isnotai_sessions_total", (), counter((1, MINUTES)))
    return past


def test_sites_one_by_one_have_the_outcome_of_all_at_once() -> None:
    past = of_sites()

    apart = run(past, SHIPPED, {})
    at_once = run(past, [*SHIPPED, MIXED], {})

    fired = [one for one in at_once.fired if one.alert != "Mixed"]
    assert apart == Outcome(fired, at_once.judged - {"Mixed"})
    assert len(at_once.fired) == len(fired) + 1
    alerts = {(one.alert, dict(one.labels)["job"]) for one in fired if one.severity == "critical"}
    assert {("NotAIBotShareSpike", "j0"), ("NotAIBotShareSpike", "j1")} <= alerts
    assert "j2" not in {job for _, job in alerts}


BOTS = "isnotai_bot_sessions_total > 100"
OF_SITE = "(cluster, namespace, job, integration)"


@pytest.mark.parametrize(
    "text",
    [
        'vector(1) unless on () isnotai_up{job="j0"}',
        f"vector(1) and on () ({BOTS})",
        f"{HOLIDAY} and on (integration) ({BOTS})",
        f'{HOLIDAY} unless on (integration) isnotai_up{{job="j0"}}',
        f'{HOLIDAY} unless on {OF_SITE} isnotai_up{{job=""}}',
        f"({BOTS}) or on () vector(1)",
        f"({BOTS}) or {HOLIDAY}",
        "vector(3) > on () isnotai_up",
        f"isnotai_up and on (integration) ({BOTS})",
        "sum by (integration) (isnotai_up) > 1",
        f'count by {OF_SITE} (label_replace({FLAGS}, "job", "all", "", "")) > 2',
        f"isnotai_up unless on (integration) {HOLIDAY}",
        f"sum by {OF_SITE} (isnotai_up) * on {OF_SITE} ({BOTS})",
        "isnotai_up",
    ],
)
def test_rules_of_ones_own_may_join_sites(text: str) -> None:
    past = of_sites()
    past.add("isnotai_up", HERE, [1.0] * MINUTES)
    past.add(HOLIDAY, HERE, [1.0] * MINUTES)
    for flag, job in (("bot", "j0"), ("tor", "j2")):
        labels = (("flag", flag), ("integration", "s0"), ("job", job))
        past.add(FLAGS, labels, counter((1, MINUTES)))
    own = Rule(text, alert="Own")

    outcome = run(past, [own], {})

    at_once = run(past, [own, MIXED], {})
    assert outcome.fired == [one for one in at_once.fired if one.alert == "Own"]
    assert outcome.judged == {"Own"}


def test_each_site_is_told_and_what_joins_them() -> None:
    told: list[str] = []

    compare(of_sites(), SHIPPED, [{}], told.append)
    compare(of_sites(), [*SHIPPED, MIXED], [{}], told.append)

    assert told == [
        *(f"site {number} of 3" for number in (1, 2, 3)),
        "all sites at once, for they are joined by Mixed",
    ]


def test_what_is_evaluated_is_not_left_in_the_past() -> None:
    past = of_sites()
    before = past.names

    run(past, [*SHIPPED, MIXED], {})

    assert past.names == before


def test_another_page_ratio_records_nothing_anew_and_no_site_outlives_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory and time of many sites depend on both."""
    names: Counter[str] = Counter()
    recording: WeakSet[Past] = WeakSet()
    record = Past.record

    def watched(past: Past, name: str, *rest: Any) -> None:
        names[name] += 1
        recording.add(past)
        assert len(recording) == 1
        record(past, name, *rest)

    monkeypatch.setattr(Past, "record", watched)

    compare(of_sites(), SHIPPED, [{}, {"page_ratio": 20.0}, {"page_ratio": 30.0}])

    rules = Counter(rule.record for rule in SHIPPED if rule.record)
    assert names.pop(THRESHOLD) == 3 * 3 * rules.pop(THRESHOLD)
    assert names == {name: 3 * count for name, count in rules.items()}


@pytest.mark.parametrize(
    "changes",
    [
        [{}, {"page_ratio": 20.0}, {"page_ratio": 30.0}, {}],
        [{"page_ratio": 30.0}, {}, {"page_ratio": 2.0}],
        [
            {},
            {"prior_bots": 50.0},
            {"page_ratio": 60.0},
            {"prior_bots": 9.0, "hint_ratio": 9.0},
        ],
    ],
)
def test_compared_thresholds_have_the_outcomes_that_each_has_alone(
    changes: list[Mapping[str, float]],
) -> None:
    past = of_sites()

    outcomes = compare(past, SHIPPED, changes)

    assert outcomes == [run(past, SHIPPED, one) for one in changes]
    assert len({len(one.fired) for one in outcomes}) > 1
