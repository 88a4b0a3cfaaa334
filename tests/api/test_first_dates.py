"""First Dates that are off our own clock: what stands in for the API's until they have agreed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.serverclock import ServerClock
from tests.api.test_serverclock import DAY, NOW, date


@pytest.mark.parametrize("off", [4, 700, 2000])
def test_first_dates_that_are_minutes_ahead_of_our_clock_have_to_agree_for_a_while(
    off: float,
) -> None:
    """Two in a row may come from one server, over one connection."""
    passed = 0
    clock = ServerClock(lambda: NOW + passed)

    assert clock.observe(date(NOW + off), 10.0, 10.0) is None
    for passed in range(10, 121, 10):
        sent = 10.0 + passed
        at = clock.observe(date(NOW + off + passed), sent, sent)
        assert clock.stands_in == (passed < 120)
        # Ours may be ahead of the API's by minutes, though these Dates say that it is behind.
        assert at == (NOW + passed + (off if passed == 120 else -2400)) * 1e6
        assert clock.at(sent) == (NOW + passed + (off if passed == 120 else 0)) * 1e6
        assert clock.likely(sent) == (NOW + off + passed) * 1e6


@pytest.mark.parametrize("off", [-7200, -2000, -700, -4])
def test_first_dates_that_are_behind_our_clock_stand_in_until_they_have_agreed_for_a_while(
    off: float,
) -> None:
    """They may be ahead of the API's clock by as much as those of one wrong server are."""
    passed = 0
    clock = ServerClock(lambda: NOW + passed)
    clock.witness(round((NOW + off) * 1e6), 10.0)

    assert clock.observe(date(NOW + off), 10.0, 10.0) is None
    for passed in range(10, 141, 10):
        sent = 10.0 + passed
        at = clock.observe(date(NOW + off + passed), sent, sent)
        assert clock.stands_in == (passed < 130)
        assert at == (NOW + off + passed - (0 if passed >= 130 else 2400)) * 1e6
        assert clock.at(sent) == (NOW + off + passed) * 1e6
        assert clock.likely(sent) == (NOW + off + passed) * 1e6


@pytest.mark.parametrize("off", [-900.0, -7200.0, -360_000.0])
@pytest.mark.parametrize("skew", [-100.0, -400.0])
def test_while_first_dates_stand_in_wrong_ones_between_right_ones_are_never_believed(
    skew: float, off: float
) -> None:
    """One server of three is wrong for ten minutes."""
    clock = ServerClock(lambda: NOW + monotonic)
    for number in range(60):
        monotonic = 10.0 * number
        truth = NOW + skew + monotonic
        clock.observe(date(truth + (off if number % 3 == 2 else 0)), monotonic, monotonic)

        shown = clock.at(monotonic)
        assert shown is None or shown / 1e6 == pytest.approx(truth, abs=2)


@pytest.mark.parametrize("off", [-7200, -900])
def test_two_first_dates_that_are_wrong_do_not_pass_what_the_list_shows(off: float) -> None:
    clock = ServerClock(lambda: NOW)

    for later in range(10, 60, 10):
        clock.witness(round((NOW + off + later - 3) * 1e6), float(later), created=True)
        at = clock.observe(date(NOW + off + later + 600), float(later), float(later))
        assert at is None or at <= (NOW + off + later) * 1e6
    right = clock.observe(date(NOW + off + 70), 70.0, 70.0)
    assert right is not None
    assert (NOW + off + 60) * 1e6 <= right <= (NOW + off + 70) * 1e6


@pytest.mark.parametrize("off", [700, 2000, 7200, 2 * DAY])
def test_while_first_dates_are_ahead_the_newest_session_tells_the_time(off: float) -> None:
    """A wrong one would settle sessions that are still open."""
    clock = ServerClock(lambda: NOW)

    for later in (10.0, 20.0, 30.0):
        clock.witness(round((NOW + off - 600 + later) * 1e6), later, created=True)
        at = clock.observe(date(NOW + off + later), later, later)

    assert at == (NOW + off - 600 + 30) * 1e6
    assert clock.stands_in
    assert clock.observe(date(NOW + off - 600 + 40), 40.0, 40.0) == (NOW + off - 600 + 40) * 1e6
    assert not clock.stands_in


@given(
    st.floats(-2300, 2300),
    st.lists(st.tuples(st.floats(0, 30), st.sampled_from([0, 0, -600, 600, 3600]), st.booleans())),
)
def test_while_our_own_clock_stands_in_no_reading_is_later_than_it_was(
    ahead: float, answers: list[tuple[float, int, bool]]
) -> None:
    """Else sessions that are still open would be settled by a clock of ours that is ahead."""
    passed = 0.0
    clock = ServerClock(lambda: NOW + ahead + passed)

    for pause, wrong, lists in answers:
        passed += pause
        at = clock.observe(date(NOW + passed + wrong), passed, passed)
        assert at is None or not clock.stands_in or at <= (NOW + passed) * 1e6
        if lists:
            clock.witness(round((NOW + passed - 5) * 1e6), passed, created=True)


def test_what_health_says_does_not_stand_in_for_the_clock() -> None:
    """The server whose Date is wrong may well say so there."""
    clock = ServerClock(lambda: NOW)

    clock.witness(round((NOW + 700) * 1e6), 10.0)
    clock.observe(date(NOW + 700), 10.0, 10.0)
    clock.observe(date(NOW + 700), 10.0, 10.0)

    assert clock.at(10.0) == NOW * 1e6


HOURS = [-400 * DAY, -2 * DAY, -7200, 7200, 2 * DAY, 400 * DAY]


@pytest.mark.parametrize("off", HOURS)
def test_first_dates_that_are_hours_off_are_believed_once_something_else_agrees(
    off: float,
) -> None:
    """A session of late, or what /health says: then it is our clock that is wrong."""
    clock = ServerClock(lambda: NOW)

    clock.observe(date(NOW + off), 10.0, 10.0)
    clock.observe(date(NOW + off + 10), 20.0, 20.0)
    assert clock.at(20.0) is None
    clock.witness(round((NOW + off + 15) * 1e6), 25.0)
    clock.observe(date(NOW + off + 20), 30.0, 30.0)

    assert clock.at(30.0) == (NOW + off + 20) * 1e6


@pytest.mark.parametrize("off", HOURS)
def test_first_dates_that_are_hours_off_are_not_where_sessions_agree_with_our_clock(
    off: float,
) -> None:
    clock = ServerClock(lambda: NOW)

    clock.observe(date(NOW + off), 10.0, 10.0)
    clock.witness(round((NOW - 5) * 1e6), 10.0)
    clock.observe(date(NOW + off + 10), 20.0, 20.0)

    assert clock.at(20.0) == NOW * 1e6


def test_a_first_date_that_nothing_confirms_is_forgotten() -> None:
    clock = ServerClock(lambda: NOW)

    clock.observe(date(NOW + 400 * DAY), 10.0, 10.0)
    clock.observe(date(NOW), 10.0, 10.0)

    assert clock.at(20.0) == (NOW + 10) * 1e6


def test_where_no_two_first_dates_agree_our_own_clock_stands_in() -> None:
    clock = ServerClock(lambda: NOW)

    for place, off in enumerate((600, 700, 800, 900)):
        assert clock.at(10.0) is None
        clock.observe(date(NOW + off + place), 10.0 + place, 10.0 + place)

    assert clock.at(13.0) == NOW * 1e6
