"""The body: what is read of one is what json reads, whichever of the two decoders reads it."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.api import body
from exporter.api.errors import UnreadableBodyError

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
BODIES = (
    VALUES.map(lambda value: json.dumps(value).encode())
    | VALUES.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    | st.text('[]{}",:.+-0123456789eEnultrfasNI\\/ \n\x00\ufeffé').map(str.encode)
    | st.binary()
)


def by_json(text: bytes) -> object:
    """What json makes of it; UnreadableBodyError where it is none."""

    def refuse(name: str) -> float:
        raise ValueError(name)

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return UnreadableBodyError


def by_body(text: bytes) -> object:
    try:
        return body.decode(text, body.LIST)
    except UnreadableBodyError:
        return UnreadableBodyError


@given(BODIES)
@example(b"1e400")
@example(b"-0")
@example(b"-0.0")
@example(b"18446744073709551616")
@example(b"1" * 400)
@example(b"9" * 5000)
@example(b"[NaN]")
@example(b"-Infinity")
@example(b'"\\ud800"')
@example(b'"\\ud83d\\ude00"')
@example(b"\xef\xbb\xbf{}")
@example('{"a": 1}'.encode("utf-16"))
@example(b'{"a": 1, "a": 2}')
@example(b'"\xff"')
def test_what_is_read_is_what_json_reads(text: bytes) -> None:
    # By its repr, which tells 1 from 1.0 and 0 from -0.
    assert repr(by_body(text)) == repr(by_json(text))


@pytest.mark.parametrize("deep", [b"[" * 100_000, b"[" * 20_000 + b"]" * 20_000])
def test_what_is_nested_too_deep_is_unreadable(deep: bytes) -> None:
    with pytest.raises(UnreadableBodyError):
        body.decode(deep, body.Bounds(10**6, 10**6))


def test_one_number_out_of_range_does_not_cost_the_page() -> None:
    page = b'{"data": [{"id": "a", "botScore": 1e400}, {"id": "b", "botScore": 0.5}]}'

    decoded = body.decode(page, body.LIST)

    assert isinstance(decoded, dict)
    assert [item["id"] for item in decoded["data"]] == ["a", "b"]
    assert decoded["data"][1]["botScore"] == 0.5
