"""Places: a session counts once at each, a value shows late enough, no total gives it away."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.api.schema.session import Session
from exporter.ledger import placerecords, places, records, schema
from exporter.ledger.rules import Bounds, Known, Rules, Tally, read
from exporter.metrics import catalogue
from exporter.places import Place
from tests.examples import examples
from tests.ledger.bench import Bench, Make, add, polls

OPEN = Place("course", r"/courses/(\w+)")
ONE = Place("quiz", "/quizzes/")


class State:
    """Books of one place on a database, a new one for each session, as a new process has."""

    def __init__(self, place: Place = OPEN, min_users: int = 3) -> None:
        self.place, self.min_users = place, min_users
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        schema.initialise(self.connection)
        self.hashed = partial(records.hash_id, salt=records.salt(self.connection))
        self.at = 0

    def see(self, value: str, user: str | None) -> str:
        """What a session of that user counts under."""
        self.at += 1
        named = {self.place.name: self.place}
        seen = [(self.place.name, value)]
        book = placerecords.load(self.connection, 1, named, self.min_users, self.hashed, seen)
        label = book.label(self.place.name, value, user, self.at)
        placerecords.save(self.connection, 1, book)
        return label

    def rows(self, table: str) -> list[tuple[object, ...]]:
        return self.connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - a table of ours


@pytest.fixture
def state() -> Iterator[State]:
    made = State()
    with closing(made.connection):
        yield made


VISITS = st.lists(
    st.tuples(st.sampled_from("abcde"), st.none() | st.integers(0, 5).map(str)), max_size=150
)


@settings(deadline=None, max_examples=examples(150))
@given(VISITS, st.integers(2, 4), st.integers(1, 4))
def test_a_value_shows_late_enough_and_no_hidden_one_can_be_derived(
    visits: list[tuple[str, str | None]], min_users: int, most: int
) -> None:
    """The attacker knows every value that there is, and sees each single session counted."""
    state = State(Place("course", OPEN.pattern, most), min_users)
    users: dict[str, set[str]] = {}
    shown: set[str] = set()
    suspects: list[set[str]] = []
    took_part: dict[str, list[int]] = {}
    counts = Counter[str]()
    values = {value for value, _ in visits}
    with closing(state.connection):
        for value, user in visits:
            users.setdefault(value, set()).update([user] if user else [])
            label = state.see(value, user)
            counts[label] += 1
            if label == "other":
                assert value not in shown  # what shows, shows for good
                took_part.setdefault(value, []).append(len(suspects))
                suspects.append(values - shown)
            else:
                assert label == value
                assert len(users[value]) >= min_users
                shown.add(value)
    assert counts.total() == len(visits)
    assert len(shown) <= most
    if len(values) < 2:
        return
    for value in values:
        if len(users.get(value, ())) >= min_users:
            continue
        # Each step at which `other` grew by it could have been another's.
        assert all(len(suspects[step]) >= 2 for step in took_part.get(value, []))


def test_the_same_user_counts_once_and_one_without_a_name_never(state: State) -> None:
    for value in ("x", "y", "a"):
        for user in ("u1", "u1", None, "u2", None, "u2"):
            assert state.see(value, user) == "other"

    assert state.see("a", "u3") == "a"
    assert state.see("a", None) == "a"


def test_the_last_that_could_show_stays_hidden_so_that_the_next_is_not_alone(state: State) -> None:
    for value in ("a", "b"):
        for user in ("u1", "u2", "u3", "u4"):
            state.see(value, user)

    assert state.see("b", "u1") == "b"
    assert [state.see("a", f"u{number}") for number in range(9)] == ["other"] * 9
    assert state.see("new", "u1") == "other"


def test_a_place_without_a_group_shows_as_soon_as_enough_were_there() -> None:
    state = State(ONE)
    with closing(state.connection):
        assert [state.see("quiz", f"u{number}") for number in range(4)] == [
            *("other", "other"),
            *("quiz", "quiz"),
        ]


def test_a_value_that_can_be_no_label_counts_as_other_and_is_not_remembered(state: State) -> None:
    assert {state.see("", f"u{number}") for number in range(9)} == {"other"}
    assert state.rows("place_value") == []


def test_users_are_forgotten_once_their_value_shows(state: State) -> None:
    for value in ("x", "y", "a"):
        for user in ("u1", "u2", "u3"):
            state.see(value, user)
    named = [row for row in state.rows("place_value") if row[-1] is not None]
    hidden = {row[1] for row in state.rows("place_value") if row[-1] is None}

    assert [row[-1] for row in named] == ["y", "a"][: len(named)] or len(named) == 2
    assert {row[1] for row in state.rows("place_user")} <= hidden


def test_hidden_values_are_bounded_and_those_seen_longest_ago_go_first(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placerecords, "most_hidden", lambda least: 5)
    for number in range(40):
        state.see(f"v{number}", "u1")
        state.see("often", "u1")

    assert len(state.rows("place_value")) == 5
    assert len(state.rows("place_user")) == 5
    assert state.see("often", "u2") == "other"
    assert state.see("often", "u3") == "often"


def test_the_memory_of_users_is_bounded_whatever_is_asked_for() -> None:
    assert places.most_hidden(10) == 1000
    assert places.most_hidden(1000) * 1000 <= places.MOST_USERS


def test_a_bot_counts_where_its_session_counted() -> None:
    """A session that counted under `other` stays there, though its value shows by now."""
    tally, rules = Tally(), Rules(0, 10**9, 0.7, places=(OPEN,), min_users=2)
    book = places.Book({"course": OPEN}, 2, lambda text: text.encode())
    bounds = Bounds(0, 0)

    def session(name: str, score: float, user: str, value: str = "a") -> Session:
        return Session(name, 1, 1, "active", score, places=(("course", value),), user=user)

    known: dict[str, Known | None] = {}
    for one in (
        session("x", 0.1, "u1", "x"),
        session("y", 0.1, "u1", "y"),
        session("first", 0.1, "u1"),
        session("second", 0.9, "u2"),
        session("first", 0.9, "u1"),
    ):
        known[one.id] = read(known.get(one.id), one, 2, bounds, rules, tally, book)

    assert tally.places == {("course", "other"): 3, ("course", "a"): 1}
    assert tally.bot_places == {("course", "other"): 1, ("course", "a"): 1}


def visit(bench: Bench, name: str, course: object, user: object, status: str = "closed") -> None:
    page = f"https://lms.example/courses/{course}?u={user}"
    add(bench, name, page=page, user=user, status=status)


def shown(bench: Bench) -> dict[tuple[str, ...], object]:
    """The series of places, by labels."""
    return {
        sample.labels: sample.value
        for sample in bench.ledger.samples(gauges=False)
        if sample.metric is catalogue.PLACE_SESSIONS
    }


def test_a_restart_resets_neither_who_was_seen_nor_what_shows(make: Make) -> None:
    bench = make(places=(OPEN, ONE))
    bench.poll()
    assert shown(bench) == {("course", "other"): 0, ("quiz", "other"): 0}
    for course in ("x", "y", "7"):
        for number in range(3):
            visit(bench, f"{course}-{number}", course, f"u{number}")
            polls(bench, 1, apart=5)
            bench.restart()
    visit(bench, "more", "7", "u1")
    polls(bench, 1, apart=5)

    assert shown(bench) == {("course", "other"): 7, ("course", "7"): 2, ("course", "y"): 1} | {
        ("quiz", "other"): 0
    }


def test_a_value_past_the_most_counts_as_other_and_is_told(make: Make) -> None:
    bench = make(places=(Place("course", OPEN.pattern, most=1),), min_users=2)
    bench.poll()
    for course in ("a", "b", "c", "d"):
        for number in range(3):
            visit(bench, f"{course}-{number}", course, f"u{number}")
            polls(bench, 1, apart=5)

    assert len(shown(bench)) == 2
    assert bench.telemetry.dropped.value(catalogue.PLACE_SESSIONS.name) > 0


def test_a_page_or_user_of_a_wrong_type_costs_no_session(make: Make) -> None:
    bench = make(places=(OPEN,))
    bench.poll()
    add(bench, "odd page", page=7, user="u1")
    add(bench, "odd user", page="https://lms.example/courses/7", user=["u1"])
    polls(bench, 1)

    assert bench.counts()["sessions"] == 2
    assert shown(bench) == {("course", "other"): 1}
    assert bench.telemetry.invalid_items.value("sessions") == 0


def test_the_state_holds_no_user_no_page_and_no_hidden_value(make: Make) -> None:
    bench = make(places=(OPEN,))
    bench.poll()
    for number in range(9):
        visit(bench, f"s{number}", f"hidden{number}", f"jane{number}@example.org", status="active")
    polls(bench, 2)

    held = bench.held()

    assert not [it for it in (b"hidden", b"jane", b"lms.example") if it in held]
