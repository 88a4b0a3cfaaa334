"""Flattening an unknown JSON: only numbers, only safe names, whatever comes."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.errors import InvalidResponseError
from exporter.api.schema.stats import read_stats

KEYS = st.one_of(
    st.text(max_size=50),
    st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,45}", fullmatch=True),
    st.sampled_from(["data", "a", "aB", "A", "b", "bots"]),
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just(10**400)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=15,
)


@given(st.dictionaries(KEYS, JSON, max_size=8))
def test_any_object_gives_finite_numbers_under_safe_names(data: dict[str, object]) -> None:
    stats = read_stats({"data": data})
    for name, value in stats.values.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert len(name) <= 3 * 80
        assert type(value) is float
        assert math.isfinite(value)
    assert not stats.ambiguous & set(stats.values)


@given(JSON)
def test_any_json_without_an_object_is_an_invalid_response(body: object) -> None:
    refused = False
    try:
        read_stats(body)
    except InvalidResponseError:
        refused = True
    whole = isinstance(body, dict)
    hollow = isinstance(body, dict) and list(body) == ["data"] and type(body["data"]) is not dict
    assert refused == (not whole or hollow)


@given(st.dictionaries(KEYS, JSON, min_size=2, max_size=8))
def test_the_envelope_changes_nothing(data: dict[str, object]) -> None:
    bare = {key: value for key, value in data.items() if key != "data"}
    assert read_stats(bare) == read_stats({"data": bare})


@given(st.dictionaries(KEYS, JSON, max_size=8), st.dictionaries(KEYS, JSON, max_size=8))
def test_what_is_added_beside_data_renames_nothing(
    data: dict[str, object], beside: dict[str, object]
) -> None:
    assert read_stats(beside | {"data": data}) == read_stats({"data": data})


@pytest.mark.parametrize(
    ("data", "values"),
    [
        ({"a": {"b": {"c": 1}}}, {"a_b_c": 1}),
        ({"a": {"b": {"c": {"d": 1}}}}, {}),
        ({"a": True, "b": "1", "c": None, "d": [1], "e": [{"f": 1}]}, {}),
        ({"a": math.nan, "b": math.inf, "c": -math.inf, "d": 10**400, "e": -(10**400)}, {}),
        ({"a": -5, "b": 1e308, "c": 2**63, "d": 10**305}, {"a": -5, "c": 2.0**63}),
        ({"alice smith": 1, "a_b": 1, "a.b": 1, "": 1, "9a": 1, "é": 1, "a\n": 1}, {}),
        ({"alice smith": {"a": 1}}, {}),
        ({"x" * 40: 1, "y" * 41: 1}, {"x" * 40: 1}),
        (
            {"APICalls": 1, "p95": 2, "botScoreP95": 3},
            {"api_calls": 1, "p95": 2, "bot_score_p95": 3},
        ),
        ({"data": {"a": 1}, "b": 2}, {"data_a": 1, "b": 2}),
        ({"data": {"a": 1}}, {"data_a": 1}),
    ],
)
def test_numbers_by_path(data: object, values: dict[str, float]) -> None:
    assert read_stats({"data": data}).values == values


@pytest.mark.parametrize(
    "data",
    [
        {"botScore": 1, "bot": {"score": 1}},
        {"bot": {"score": 1}, "botScore": 1, "BotScore": 1},
        {"a": {"bC": 1, "b": {"c": 1}}, "botScore": 1, "bot": {"score": 2}},
    ],
)
def test_names_of_two_paths_are_ambiguous_even_where_the_values_agree(data: object) -> None:
    stats = read_stats({"data": data})
    assert "bot_score" in stats.ambiguous
    assert stats.values == {}


def test_a_path_without_a_number_makes_nothing_ambiguous() -> None:
    stats = read_stats({"data": {"botScore": 1, "bot": {"score": "2"}}})
    assert stats.values == {"bot_score": 1}
    assert stats.ambiguous == frozenset()
