"""Details of settled bots: each read once, the newest first; one that fails holds up no other."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from exporter.api.errors import (
    ApiError,
    InvalidResponseError,
    KeyRefusedError,
    RequestTimeoutError,
    StatusError,
)
from exporter.api.schema.details import read_details
from exporter.collect.details import ATTEMPTS, Details, path_of
from exporter.ledger.details import PendingDetails
from exporter.polling.collector import NothingAskedError
from tests.collect.recorded import Board, RecordedApi
from tests.hostile.odd import ODD, places, put
from tests.ledger.bench import Bench, add, polls

COUNTS = {"total": 9, "mouse": 4, "scroll": 3, "keyboard": 2, "touch": 0, "form": 0}
GOOD: dict[str, Any] = {"data": {"durationSeconds": 12.5, "eventCounts": COUNTS}}


class DetailsBench:
    """A ledger with bots that wait, and an API that answers for each by its id."""

    def __init__(self, path: Path) -> None:
        self.bench = Bench(path, details=True)
        self.bench.poll()
        self.answers: dict[str, object] = {}
        self.start()

    def start(self) -> None:
        self.api = RecordedApi(self.answers)
        self.board = Board()
        self.details = Details(
            api=self.api,
            pending=PendingDetails(self.bench.store, self.bench.ledger),
            telemetry=self.bench.telemetry,
            clock=self.bench.clock,
            interval=60.0,
        )

    def bots(self, **answers: object) -> None:
        """Bots that are settled one after the other, and what the API says of each."""
        for name, answer in answers.items():
            add(self.bench, name, score=0.9)
            polls(self.bench, 1)
            self.answers[f"/v1/sessions/{name}/details"] = answer

    def poll(self) -> ApiError | NothingAskedError | None:
        try:
            self.bench.run(self.details.update(self.board.publish))
        except (ApiError, NothingAskedError) as error:
            return error
        return None

    def counted(self) -> dict[str, float]:
        counts = self.bench.counts()
        return {key.partition(":")[2]: value for key, value in counts.items() if "detail:" in key}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[DetailsBench]:
    with ExitStack() as stack:
        made = DetailsBench(tmp_path / "state.db")
        stack.callback(made.bench.close)
        yield made


def test_each_is_read_once_the_newest_first_and_never_again_after_a_restart(
    stage: DetailsBench,
) -> None:
    stage.bots(a=GOOD, b=GOOD, c={"data": {}})
    assert stage.poll() is None
    assert stage.api.asked == [f"/v1/sessions/{name}/details" for name in "cba"]
    stage.bench.restart()
    stage.start()

    assert isinstance(stage.poll(), NothingAskedError)
    assert stage.api.asked == []
    assert stage.counted() == {"read": 3}
    counts = stage.bench.counts()
    assert (counts["event:mouse"], counts["event:scroll"], counts["event:keyboard"]) == (8, 6, 4)
    assert counts["duration_sum"] == 25.0


@pytest.mark.parametrize("status", [400, 404, 410, 414, 422])
def test_what_the_api_does_not_have_is_missing(stage: DetailsBench, status: int) -> None:
    stage.bots(a=StatusError(status), b=None, c=GOOD)

    assert stage.poll() is None
    assert stage.counted() == {"read": 1, "missing": 2}


def test_an_id_that_no_path_can_hold_is_missing_and_never_asked_for(stage: DetailsBench) -> None:
    for name in ("..", "."):
        add(stage.bench, name, score=0.9)
    polls(stage.bench, 1)
    stage.poll()

    assert stage.api.asked == []
    assert stage.counted() == {"missing": 2}


@pytest.mark.parametrize(
    ("session", "path"),
    [
        ("a/b?c#d %", "/v1/sessions/a%2Fb%3Fc%23d%20%25/details"),
        ("attempt:7", "/v1/sessions/attempt%3A7/details"),
        ("Jörg", "/v1/sessions/J%C3%B6rg/details"),
        ("\ud800", None),
        ("..%2f", "/v1/sessions/..%252f/details"),
    ],
)
def test_ids_are_percent_encoded(session: str, path: str | None) -> None:
    assert path_of(session) == path


@pytest.mark.parametrize("failure", [StatusError(503), RequestTimeoutError("late"), {"data": 7}])
def test_one_that_always_fails_holds_up_no_other_and_is_missing_in_the_end(
    stage: DetailsBench, failure: object
) -> None:
    stage.bots(bad=failure)
    for number in range(ATTEMPTS):
        assert stage.counted().get("missing", 0) == 0
        stage.bots(**{f"good{number}": GOOD})
        stage.bots(**{f"better{number}": GOOD})
        stage.answers["/v1/sessions/bad/details"] = failure
        stage.poll()

    stage.bots(last=GOOD)
    stage.poll()
    stage.poll()
    assert stage.counted()["read"] == 2 * ATTEMPTS + 1


def test_while_the_endpoint_is_down_all_of_them_wait(stage: DetailsBench) -> None:
    stage.bots(**{f"b{number}": StatusError(503) for number in range(6)})
    for _ in range(2 * ATTEMPTS):
        error = stage.poll()
        assert isinstance(error, StatusError)
    assert stage.counted() == {}

    stage.answers.update(dict.fromkeys(stage.answers, GOOD))
    assert stage.poll() is None
    assert stage.counted() == {"read": 6}


@pytest.mark.parametrize("error", [StatusError(403), KeyRefusedError("refused"), StatusError(429)])
def test_what_is_about_the_key_ends_the_poll_and_costs_no_session(
    stage: DetailsBench, error: ApiError
) -> None:
    stage.bots(a=GOOD, b=error)

    assert stage.poll() is error
    assert stage.counted() == {}


def test_answers_that_do_not_decode_are_counted(stage: DetailsBench) -> None:
    stage.bots(a={"data": {"durationSeconds": -1}}, b=GOOD)
    stage.bots(c={"data": {"eventCounts": {"mouse": "many"}}})
    stage.poll()

    assert stage.counted() == {"read": 1}


@pytest.mark.parametrize(
    "data",
    [
        {"durationSeconds": "12"},
        {"durationSeconds": float("inf")},
        {"eventCounts": {"mouse": -1}},
        {"eventCounts": {"form": 1.5}},
        {"eventCounts": []},
    ],
)
def test_numbers_that_cannot_be_are_refused(data: Mapping[str, object]) -> None:
    with pytest.raises(InvalidResponseError):
        read_details({"data": data})


def test_nulls_absent_fields_and_unknown_types_are_nothing() -> None:
    nothing = dict.fromkeys(("mouse", "scroll", "keyboard", "touch", "form"), 0)
    for data in ({}, {"eventCounts": None, "durationSeconds": None}, {"eventCounts": {"gaze": 4}}):
        details = read_details({"data": data})
        assert (details.events, details.duration) == (nothing, None)


def test_something_odd_anywhere_in_an_answer_is_refused_or_a_number_in_its_range() -> None:
    read = 0
    for place in places(GOOD):
        for odd in ODD:
            try:
                details = read_details(put(GOOD, place, odd))
            except InvalidResponseError:
                continue
            read += 1
            assert all(0 <= number < 2**63 for number in details.events.values())
            assert details.duration is None or 0 <= details.duration <= 2**63
    assert read
