from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.settings import format_duration, parse_duration

LONGEST_MS = (2**63 - 1) // 1_000_000


@given(st.integers(min_value=0, max_value=2**43))
def test_what_is_formatted_parses_to_the_same_duration(milliseconds: int) -> None:
    seconds = milliseconds / 1000

    assert parse_duration(format_duration(seconds)) == seconds


@given(st.text(alphabet="0123456789ywdhms .-+", max_size=12))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert seconds >= 0
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("0s", 0.0),
        ("250ms", 0.25),
        ("30s", 30.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("7d", 604800.0),
        ("1w", 604800.0),
        ("1y", 31536000.0),
        ("1y1w1d1h1m1s1ms", 31536000.0 + 604800 + 86400 + 3600 + 60 + 1.001),
        ("90m", 5400.0),
    ],
)
def test_durations_are_read_as_prometheus_reads_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, abs=1e-9)


@pytest.mark.parametrize("text", ["", " ", "5 m", "-5m", "5m1h", "5m5m", "1.5h", "5M", "m", "٥m"])
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 250ms, 30s, 5m or 1h30m"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["30", "1", "00", "2.5"])
def test_a_bare_number_is_asked_for_its_unit(text: str) -> None:
    with pytest.raises(ValueError, match="needs a unit"):
        parse_duration(text)


def test_a_duration_beyond_what_prometheus_can_hold_is_refused() -> None:
    assert parse_duration(f"{LONGEST_MS}ms") > 0
    with pytest.raises(ValueError, match="too long"):
        parse_duration(f"{LONGEST_MS + 1}ms")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (60, "1m"),
        (900, "15m"),
        (86400, "1d"),
        (604800, "1w"),
        (691200, "8d"),
        (0.25, "250ms"),
    ],
)
def test_the_shortest_spelling_is_written(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize("seconds", [-1.0, 0.0001])
def test_what_has_no_spelling_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="whole, positive number of milliseconds"):
        format_duration(seconds)
