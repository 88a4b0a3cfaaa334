"""The health collector: the API's version as a label, and no failure of its own making."""

import pytest
from structlog.testing import capture_logs

from exporter.api.errors import InvalidResponseError, UnreachableError
from exporter.collect.health import Health
from exporter.metrics import catalogue
from tests.collect.recorded import Board, RecordedApi


async def versions_of(body: object) -> list[str]:
    board = Board()
    await Health(api=RecordedApi({"/health": body})).update(board.publish)
    assert list(board.parts) == ["health"]
    series = board.series(catalogue.API_INFO)
    assert set(series.values()) <= {1.0}
    return [labels[0] for labels in series]


@pytest.mark.parametrize(
    ("version", "label"),
    [
        ("1.0.17.0", "1.0.17.0"),
        ("1.0.17.0+build-7_rc", "1.0.17.0+build-7_rc"),
        ("", "other"),
        ("1" * 64, "1" * 64),
        ("1" * 65, "other"),
        ("1.0\n", "other"),
        ("1.0 for alice@example.edu", "other"),
        ("vér", "other"),
    ],
)
async def test_the_version_is_a_label_of_bounded_length_and_alphabet(
    version: str, label: str
) -> None:
    body = {"status": "healthy", "version": version, "timestamp": "2026-06-10T12:00:00.0000000Z"}
    assert await versions_of(body) == [label]


@pytest.mark.parametrize("body", [{}, {"version": None}, {"status": "Healthy", "more": [1]}])
async def test_without_a_version_there_is_no_series(body: object) -> None:
    assert await versions_of(body) == []


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (None, "health: the object is not valid"),
        ([{}], "health: the object is not valid"),
        ("Healthy", "health: the object is not valid"),
        ({"version": 1.0}, "health: version is not valid"),
        ({"status": ["alice"]}, "health: status is not valid"),
    ],
)
async def test_what_is_not_a_health_report_is_invalid(body: object, error: str) -> None:
    with pytest.raises(InvalidResponseError, match=error) as caught:
        await versions_of(body)
    assert "alice" not in str(caught.value)


async def test_an_unhealthy_api_has_answered_and_each_change_is_logged_once() -> None:
    answers = iter(["healthy", "degraded for alice", "degraded", "healthy", None])
    polled = Health(api=RecordedApi({"/health": lambda params: {"status": next(answers)}}))
    with capture_logs() as logs:
        for _ in range(5):
            await polled.update(Board().publish)
    assert [entry["healthy"] for entry in logs] == [False, True]
    assert "alice" not in str(logs)


async def test_an_api_that_cannot_be_reached_is_the_frames_business() -> None:
    with pytest.raises(UnreachableError):
        await versions_of(UnreachableError("refused"))
