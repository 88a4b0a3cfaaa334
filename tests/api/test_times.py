"""Times as the API writes them: read without loss, written as the API reads them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.times import format_time, parse_time

NOON = 1_781_092_800_000_000


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2026-06-10T12:00:00.0000000+00:00", NOON),
        ("2026-06-10T12:00:00.1234567+00:00", NOON + 123_456),
        ("2026-06-10T12:00:00.9999999Z", NOON + 999_999),
        ("2026-06-10T12:00:00.5Z", NOON + 500_000),
        ("2026-06-10T12:00:00Z", NOON),
        ("2026-06-10T12:00:00", NOON),
        ("2026-06-10 12:00:00", NOON),
        ("2026-06-10T14:00:00.0000001+02:00", NOON),
        ("2026-06-10T06:30:00-05:30", NOON),
        ("1969-12-31T23:59:59.9999999Z", -1),
    ],
)
def test_fractions_and_zones_of_any_usual_form_are_read(text: str, micros: int) -> None:
    assert parse_time(text) == micros


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-06-10", "20260610", "1781092800", "2026-13-10T12:00:00Z", "\ud800T"]
)
def test_what_is_not_a_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)


ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=ZONES))
def test_every_moment_survives_the_way_there_and_back(moment: datetime) -> None:
    micros = parse_time(moment.isoformat())

    assert micros == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    whole, zone = moment.isoformat(timespec="microseconds").rsplit(moment.strftime(".%f"), 1)
    assert parse_time(f"{whole}{moment.strftime('.%f')}9{zone}") == micros


@given(st.integers(NOON - 10**15, NOON + 10**15))
def test_a_written_time_is_the_same_second(micros: int) -> None:
    assert parse_time(format_time(micros)) == micros // 1_000_000 * 1_000_000


def test_a_time_is_written_without_fraction_and_with_z() -> None:
    assert format_time(NOON + 999_999) == "2026-06-10T12:00:00Z"


@given(st.one_of(st.text(), st.text(alphabet="0123456789-:TtZ+. W,", max_size=40)))
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    try:
        micros = parse_time(text)
    except ValueError:
        return
    assert isinstance(micros, int)


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("0001-01-01T00:00:00+14:00", "1-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.9999999Z", "9998-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59-14:00", "9998-01-01T00:00:00Z"),
    ],
)
def test_the_ends_of_the_calendar_are_times_with_which_one_can_reckon(text: str, year: str) -> None:
    assert format_time(parse_time(text)) == year
