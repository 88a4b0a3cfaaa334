"""Sessions of the list: whatever JSON comes, an item is a session or an invalid one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.schema.flags import is_label
from exporter.api.schema.session import (
    MOST_FLAGS,
    InvalidSession,
    Session,
    decode_session,
    is_under_way,
)

CREATED = "2026-06-10T12:00:00.0000000+00:00"
NOON = 1_781_092_800_000_000
WHOLE: dict[str, object] = {
    "id": "s-1",
    "createdAt": CREATED,
    "updatedAt": "2026-06-10T12:00:01.5000000+00:00",
    "status": "closed",
    "botScore": 0.7,
    "detectionFlags": ["webdriver", "paste"],
    "pageUrl": "https://lms.example/courses/7",
    "userAgentSummary": "Chrome on Windows",
    "userId": "u-1",
    "userName": "Someone",
    "userUrl": "https://lms.example/users/1",
}

NUMBERS = st.one_of(st.integers(), st.floats(), st.just(10**400), st.booleans())
TEXTS = st.one_of(st.text(), st.just(CREATED), st.just("\ud800"))
SCALARS = st.one_of(st.none(), NUMBERS, TEXTS)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=10,
)
FIELDS = st.sampled_from(sorted(WHOLE))
ITEMS = st.one_of(
    JSON, st.dictionaries(FIELDS, JSON), st.dictionaries(FIELDS, JSON).map(lambda it: WHOLE | it)
)


@given(ITEMS)
def test_no_json_makes_decoding_fail(item: object) -> None:
    decoded = decode_session(item)

    if isinstance(decoded, Session):
        assert decoded.id
        assert isinstance(decoded.created, int)
        assert decoded.score is None or isinstance(decoded.score, float)
        assert all(isinstance(flag, str) for flag in decoded.flags)
        hash(decoded)
    else:
        assert isinstance(decoded, InvalidSession)
        assert decoded.field == "item" or decoded.field in WHOLE


def test_a_whole_item_keeps_what_is_counted_and_nothing_personal() -> None:
    decoded = decode_session(WHOLE)

    assert decoded == Session("s-1", NOON, NOON + 1_500_000, "closed", 0.7, ("webdriver", "paste"))
    for personal in ("Someone", "u-1", "lms.example", "Chrome"):
        assert personal not in repr(decoded)


@pytest.mark.parametrize("name", sorted(WHOLE.keys() - {"id", "createdAt"}))
def test_every_field_but_id_and_created_at_can_be_null_or_absent(name: str) -> None:
    absent = {key: value for key, value in WHOLE.items() if key != name}

    assert isinstance(decode_session(WHOLE | {name: None}), Session)
    assert decode_session(absent) == decode_session(WHOLE | {name: None})


def test_fields_that_come_new_are_ignored() -> None:
    assert decode_session(WHOLE | {"verdict": {"deep": [1]}}) == decode_session(WHOLE)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("id", None),
        ("id", ""),
        ("id", 7),
        ("id", "x" * 4097),
        ("createdAt", None),
        ("createdAt", 1_781_092_800),
        ("createdAt", "2026-06-10"),
        ("updatedAt", "yesterday"),
        ("updatedAt", 5),
        ("status", 1),
        ("botScore", "0.9"),
        ("botScore", True),
        ("botScore", [0.9]),
        ("detectionFlags", "webdriver"),
        ("detectionFlags", [None]),
        ("detectionFlags", {"webdriver": 1}),
        ("detectionFlags", {}),
        ("detectionFlags", ""),
        ("detectionFlags", 0),
    ],
)
def test_a_field_of_a_wrong_type_makes_the_whole_item_invalid(name: str, wrong: Any) -> None:
    decoded = decode_session(WHOLE | {name: wrong})

    assert isinstance(decoded, InvalidSession)
    assert decoded.field == name
    assert decoded.id == (None if name == "id" else "s-1")
    assert decoded.created == (None if name == "createdAt" else NOON)


@given(st.floats(0, 1))
def test_a_score_from_0_to_1_is_read_as_it_is(score: float) -> None:
    decoded = decode_session(json.loads(json.dumps(WHOLE | {"botScore": score})))

    assert isinstance(decoded, Session)
    assert decoded.score == score
    assert decoded.odd == ()


@pytest.mark.parametrize(
    "score", [-1, -1e-9, 1.000001, 85, 1e308, 10**400, float("inf"), float("nan")]
)
def test_a_score_out_of_range_counts_the_session_without_one(score: float) -> None:
    decoded = decode_session(WHOLE | {"botScore": score})

    assert isinstance(decoded, Session)
    assert (decoded.id, decoded.score, decoded.odd) == ("s-1", None, ("botScore",))


@pytest.mark.parametrize(("given", "read"), [(0, 0.0), (70, 0.7), (85.5, 0.855), (100, 1.0)])
def test_scores_of_another_scale_are_brought_to_ours(given: float, read: float) -> None:
    decoded = decode_session(WHOLE | {"botScore": given}, 100.0)

    assert isinstance(decoded, Session)
    assert decoded.score == read


@pytest.mark.parametrize(
    "name", ["pageUrl", "userAgentSummary", "userId", "userName", "userUrl", "new"]
)
@pytest.mark.parametrize("odd", [1.5, ["x"], {"a": {}}, True, 10**400])
def test_what_nothing_reads_costs_nothing(name: str, odd: object) -> None:
    assert decode_session(WHOLE | {name: odd}) == decode_session(WHOLE)


def test_the_flags_of_a_session_are_bounded_in_number_and_length() -> None:
    many = [f"flag {number}" for number in range(500)]
    decoded = decode_session(WHOLE | {"detectionFlags": [*many, *many]})

    assert isinstance(decoded, Session)
    assert decoded.flags == tuple(many[:MOST_FLAGS])
    assert decoded.odd == ("detectionFlags",)

    long = ["x" * 100_000, "x" * 100_000, "x" * 99_999]
    decoded = decode_session(WHOLE | {"detectionFlags": long})
    assert isinstance(decoded, Session)
    assert len(decoded.flags) == 2
    assert all(len(flag) < 64 and not is_label(flag) for flag in decoded.flags)


@pytest.mark.parametrize("identity", [7, "", 0, 7.5, None, [1], "x" * 5000])
def test_an_invalid_item_keeps_its_key_while_its_other_fields_change(identity: object) -> None:
    def key(**fields: object) -> str:
        decoded = decode_session(WHOLE | {"id": identity} | fields)
        assert isinstance(decoded, InvalidSession)
        return decoded.key

    assert key() == key(status="active", botScore=0.9, updatedAt=CREATED)
    assert key() != key(createdAt="2026-06-10T13:00:00Z")


def test_invalid_items_of_other_ids_are_told_apart() -> None:
    items = [{"id": 7}, {"id": 8}, {"id": ""}, {"id": 7, "createdAt": CREATED}, 7, [7], None, {}]
    decoded = [decode_session(item) for item in items]
    keys = {one.key for one in decoded if isinstance(one, InvalidSession)}

    assert len(keys) == len(items)


@pytest.mark.parametrize(
    "status", ["active", "Active", "ACTIVE", "open", "in_progress", "In Progress", "inProgress"]
)
def test_words_for_a_session_that_goes_on(status: str) -> None:
    assert is_under_way(status)


@pytest.mark.parametrize("status", ["closed", "inactive", "ended", "completed", "", "reopened?"])
def test_words_for_a_session_that_does_not(status: str) -> None:
    assert not is_under_way(status)
