"""Rows of usage, in any spelling of their metric and any form of their period."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.errors import InvalidResponseError
from exporter.api.schema.usage import KNOWN, Consumption, metric_name, read_usage

ZERO = dict.fromkeys(KNOWN, 0)


FIRST, LAST = date(2026, 6, 1), date(2026, 6, 10)


def read(answer: object) -> Consumption:
    return read_usage(answer, FIRST, LAST)


def row(metric: object, value: object, period: object = "2026-06-10") -> dict[str, object]:
    return {"period": period, "metricType": metric, "value": value}


def body(*rows: object) -> dict[str, Any]:
    return {"startDate": "x", "endDate": "y", "data": list(rows), "totals": {"alice": 1}}


@pytest.mark.parametrize(
    ("metric_type", "name"),
    [
        ("ApiCalls", "api_calls"),
        ("apicalls", "api_calls"),
        ("API_CALLS", "api_calls"),
        ("api-calls", "api_calls"),
        ("Api Calls", "api_calls"),
        ("Events", "events"),
        ("SESSIONS", "sessions"),
        ("bot_analyses", "bot_analyses"),
        ("storageBytes", "storage_bytes"),
        ("DataExports", "data_exports"),
        ("data_exports", "data_exports"),
        ("Other", "other"),
        ("alice@example.edu", "other"),
        ("Data Exports", "other"),
        ("", "other"),
        ("9lives", "other"),
        ("é", "other"),
        ("x" * 40, "x" * 40),
        ("x" * 41, "other"),
    ],
)
def test_metric_types_are_known_in_any_spelling_and_else_bounded(
    metric_type: str, name: str
) -> None:
    assert metric_name(metric_type) == name


def test_rows_of_one_metric_add_up_and_known_metrics_start_at_0() -> None:
    found = read(body(row("Events", 2), row("events", 3), row("Exports", 1)))
    assert found.sums == ZERO | {"events": 5, "exports": 1}
    assert (found.storage, found.invalid_items) == (None, 0)


@pytest.mark.parametrize(
    ("rows", "storage"),
    [
        ([row("StorageBytes", 7)], 7),
        ([row("StorageBytes", 7, "2026-06-02"), row("StorageBytes", 5, "2026-06-01")], 7),
        ([row("StorageBytes", 5, "2026-06-01"), row("StorageBytes", 7, "2026-06-02")], 7),
        ([row("StorageBytes", 7), row("StorageBytes", 5)], 5),
        ([row("StorageBytes", 5, None), row("StorageBytes", 7, "2026-06-02")], 7),
        ([row("StorageBytes", 5, None), row("StorageBytes", 7, None)], 7),
        ([row("StorageBytes", 0)], 0),
        ([row("StorageBytes", -1)], None),
    ],
)
def test_storage_is_the_newest_row_and_never_a_sum(rows: list[object], storage: int | None) -> None:
    found = read(body(*rows))
    assert found.storage == storage
    assert found.sums == ZERO


@pytest.mark.parametrize(
    "bad",
    [
        None,
        5,
        [],
        {},
        row("Exports", None),
        row("Exports", True),
        row("Exports", 1.5),
        row("Exports", "1"),
        row("Exports", -1),
        row("Exports", 2**63),
        row(None, 1),
        row(["alice"], 1),
        row("Exports", 1, 20260610),
    ],
)
def test_a_bad_row_costs_itself(bad: object) -> None:
    found = read(body(bad, row("Events", 2)))
    assert found.sums == ZERO | {"events": 2}
    assert found.invalid_items == 1


def test_a_known_metric_with_only_bad_rows_is_missing_and_not_0() -> None:
    found = read(body(row("Events", "many"), row("Sessions", "few"), row("Sessions", 4)))
    assert found.sums == {"api_calls": 0, "bot_analyses": 0, "sessions": 4}
    assert found.invalid_items == 2


@pytest.mark.parametrize(
    "answer",
    [[], 5, "alice", {}, {"data": {"alice": 1}}, {"data": "alice"}],
)
def test_an_answer_without_a_list_of_rows_is_invalid(answer: object) -> None:
    with pytest.raises(
        InvalidResponseError, match=r"^usage: (data|the object) is not valid"
    ) as caught:
        read(answer)
    assert "alice" not in str(caught.value)


@pytest.mark.parametrize("answer", [None, {"data": None}, {"data": []}])
def test_no_content_and_null_are_no_rows(answer: object) -> None:
    assert read(answer) == Consumption(ZERO, None, 0)


@pytest.mark.parametrize(
    "period",
    ["2026-05-31", "2026-06-11", "2026-06-11T00:00:00Z", "2026-05-31T00:00:00.0000000+00:00"],
)
def test_a_row_of_a_day_that_was_not_asked_for_is_not_counted(period: str) -> None:
    found = read(body(row("Events", 5, period), row("StorageBytes", 7, period), row("Events", 2)))
    assert found.sums == ZERO | {"events": 2}
    assert (found.storage, found.invalid_items, found.outside) == (None, 0, 2)


@pytest.mark.parametrize(
    "period",
    ["2026-06-01", "2026-06-10T00:00:00Z", "2026-06", "2026-05-31T22:00:00Z", "today", "", None],
)
def test_a_period_in_the_days_or_that_is_not_a_day_is_counted(period: str | None) -> None:
    found = read(body(row("Events", 5, period)))
    assert (found.sums, found.outside) == (ZERO | {"events": 5}, 0)


def test_more_rows_than_there_can_be_are_no_answer() -> None:
    with pytest.raises(InvalidResponseError, match="more than 1000 rows"):
        read(body(*([row("Events", 1)] * 1001)))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
ROWS = SCALARS | st.fixed_dictionaries(
    {}, optional={"period": SCALARS, "metricType": SCALARS, "value": SCALARS}
)


@given(st.lists(ROWS, max_size=8))
def test_any_rows_give_counts_under_safe_names(rows: list[object]) -> None:
    found = read(body(*rows))
    assert found.invalid_items <= len(rows)
    for name, value in found.sums.items():
        assert name.isascii()
        assert name.replace("_", "").isalnum()
        assert len(name) <= 40
        assert type(value) is int
        assert value >= 0
