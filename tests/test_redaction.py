from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.redaction import Redactor


@given(st.text(min_size=8, max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_a_registered_value_never_comes_out(secret: str, before: str, after: str) -> None:
    redactor = Redactor()
    redactor.add(secret)

    assert secret not in redactor.text(before + secret + after).replace("[redacted]", "\0")


@pytest.mark.parametrize(
    "secret", ['quo"ted\\secret', "sla/sh+secret=", "tab\tsecret", "schlüssel"]
)
def test_a_secret_is_found_in_its_escaped_spellings(secret: str) -> None:
    redactor = Redactor()
    redactor.add(secret)

    for text in (json.dumps(secret), repr(secret), quote(secret, safe="")):
        assert "[redacted]" in redactor.text(text)
        assert len(redactor.text(text)) <= len("'[redacted]'")


def test_short_strings_are_never_registered() -> None:
    redactor = Redactor()
    redactor.add("prod")
    redactor.add("")

    assert redactor.text("prod is up") == "prod is up"


def test_a_secret_inside_another_goes_with_it() -> None:
    redactor = Redactor()
    redactor.add("12345678")
    redactor.add("0012345678900")
    redactor.add("12345678")

    assert redactor.text("0012345678900 12345678") == "[redacted] [redacted]"


def test_what_looks_like_a_key_is_redacted_unregistered() -> None:
    redactor = Redactor()

    assert redactor.text("key=aik_v1_" + "x" * 40 + ".") == "key=[redacted]."
    assert redactor.text("aik_v1_12345678") == "[redacted]"
    assert redactor.text("aik_v1_… and 40 characters") == "aik_v1_… and 40 characters"


def test_urls_lose_their_user_and_their_query() -> None:
    redactor = Redactor()

    assert (
        redactor.text("GET 'https://user:pw@api.example/v1/sessions?cursor=abc&x=1' failed")
        == "GET 'https://[redacted]@api.example/v1/sessions?[redacted]' failed"
    )
    assert redactor.text("see https://api.example/docs") == "see https://api.example/docs"


def test_many_secrets_are_registered_without_a_pattern_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    redactor = Redactor()
    keys = [f"aik_v1_{number:040d}" for number in range(1000)]
    with monkeypatch.context() as patched:
        # A pattern that is compiled at each key takes a minute for a thousand of them.
        patched.setattr("exporter.redaction.re.compile", None)
        for key in keys:
            redactor.add(key)

    assert redactor.text(f"{keys[0]} and {keys[999]}") == "[redacted] and [redacted]"
