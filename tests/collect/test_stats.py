"""The stats collector: every number of an unknown schema, by its path, and nothing else."""

import pytest
from structlog.testing import capture_logs

from exporter.api.errors import InvalidResponseError
from exporter.collect.stats import Stats
from exporter.metrics import catalogue
from exporter.metrics.telemetry import Telemetry
from tests.collect.recorded import Board, RecordedApi, telemetry


def collector(
    body: object, seen: Telemetry | None = None, include: tuple[str, ...] | None = None
) -> Stats:
    return Stats(
        api=RecordedApi({"/v1/stats": body}), telemetry=seen or telemetry(), include=include
    )


async def stats_of(
    body: object, seen: Telemetry | None = None, include: tuple[str, ...] | None = None
) -> dict[str, float]:
    board = Board()
    await collector(body, seen, include).update(board.publish)
    assert list(board.parts) == ["stats"]
    return {labels[0]: value for labels, value in board.series(catalogue.STATS).items()}


@pytest.mark.parametrize("wrapped", [True, False])
async def test_numbers_are_named_by_their_path(wrapped: bool) -> None:
    data = {"totalSessions": 9, "bots": {"high": 2, "share": 0.5, "name": "alice"}}
    stats = await stats_of({"data": data} if wrapped else data)
    assert stats == {"total_sessions": 9, "bots_high": 2, "bots_share": 0.5}


async def test_a_stat_called_other_is_a_stat_like_any() -> None:
    seen = telemetry()
    assert await stats_of({"data": {"other": 5}}, seen) == {"other": 5}
    assert seen.dropped.value("isnotai_stats") == 0


@pytest.mark.parametrize("body", [None, 5, "x", [{"a": 1}], {"data": None}, {"data": [1]}])
async def test_an_answer_without_an_object_is_invalid_and_publishes_nothing(body: object) -> None:
    board = Board()
    with pytest.raises(InvalidResponseError, match=r"^stats: no object( in data)?$"):
        await collector(body).update(board.publish)
    assert board.parts == {}


@pytest.mark.parametrize(
    ("include", "names"),
    [
        (None, {"bots_high", "bots_low", "total"}),
        (("bots_*",), {"bots_high", "bots_low"}),
        (("total", "*_low"), {"bots_low", "total"}),
        (("TOTAL",), set()),
        ((), set()),
    ],
)
async def test_include_keeps_the_names_that_match(
    include: tuple[str, ...] | None, names: set[str]
) -> None:
    data = {"bots": {"high": 1, "low": 2}, "total": 3}
    assert set(await stats_of(data, include=include)) == names


async def test_the_bound_keeps_the_first_names_whatever_their_values() -> None:
    bound = catalogue.STATS.max_values
    assert bound is not None
    first = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(bound)]
    seen = telemetry()
    data = {"zz": 10**9, "zy": 10**9} | dict.fromkeys(reversed(first), 0)
    assert sorted(await stats_of({"data": data}, seen)) == first
    assert seen.dropped.value("isnotai_stats") == 2


async def test_what_include_leaves_out_takes_no_place_under_the_bound() -> None:
    seen = telemetry()
    data = {"wanted": {"x": 1}, "a": {f"s{n}": n for n in range(200)}}
    assert await stats_of(data, seen, ("wanted_*",)) == {"wanted_x": 1}
    assert seen.dropped.value("isnotai_stats") == 0


async def test_two_paths_with_one_name_publish_neither_and_are_logged_once_while_they_last() -> (
    None
):
    bodies: list[object] = [
        {"data": {"botScore": 1, "bot": {"score": 2}, "fine": 3}},
        {"data": {"botScore": 1, "bot": {"score": 2}, "fine": 3}},
        {"data": {"botScore": 1, "fine": 3}},
        {"data": {"botScore": 1, "bot": {"score": 2}, "fine": 3}},
    ]
    answers = iter(bodies)
    polled = collector(lambda params: next(answers))
    board = Board()
    with capture_logs() as logs:
        await polled.update(board.publish)
        assert board.series(catalogue.STATS) == {("fine",): 3}
        await polled.update(board.publish)
        assert [(entry["event"], entry["stat"]) for entry in logs] == [
            ("stat_ambiguous", "bot_score")
        ]
        await polled.update(board.publish)
        assert board.series(catalogue.STATS) == {("bot_score",): 1, ("fine",): 3}
        await polled.update(board.publish)
    assert len(logs) == 2


async def test_an_ambiguous_stat_that_nobody_wants_is_not_logged() -> None:
    with capture_logs() as logs:
        await stats_of({"aB": 1, "a": {"b": 2}, "c": 1}, include=("c",))
    assert logs == []
