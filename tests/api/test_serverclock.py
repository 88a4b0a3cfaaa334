"""The API's clock: never ahead of the truth, and not led astray by one wrong Date."""

from email.utils import formatdate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.api.serverclock import ServerClock, parse_http_date

NOW = 1_781_092_800.0
DAY = 86_400.0


def date(server: float) -> str:
    """As a server writes it at that moment: cut to the second."""
    return formatdate(int(server), usegmt=True)


READINGS = st.lists(
    # Until the request leaves, on its way, until the Date is written, and back.
    st.tuples(st.floats(0, 4000), st.floats(0, 20), st.floats(0, 5), st.floats(0, 20)),
    min_size=1,
    max_size=12,
)


@given(READINGS, st.floats(-3 * DAY, 3 * DAY), st.floats(0, 500))
def test_it_never_shows_more_than_the_apis_clock_and_little_less(
    readings: list[tuple[float, float, float, float]], skew: float, later: float
) -> None:
    clock, monotonic = ServerClock(), 500.0
    truth = NOW + skew - monotonic

    for pause, there, at_work, back in readings:
        sent = monotonic + pause
        written = sent + there + at_work
        monotonic = written + back
        clock.observe(date(truth + written), sent, monotonic)

        shown = clock.at(monotonic + later)
        true = (truth + monotonic + later) * 1e6
        assert shown is not None
        assert shown <= true + 2
        assert true - shown <= (1 + there + at_work + back) * 1e6 + 2


def test_it_shows_nothing_before_the_first_date() -> None:
    clock = ServerClock()

    for text in (None, "", "garbage", "Wed, 99 Jun 2026 12:00:00 GMT"):
        clock.observe(text, 1.0, 2.0)

    assert clock.at(3.0) is None
    assert clock.skew(3.0, NOW) is None


def test_answers_without_a_date_leave_it_going() -> None:
    clock = ServerClock()
    clock.observe(date(NOW), 10.0, 10.0)

    clock.observe(None, 20.0, 20.0)

    assert clock.at(30.0) == (NOW + 20) * 1e6


def test_one_date_far_ahead_is_not_believed() -> None:
    clock = ServerClock()
    clock.observe(date(NOW), 10.0, 10.0)

    clock.observe(date(NOW + 3600), 20.0, 20.0)
    assert clock.at(20.0) == (NOW + 10) * 1e6
    clock.observe(date(NOW + 20), 30.0, 30.0)
    clock.observe(date(NOW + 7200), 40.0, 40.0)

    assert clock.at(40.0) == (NOW + 30) * 1e6


@pytest.mark.parametrize("step", [-3600, -30, 30, 3600])
def test_a_clock_that_was_set_is_followed_when_dates_agree_for_a_while(step: float) -> None:
    clock = ServerClock()
    clock.observe(date(NOW), 10.0, 10.0)

    for later in (20.0, 60.0, 130.0):
        clock.observe(date(NOW - 10 + step + later), later, later)
        if step > 60:
            clock.witness(round((NOW - 15 + step + later) * 1e6), later)
        assert clock.at(later) == (NOW - 10 + later) * 1e6
    clock.observe(date(NOW - 10 + step + 140), 140.0, 140.0)

    assert clock.at(140.0) == (NOW + 130 + step) * 1e6


def test_dates_that_are_wrong_between_right_ones_are_never_believed() -> None:
    clock = ServerClock()
    for seconds in range(0, 600, 10):
        clock.observe(date(NOW + seconds), float(seconds), float(seconds))
        clock.observe(date(NOW + seconds + 70), seconds + 5.0, seconds + 5.0)

        assert clock.at(seconds + 5.0) == (NOW + seconds + 5) * 1e6


def test_two_dates_far_ahead_that_disagree_are_not() -> None:
    clock = ServerClock()
    clock.observe(date(NOW), 10.0, 10.0)

    clock.observe(date(NOW + 3600), 20.0, 20.0)
    clock.observe(date(NOW + 9000), 30.0, 30.0)

    assert clock.at(30.0) == (NOW + 20) * 1e6


def test_an_answer_whose_date_is_behind_has_that_time_though_the_clock_does_not_follow() -> None:
    clock = ServerClock()
    clock.observe(date(NOW), 10.0, 10.0)

    assert clock.observe(date(NOW - 3600), 20.0, 20.0) == (NOW - 3600) * 1e6
    assert clock.at(20.0) == (NOW + 10) * 1e6


@pytest.mark.parametrize("wrong", [None, 600.0], ids=["none", "ahead"])
def test_a_clock_just_set_back_is_not_passed_by_an_answer_without_a_right_date(
    wrong: float | None,
) -> None:
    """Else the frontier passes sessions that are created before the clock has caught up."""
    clock = ServerClock(lambda: NOW)
    clock.observe(date(NOW), 0.0, 0.0)
    clock.observe(date(NOW + 10 - 8), 10.0, 10.0)

    text = None if wrong is None else date(NOW + 20 - 8 + wrong)
    assert clock.observe(text, 20.0, 20.0) == (NOW + 20 - 8) * 1e6


CLOCKS = [0.0, -137.0, 211.0, -900.0, 900.0, -25_337.0, 25_411.0]


