"""Courses: counted and summed whatever their items are like, never by an id."""

from typing import Any

import pytest

from exporter.api.errors import InvalidResponseError
from exporter.api.schema.courses import is_id
from exporter.collect.courses import MOST_NAMES, Courses
from exporter.metrics import catalogue
from tests.collect.recorded import Board, RecordedApi, telemetry

LAST = {"hasMore": False, "limit": 50}


async def shown(*items: Any, **pagination: Any) -> tuple[float, dict[str, float]]:
    """How many courses, and their sums."""
    body = {"data": list(items), "pagination": LAST, **pagination}
    board = Board()
    api = RecordedApi({"/v1/courses": body})
    await Courses(api=api, telemetry=telemetry(), most=lambda: 9).update(board.publish)
    stats = board.series(catalogue.COURSE_STATS)
    return board.series(catalogue.COURSES)[()], {name: it for (name,), it in stats.items()}


async def test_numbers_are_summed_by_their_path_and_ids_are_not() -> None:
    one = {"id": 7, "courseName": "A", "sessionCount": 3, "bots": {"high": 1, "byRuleId": 5}}
    two = {"id": 8, "courseName": "A", "sessionCount": 4.5, "isOpen": True, "tags": [1, 2]}

    assert await shown(one, two) == (2.0, {"session_count": 7.5, "bots_high": 1.0})


async def test_a_course_that_two_pages_show_counts_once() -> None:
    one = {"courseId": "7", "sessionCount": 3}

    assert await shown(one, {**one, "sessionCount": 4}) == (1.0, {"session_count": 3.0})
    assert (await shown({"name": "A"}, {"name": "A"}))[0] == 1
    assert await shown({"sessions": 1}, {"sessions": 1}) == (2.0, {"sessions": 2.0})


async def test_courses_may_be_plain_names_or_come_without_pagination() -> None:
    assert await shown("A", "B", "A") == (2.0, {})
    assert await shown({"id": 1, "n": 2}, pagination=None) == (1.0, {"n": 2.0})
    with pytest.raises(InvalidResponseError):
        await shown("A", pagination={"hasMore": True, "nextCursor": ""})


async def test_a_name_that_two_paths_share_is_left_out_everywhere() -> None:
    clear, shared = {"id": 1, "aB": 1}, {"id": 2, "aB": 1, "a": {"b": 2}}

    assert await shown(clear, shared) == (2.0, {})


async def test_endless_names_are_bounded_and_what_is_lost_is_counted() -> None:
    watch, board = telemetry(), Board()
    items = [
        {"id": course, **{f"n{course}x{number}": 1 for number in range(200)}}
        for course in range(10)
    ]
    api = RecordedApi({"/v1/courses": {"data": items, "pagination": LAST}})

    await Courses(api=api, telemetry=watch, most=lambda: 9).update(board.publish)

    assert len(board.series(catalogue.COURSE_STATS)) == catalogue.COURSE_STATS.max_values
    assert watch.dropped.value(catalogue.COURSE_STATS.name) == 1900
    assert MOST_NAMES == 1000


@pytest.mark.parametrize("key", ["id", "ID", "courseId", "course_id", "sectionIds", "UUID"])
def test_ids_are_known_by_their_names(key: str) -> None:
    assert is_id(key)


@pytest.mark.parametrize("key", ["paid", "valid", "bidCount", "sessionCount", "android", "void"])
def test_words_that_end_like_ids_are_none(key: str) -> None:
    assert not is_id(key)
