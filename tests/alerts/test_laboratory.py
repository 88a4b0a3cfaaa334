"""The laboratory: how soon a wave could be told, late scores, the table in a document."""

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.alerts import __main__ as laboratory
from benchmarks.alerts import engine, exporter, ideal, judge
from benchmarks.alerts.term import DAY, HOUR, Attack, Term, make

START = 2 * HOUR


def steady(bots: int, usual: float, during: int) -> tuple[Term, Attack]:
    """Two hours without a bot, then so many a minute for an hour; and the attack that they are."""
    counts = [0] * START + [during] * HOUR
    people = [10] * len(counts)
    rates = [usual] * len(counts)
    term = Term(5_000, len(counts), people, counts, {}, [], [10.0] * len(counts), rates)
    attack = Attack("sudden", START, START + HOUR, 4.0, usual * HOUR, bots, in_break=False)
    return term, attack


@pytest.mark.parametrize(("during", "minutes"), [(1, 7), (2, 3), (10, 1)])
def test_a_wave_is_told_when_the_evidence_is_there_and_not_before(
    during: int, minutes: int
) -> None:
    term, attack = steady(during * HOUR, 0.1, during)

    told = ideal.first_minute(term, attack)

    assert told == minutes
    came, due = during * minutes, 0.1 * minutes
    assert came * math.log(came / due) - came + due > ideal.EVIDENCE


def test_no_wave_is_never_told() -> None:
    term, attack = steady(0, 0.1, 0)

    assert ideal.first_minute(term, attack) is None


def test_bots_that_are_scored_late_come_with_the_sweeps_and_all_of_them_come() -> None:
    term = make(3, size=5_000, days=2, attacks=False)

    told = exporter.scored_late(3, term.bots)
    scrapes = exporter.expose(3, term, 0, late=True)

    late = exporter.SCORED_WITHIN
    assert sum(term.bots) - sum(term.bots[-late:]) <= sum(told) <= sum(term.bots)
    counted = next(
        values
        for labels, values in scrapes.series
        if labels["__name__"] == "isnotai_bot_sessions_total" and labels["instance"] == "a:10984"
    )
    there = [value for value in counted if not math.isnan(value)]
    steps = [at for at in range(1, len(there)) if there[at] > there[at - 1]]
    assert steps
    assert all(later - at >= exporter.SWEEP for at, later in pairwise(steps))


def test_the_table_stands_between_its_marks_and_nothing_else_changes() -> None:
    text = f"before\n\n{laboratory.BEGIN}\n\nold\n\n{laboratory.END}\n\nafter\n"

    once = laboratory.placed(text, ["| a |"])

    assert once == f"before\n\n{laboratory.BEGIN}\n\n| a |\n\n{laboratory.END}\n\nafter\n"
    assert laboratory.placed(once, ["| a |"]) == once


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="begin laboratory"):
        laboratory.placed("no marks", [])


def test_a_slow_term_has_attacks_of_days_alone_and_outages_more_than_a_week_apart() -> None:
    for seed in range(2):
        made = make(seed, size=100, days=42, slow=True)

        assert {attack.kind for attack in made.attacks} == {"low and slow"}
        assert len(made.attacks) >= 2
        for spans in (
            [(attack.start, attack.end) for attack in made.attacks],
            sorted(made.pixel_outages),
        ):
            assert all(later - end >= 7 * DAY for (_, end), (later, _) in pairwise(spans))


def slow_attack(bots: list[int], usual: float) -> tuple[Term, Attack]:
    rates = [usual] * len(bots)
    term = Term(100, len(bots), bots, bots, {}, [], [1.0] * len(bots), rates)
    of_days = Attack("low and slow", DAY, 3 * DAY, 2.0, 2 * DAY * usual, 0, in_break=False)
    return term, of_days


def test_an_attack_of_days_is_told_by_all_that_came_since_its_start() -> None:
    hourly = [int(minute % HOUR == 0) for minute in range(2 * DAY)]
    term, attack = slow_attack([0] * DAY + hourly, 0.25 / HOUR)

    told = ideal.since_start(term, attack)

    assert told is not None
    came, due = told // HOUR + 1, 0.25 * told / HOUR
    assert came * math.log(came / due) - came + due == pytest.approx(ideal.EVIDENCE, abs=1)
    assert ideal.since_start(*slow_attack([0] * 3 * DAY, 0.25 / HOUR)) is None


def warning(start: int, end: int) -> engine.Firing:
    labels = {"severity": "warning", "audience": "security"}
    return engine.Firing("NotAIBotShareRaised", labels, start, end, 9.0)


def test_days_of_a_benign_event_are_told_from_those_of_chance_alone() -> None:
    term = make(3, size=100, days=8, attacks=False)
    term.benign = [("class", 2 * DAY + HOUR, 2 * DAY + 2 * HOUR)]
    tally = judge.Tally()

    tally.add(term, [warning(2 * DAY + HOUR, 2 * DAY + 3 * HOUR), warning(5 * DAY, 5 * DAY + 9)])

    assert tally.benign_days == [True, False]  # the day of the class, and the day after
    assert tally.calm_days == [False, False, True, False]
    rows = judge.table(tally)
    assert rows["days without attack and without benign event that have one"].startswith("25.0 %")
    assert rows["days of a benign event, without attack, that have one"].startswith("50.0 %")


def test_a_slow_term_tells_of_low_and_slow_attacks_and_changes_nothing_else() -> None:
    term, attack = slow_attack([1] * 6 * DAY, 0.2)
    term.slow = True
    term.attacks = [replace(attack, bots=2 * DAY)]
    tally = judge.Tally()

    tally.add(term, [warning(DAY + 5 * HOUR, 2 * DAY)])

    rows = judge.table(tally)
    assert rows[judge.LOW_AND_SLOW].startswith("100.0 %")
    assert judge.possible(tally)[judge.LOW_AND_SLOW].startswith("100.0 %")
    assert (tally.attacks, tally.months, tally.false["warning"]) == ([], {}, [])


def test_what_the_engine_found_is_not_asked_for_again_until_rules_or_scrapes_change(
    tmp_path: Path,
) -> None:
    log, program, rules = tmp_path / "log", tmp_path / "engine", tmp_path / "rules.yaml"
    fired = {"alert": "A", "labels": {}, "start": 0, "end": 60_000, "value": 2}
    answer = json.dumps({"firings": [fired], "series": []})
    program.write_text(f"#!/bin/sh\necho run >> {log}\necho '{answer}'\n")
    program.chmod(0o755)
    rules.write_text("groups: []\n")
    scrapes = exporter.expose(3, make(3, size=100, days=2, attacks=False), 0)

    def run() -> list[engine.Firing]:
        return engine.evaluate_once(scrapes, [rules], tmp_path / "cache", program=program)

    assert run() == run() == [engine.Firing("A", {}, 0, 1, 2)]
    assert log.read_text().count("run") == 1
    rules.write_text("groups: [ ]\n")
    run()
    scrapes.series[0][1][5] += 1
    run()
    assert log.read_text().count("run") == 3
