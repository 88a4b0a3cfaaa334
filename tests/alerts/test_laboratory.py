"""The laboratory: how soon a wave could be told, late scores, the table in a document."""

import math
from itertools import pairwise

import pytest

from benchmarks.alerts import __main__ as laboratory
from benchmarks.alerts import exporter, ideal
from benchmarks.alerts.term import HOUR, Attack, Term, make

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
