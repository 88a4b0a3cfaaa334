"""The one retry policy, and Retry-After in both of its forms."""

import random

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.retry import LONGEST_PAUSE_SECONDS, RetryPolicy, retry_after

DATE = "Wed, 10 Jun 2026 12:00:00 GMT"


def headers(after: str, date: str | None = DATE) -> httpx.Headers:
    pairs = [(b"Retry-After", after.encode("latin-1", "replace"))]
    if date is not None:
        pairs.append((b"Date", date.encode("latin-1", "replace")))
    return httpx.Headers(pairs)


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("3600", 3600.0),
        ("3601", 3600.0),
        ("9" * 500, 3600.0),
        ("Wed, 10 Jun 2026 12:00:30 GMT", 30.0),
        ("Wednesday, 10-Jun-26 12:00:30 GMT", 30.0),
        ("Wed Jun 10 12:00:30 2026", 30.0),
        ("Wed, 10 Jun 2026 11:59:00 GMT", 0.0),
        ("Wed, 10 Jun 2026 23:00:00 GMT", 3600.0),
    ],
)
def test_both_forms_are_obeyed_up_to_an_hour(after: str, seconds: float) -> None:
    assert retry_after(headers(after)) == seconds


@pytest.mark.parametrize("minutes", [-90, 0, 90])
def test_a_date_is_measured_against_the_same_answers_date(minutes: int) -> None:
    hour, minute = divmod(12 * 60 + minutes, 60)
    date = f"Wed, 10 Jun 2026 {hour:02}:{minute:02}:00 GMT"
    until = f"Wed, 10 Jun 2026 {hour:02}:{minute:02}:45 GMT"

    assert retry_after(headers(until, date)) == 45.0


@pytest.mark.parametrize(
    "after", ["", "-5", "1.5", "soon", "1e3", "\u00b2", "12:00", "Wed, 99 Jun 2026 12:00:30 GMT"]
)
def test_garbage_counts_as_none(after: str) -> None:
    assert retry_after(headers(after)) is None


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_a_date_without_one_to_measure_it_against_counts_as_none(date: str | None) -> None:
    assert retry_after(headers("Wed, 10 Jun 2026 12:00:30 GMT", date)) is None


@given(st.text(), st.text())
def test_whatever_the_headers_hold_a_pause_is_none_or_within_the_hour(
    after: str, date: str
) -> None:
    pause = retry_after({"retry-after": after, "date": date})

    assert pause is None or 0.0 <= pause <= LONGEST_PAUSE_SECONDS


@given(st.integers(0, 200), st.integers())
def test_the_back_off_is_drawn_from_the_whole_of_a_growing_range(retry: int, seed: int) -> None:
    policy = RetryPolicy(random.Random(seed).random)  # noqa: S311 - jitter, not a secret

    assert 0.0 <= policy.backoff(retry) <= min(30.0, 2.0**retry)


def test_the_jitter_is_full() -> None:
    assert RetryPolicy(lambda: 0.0).backoff(3) == 0.0
    assert RetryPolicy(lambda: 0.5).backoff(3) == 4.0
    assert RetryPolicy(lambda: 0.999).backoff(3) == pytest.approx(8.0, rel=0.01)


def test_only_what_may_turn_out_better_is_asked_again() -> None:
    retryable = {status for status in range(100, 1000) if RetryPolicy.retryable(status)}

    assert retryable == {429, *range(500, 600)}