@given(
    st.sampled_from(CLOCKS),
    st.lists(
        st.tuples(
            st.floats(0, 40),  # until the next answer
            st.sampled_from([0.0, 0.0, 0.0, 25.0, -1.5, -8.0, -30.0]),  # the clock is set
            st.sampled_from([0.0, 0.0, 0.0, 600.0, -600.0, None]),  # by which its Date is wrong
            st.booleans(),  # whether a session just created is listed
        ),
        max_size=30,
    ),
)
# The last Date is wrong, and a little behind the wrong ones that stand in; a right one is lower.
@example(
    -900.0,
    [
        (0.0, 0.0, 0.0, True),
        (0.0, 0.0, 600.0, False),
        (0.0, 0.0, 600.0, False),
        (0.0, -1.5, 0.0, False),
        (0.0, 0.0, 600.0, False),
    ],
)
def test_no_answer_has_a_later_time_than_its_own_whatever_steps_back_and_dates_come(
    skew: float, answers: list[tuple[float, float, float | None, bool]]
) -> None:
    """Where a right Date has come since it was set back by less than a minute, two minutes ago.

    To the second to which a Date is cut, if it was set back. And where a right one comes each two
    minutes: wrong ones that nothing disputes for so long are believed.
    """
    passed, back, told, right = 0.0, 0.0, -1.0, 0.0
    clock = ServerClock(lambda: NOW + passed)

    for pause, step, wrong, lists in answers:
        passed, skew = passed + pause, skew + step
        if step < 0:
            back, told = back + step, -1.0
        if wrong == 0 or passed - right >= 120:
            wrong, right = 0.0, passed
        text = None if wrong is None else date(NOW + passed + skew + wrong)
        at = clock.observe(text, passed, passed)
        if wrong == 0 and back > -60:
            told = passed
        if back == 0 or (told >= 0 and passed - told <= 120):
            cut = 1 if back else 0
            assert at is None or at <= (NOW + passed + skew + cut) * 1e6 + 2
        if lists:
            clock.witness(round((NOW + passed + skew) * 1e6), passed, created=True)


def test_a_slow_answer_neither_sets_the_clock_back_nor_is_suspect() -> None:
    clock = ServerClock(lambda: NOW)
    clock.observe(date(NOW), 10.0, 10.0)

    assert clock.observe(date(NOW + 10), 20.0, 45.0) == (NOW - 15) * 1e6
    clock.observe(date(NOW + 40), 50.0, 50.0)

    assert clock.at(50.0) == (NOW + 40) * 1e6


def test_dates_an_hour_ahead_that_nothing_else_tells_of_are_not_believed_for_an_hour() -> None:
    clock = ServerClock()
    clock.observe(date(NOW), 0.0, 0.0)

    for later in range(10, 3610, 10):
        clock.observe(date(NOW + 3600 + later), float(later), float(later))
        assert clock.at(float(later)) == (NOW + later) * 1e6
    clock.observe(date(NOW + 3600 + 3610), 3610.0, 3610.0)

    assert clock.at(3610.0) == (NOW + 3600 + 3610) * 1e6


@pytest.mark.parametrize("off", [3600, 7200, -3600, -7200])
def test_dates_that_sessions_contradict_are_never_believed(off: float) -> None:
    clock = ServerClock()
    clock.observe(date(NOW), 0.0, 0.0)

    for later in range(10, 20_000, 10):
        clock.observe(date(NOW + off + later), float(later), float(later))
        clock.witness(round((NOW + later - 5) * 1e6), float(later))

    assert clock.at(20_000.0) == (NOW + 20_000) * 1e6


@pytest.mark.parametrize("minutes", [-30, -1, 0, 1, 30])
def test_the_skew_of_a_clock_minutes_off_is_told_by_the_second_date(minutes: int) -> None:
    clock = ServerClock(lambda: NOW)

    clock.observe(date(NOW + 60 * minutes), 10.0, 10.0)
    clock.observe(date(NOW + 60 * minutes), 10.0, 10.0)

    skew = clock.skew(10.0, NOW)
    assert skew is not None
    assert abs(skew - 60 * minutes) <= 0.5  # a Date is cut to the second


def test_of_two_dates_that_agree_the_one_that_shows_less_counts() -> None:
    clock = ServerClock(lambda: NOW)

    for later in range(0, 121, 10):
        clock.observe(date(NOW + later + (2050 if later else 2010)), float(later), float(later))

    assert clock.at(120.0) == (NOW + 2130) * 1e6


def test_the_skew_shown_is_not_pushed_by_the_round_trip() -> None:
    clock = ServerClock(lambda: NOW)

    clock.observe(date(NOW + 2), 10.0, 14.0)  # written half-way, at our NOW + 2

    skew = clock.skew(10.0, NOW)
    assert skew is not None
    assert abs(skew) <= 0.5


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize(
    "text",
    [
        "Wed, 10 Jun 2026 12:00:00 GMT",
        "Wednesday, 10-Jun-26 12:00:00 GMT",
        "Wed Jun 10 12:00:00 2026",
    ],
)
def test_all_three_forms_are_utc_wherever_we_run(
    text: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert parse_http_date(text) == NOW * 1e6
    finally:
        monkeypatch.undo()
        time.tzset()


WORDS = st.sampled_from(
    ["Wed,", "10", "Jun", "2026", "12:00:00", "GMT", "-0000", "+99999999999", "-", ":", "\ud800"]
)


@given(st.one_of(st.text(), st.lists(WORDS, max_size=8).map(" ".join)))
def test_no_text_makes_reading_a_date_fail(text: str) -> None:
    parsed = parse_http_date(text)

    assert parsed is None or parsed % 1_000_000 == 0
