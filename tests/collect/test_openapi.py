"""The live contract: each change is found in each style, and silence is none."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from exporter.api.contract.compare import Change, changes
from exporter.api.contract.document import Document
from exporter.api.contract.reads import READS
from exporter.api.contract.told import told
from exporter.api.errors import ApiError, InvalidResponseError
from exporter.api.schema import session
from exporter.api.schema.session import decode_session
from exporter.collect.openapi import OpenApi, guesses
from exporter.metrics import catalogue
from exporter.places import Place, Places
from exporter.settings.model import Settings
from exporter.simulator.odd import ODD, encoded, places, put
from exporter.simulator.openapi import STYLES, document
from tests.collect.recorded import Board, RecordedApi
from tests.examples import examples
from tests.hostile.odd import GOOD

DESCRIBING = [style for style in STYLES if style != "bare"]
styles = pytest.mark.parametrize("style", DESCRIBING)


def found(style: str, *changed: str) -> list[tuple[str, str]]:
    given = document(style, changed, "1")
    return [(it.kind, it.what) for it in changes(Document(given))]


@pytest.mark.parametrize("style", STYLES)
def test_the_simulators_own_document_has_no_change_in_any_style(style: str) -> None:
    assert found(style) == []


@styles
@pytest.mark.parametrize(
    ("change", "kind", "what"),
    [
        ("remove /v1/usage", "removed", "GET /v1/usage"),
        ("remove /v1/users data[].maxBotScore", "removed", "GET /v1/users: data[].maxBotScore"),
        (
            "remove /v1/analytics data.topOrigins[].botPercentage",
            "removed",
            "GET /v1/analytics: data.topOrigins[].botPercentage",
        ),
        (
            "remove /v1/sessions/{id}/details",
            "removed",
            "GET /v1/sessions/{id}/details",
        ),
        (
            "remove /v1/sessions/{id}/details data.eventCounts.touch",
            "removed",
            "GET /v1/sessions/{id}/details: data.eventCounts.touch",
        ),
        (
            "set /v1/sessions/{id}/details data.durationSeconds string",
            "changed",
            "GET /v1/sessions/{id}/details: data.durationSeconds is string, read as number",
        ),
        ("remove /v1/sessions data[].pageUrl", "removed", "GET /v1/sessions: data[].pageUrl"),
        (
            "set /v1/sessions data[].userId boolean",
            "changed",
            "GET /v1/sessions: data[].userId is boolean, read as string",
        ),
        ("remove /v1/sessions pagination", "removed", "GET /v1/sessions: pagination"),
        ("remove /v1/sessions ?cursor", "removed", "GET /v1/sessions: parameter cursor"),
        (
            "set /v1/sessions data[].botScore boolean",
            "changed",
            "GET /v1/sessions: data[].botScore is boolean, read as number",
        ),
        (
            "set /v1/sessions data[].detectionFlags string",
            "changed",
            "GET /v1/sessions: data[].detectionFlags is string, read as array",
        ),
        (
            'set /v1/sessions data[].status {"type": "string", "enum": ["0", "1"]}',
            "changed",
            "GET /v1/sessions: data[].status knows none of the values that are read",
        ),
        (
            'set /v1/analytics ?period {"type": "string", "enum": ["1d", "1w"]}',
            "changed",
            "GET /v1/analytics: parameter period lacks a value that is documented",
        ),
    ],
)
def test_what_is_read_and_was_removed_or_changed_is_named(
    style: str, change: str, kind: str, what: str
) -> None:
    assert found(style, change) == [(kind, what)]


@styles
@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("set /v1/users data[].trustLevel string", "GET /v1/users: data[].trustLevel"),
        ("set /v1/analytics data.summary.new integer", "GET /v1/analytics: data.summary.new"),
    ],
)  # fmt: skip
def test_a_new_field_is_an_addition(style: str, change: str, what: str) -> None:
    assert found(style, change) == [("added", what)]


@styles
def test_a_new_endpoint_and_a_new_parameter_are_additions(style: str) -> None:
    ((kind, what),) = found(style, "add /v1/quizzes")
    assert kind == "added"
    assert what in ("GET /v1/quizzes", "GET /quizzes")
    ((kind, what),) = found(style, "set /v1/sessions ?sort string")
    assert (kind, what.lower()) == ("added", "get /v1/sessions: parameter sort")


@styles
def test_a_parameter_that_became_required_is_a_change(style: str) -> None:
    ((kind, what),) = found(style, 'set /v1/users ?tenant {"required": true}')
    assert (kind, what.lower()) == ("changed", "get /v1/users: parameter tenant is required")


def test_an_answer_without_a_schema_says_nothing() -> None:
    assert found("bare", "remove /v1/users data[].maxBotScore") == []
    assert found("bare", "remove /v1/users") == [("removed", "GET /v1/users")]


def test_a_document_of_another_api_is_refused() -> None:
    bodies: list[Any] = [None, [], {}, {"paths": []}, {"paths": {"/pets": {"get": {}}}}]
    for body in bodies:
        with pytest.raises(InvalidResponseError, match=r"^openapi: "):
            changes(Document(body))


def test_references_that_lead_in_a_circle_end() -> None:
    loop = {"$ref": "#/components/schemas/A"}
    schemas = {"A": {"allOf": [loop, loop], "anyOf": [loop] * 9, "properties": {"data": loop}}}
    content = {"200": {"content": {"application/json": {"schema": loop}}}}
    paths = {endpoint.path: {"get": {"responses": content}} for endpoint in READS}
    given = Document({"paths": paths, "components": {"schemas": schemas}})

    with pytest.raises(InvalidResponseError, match="tangled"):
        changes(given)


def test_names_that_could_be_anything_are_not_shown() -> None:
    given = document("inline", [], "1")
    for name in ("/v1/users/Synthetic Student 1", "/v1/a?b=c@d"):
        given["paths"][name] = {"get": {}}

    assert changes(Document(given)) == [Change("added", "GET (a name that cannot be shown)")]


class Watched(dict[str, Any]):
    """An item that notes which of its fields are asked for."""

    asked: set[str]

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


def test_the_session_decoder_reads_what_it_says() -> None:
    item = Watched(GOOD["/v1/sessions"]["data"][0])
    item.asked = set()

    decode_session(item)

    assert item.asked == set(session.FIELDS)

    places = Places((Place("course", r"/courses/(\d+)"),))
    assert decode_session(item, places=places).places  # type: ignore[union-attr]  # it decodes

    assert item.asked == {*session.FIELDS, *session.PLACE_FIELDS}


# -- what it tells


@styles
@pytest.mark.parametrize(
    ("change", "setting", "value"),
    [
        ('data.topOrigins[].botPercentage {"type": "number", "maximum": 1}',
         "analytics.bot_percentage_scale", "1"),
        ('data.topOrigins[].botPercentage {"type": "number", "description": "0-100"}',
         "analytics.bot_percentage_scale", "100"),
        ('data.topOrigins[].botPercentage {"type": "number", "description": "from 0.0 to 1.0"}',
         "analytics.bot_percentage_scale", "1"),
        ('data.timeSeries[].timestamp {"type": "string", "description": "End of the bucket"}',
         "analytics.bucket_timestamp", "end"),
    ],
)  # fmt: skip
def test_what_a_setting_guesses_is_told(style: str, change: str, setting: str, value: str) -> None:
    given = document(style, [f"set /v1/analytics {change}"], "1")

    assert told(Document(given)).settings == {setting: value}


def test_what_is_not_told_is_not_guessed() -> None:
    for description in ("in percent", "between 0 and 10", "0-1 or 0-100", "start or end"):
        kinds = {"type": "number", "description": description}
        change = f"set /v1/analytics data.topOrigins[].botPercentage {json.dumps(kinds)}"
        stamp = f"set /v1/analytics data.timeSeries[].timestamp {json.dumps(kinds)}"
        assert told(Document(document("refs", [change, stamp], "1"))).settings == {}


async def read(given: object, **more: Any) -> tuple[Board, OpenApi, list[Any]]:
    board = Board()
    api = RecordedApi({"/openapi/v3.json": given})
    collector = OpenApi(api=api, guesses=guesses(Settings()), max_flags=more.get("max_flags", 100))
    with capture_logs() as logged:
        await collector.update(board.publish)
        await collector.update(board.publish)
    return board, collector, logged


async def test_changes_are_shown_counted_and_logged_once() -> None:
    changed = ["remove /v1/users data[].maxBotScore", "add /v1/quizzes", "add /v1/exams"]

    board, collector, logged = await read(document("refs", changed, "1"))

    assert board.series(catalogue.API_SCHEMA_KNOWN) == {(): 0.0}
    assert board.series(catalogue.API_SCHEMA_CHANGES) == {
        ("added",): 2.0,
        ("removed",): 1.0,
        ("changed",): 0.0,
    }
    lines = [(it["log_level"], it["what"]) for it in logged if it["event"] == "api_schema_changed"]
    assert lines == [
        ("info", "GET /v1/exams"),
        ("info", "GET /v1/quizzes"),
        ("warning", "GET /v1/users: data[].maxBotScore"),
    ]
    (removed,) = (note for note in collector.notes if note.warns)
    assert removed.text == "removed: GET /v1/users: data[].maxBotScore"


async def test_additions_leave_the_schema_known() -> None:
    board, _, _ = await read(document("net", ["add /v1/quizzes"], "1"))

    assert board.series(catalogue.API_SCHEMA_KNOWN) == {(): 1.0}


async def test_a_guess_that_is_told_otherwise_and_unknown_schemas_are_shown() -> None:
    flags = json.dumps({"type": "string", "enum": ["webdriver", "no_scroll", "user:7"]})
    given = document(
        "refs",
        [
            'set /v1/analytics data.topOrigins[].botPercentage {"type": "number", "maximum": 1}',
            f"set /v1/sessions data[].detectionFlags[] {flags}",
        ],
        "1",
    )

    _, collector, logged = await read(given, max_flags=2)

    assert {note.text for note in collector.notes} == {
        "analytics.bot_percentage_scale is 100, but the API's document says 1",
        "sessions.max_flags is 2, but the API's document says 3 flags",
        "3 detection flags are listed, 1 of them shown as other",
        "the answer of /v1/integration is described, with 4 fields",
        "the answer of /v1/stats is described, with 7 fields",
        "the answer of /v1/courses is described, with 7 fields",
    }
    assert len([it for it in logged if it["event"] == "api_schema_differs"]) == 2


# -- odd documents

GIVEN: Mapping[str, Any] = document("wrapped", [], "1")
PLACES = [place for place in places(GIVEN) if place]


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(ODD)), max_size=4))
def test_no_odd_document_is_a_defect(odd: list[tuple[tuple[str | int, ...], Any]]) -> None:
    given = GIVEN
    for place, value in odd:
        if place in set(places(given)):
            given = put(given, place, value)
    try:
        read_back = json.loads(encoded(given))
        one = Document(read_back)
        assert len(changes(one)) < 1000
        told(one)
    except ApiError as error:
        assert str(error).startswith("openapi: ")  # noqa: PT017 - either outcome is good
