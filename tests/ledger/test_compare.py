"""Comparing list and ledger: what is missing, doubled, late or settled otherwise is told apart."""

from typing import Any

from exporter.api.schema.session import Session
from exporter.api.times import MINUTE
from exporter.ledger.compare import Comparison
from exporter.ledger.rules import Known, Rules

RULES = Rules(overlap=2 * MINUTE, settle_after=15 * MINUTE, threshold=0.7)
HORIZON = 100 * MINUTE


def session(name: str, minute: float, score: float | None = 0.5, **fields: Any) -> Session:
    created = round(minute * MINUTE)
    given: dict[str, Any] = {"updated": created + MINUTE, "status": "closed", **fields}
    return Session(name, created, score=score, **given)


def known(minute: float, score: float | None = 0.5, *, settled: bool = True) -> Known:
    return Known(round(minute * MINUTE), settled=settled, score=score)


def compared(sessions: list[Session], ledger: dict[str, Known]) -> Comparison:
    found = Comparison()
    found.add(sessions, ledger, HORIZON, RULES)
    return found


def test_each_that_is_known_is_counted_and_the_other_is_missing() -> None:
    found = compared([session("a", 101), session("b", 102)], {"a": known(101)})

    assert (found.listed, found.counted, found.missing) == (2, 1, {"b": 102 * MINUTE})
    assert not found.agrees


def test_one_that_became_known_meanwhile_is_late_and_not_missing() -> None:
    found = compared([session("a", 101)], {})
    found.recheck({"a": known(101)})
    found.finish({101: 1}, {101: 1}, (101, 102))

    assert (found.counted, found.late, found.missing) == (1, 1, {})
    assert found.agrees


def test_a_minute_with_more_counts_than_ids_was_counted_double() -> None:
    found = compared([session("a", 101), session("b", 102)], {"a": known(101), "b": known(102)})
    found.finish({101: 2, 102: 1}, {101: 1, 102: 1}, (100, 103))

    assert found.doubled == 1
    assert not found.agrees


def test_where_ids_are_forgotten_the_numbers_of_each_minute_are_compared() -> None:
    sessions = [session(f"a{n}", 50) for n in range(5)] + [session("b", 51), session("c", 52)]
    found = compared(sessions, {})
    found.finish({50: 5, 51: 0, 52: 3}, {}, (50, 53))

    assert found.missing == {}
    assert (found.counted, found.uncounted, found.surplus) == (6, 1, 2)


def test_a_minute_that_was_partly_compared_by_id_counts_nothing_twice() -> None:
    # The horizon passed the minute between two parts of the list.
    found = Comparison()
    found.add([session("a", 100.1), session("b", 100.2)], {"a": known(100.1)}, HORIZON, RULES)
    found.add([session("c", 100.6)], {}, HORIZON + MINUTE, RULES)
    found.finish({100: 2}, {}, (100, 101))

    assert list(found.missing) == ["b"]
    assert (found.uncounted, found.surplus) == (0, 0)


def test_another_score_is_a_fault_only_where_the_session_did_not_change_since() -> None:
    ledger = {name: known(101, 0.2) for name in "abcd"} | {"e": known(101, 0.2, settled=False)}
    found = compared(
        [
            session("a", 101, 0.9),
            session("b", 101, 0.9, updated=101 * MINUTE + RULES.settle_after),
            session("c", 101, 0.9, status="active"),
            session("d", 101, 0.9, updated=None),
            session("e", 101, 0.9),
        ],
        ledger,
    )

    assert (found.differs, found.changed) == (1, 3)
    assert not found.agrees


def test_a_score_that_either_does_not_know_is_not_compared() -> None:
    found = compared(
        [session("a", 101, None), session("b", 101, 0.4)],
        {"a": known(101, 0.2), "b": known(101, None)},
    )

    assert found.agrees
