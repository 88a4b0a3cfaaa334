"""Sessions of the list: whatever JSON comes, an item is a session or an invalid one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.schema.session import InvalidSession, Session, decode_session

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
        ("createdAt", None),
        ("createdAt", 1_781_092_800),
        ("createdAt", "2026-06-10"),
        ("updatedAt", "yesterday"),
        ("updatedAt", 5),
        ("status", 1),
        ("botScore", "0.9"),
        ("botScore", True),
        ("botScore", float("inf")),
        ("botScore", float("nan")),
        ("botScore", 10**400),
        ("detectionFlags", "webdriver"),
        ("detectionFlags", [None]),
        ("detectionFlags", {"webdriver": 1}),
        *((name, ["x"]) for name in ("pageUrl", "userAgentSummary", "userId", "userName")),
        ("userUrl", 1.5),
    ],
)
def test_a_field_of_a_wrong_type_makes_the_whole_item_invalid(name: str, wrong: Any) -> None:
    decoded = decode_session(WHOLE | {name: wrong})

    assert isinstance(decoded, InvalidSession)
    assert decoded.field == name
    assert decoded.id == (None if name == "id" else "s-1")
    assert decoded.created == (None if name == "createdAt" else NOON)


@given(st.floats(0, allow_nan=False, allow_infinity=False) | st.integers(0, 2**63))
def test_any_finite_score_from_nought_on_is_read_as_it_is(score: float) -> None:
    decoded = decode_session(json.loads(json.dumps(WHOLE | {"botScore": score})))

    assert isinstance(decoded, Session)
    assert decoded.score == float(score)
