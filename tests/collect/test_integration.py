"""The integration collector: an object came, and nothing of it is shown."""

import pytest

from exporter.api.errors import InvalidResponseError
from exporter.collect.integration import Integration
from tests.collect.recorded import Board, RecordedApi


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"apiKeyMasked": "aik_v1_xxxx…", "name": "School", "tier": "pro"}},
        {"apiKeyMasked": "aik_v1_xxxx…", "owner": {"name": "alice"}},
        {"data": {}},
        {"data": None, "apiKeyMasked": None},
        {},
    ],
)
async def test_any_object_is_an_answer_and_none_of_it_is_published(body: object) -> None:
    board = Board()
    api = RecordedApi({"/v1/integration": body})
    await Integration(api=api).update(board.publish)
    assert board.parts == {"integration": []}
    assert api.asked == ["/v1/integration"]


@pytest.mark.parametrize("body", [None, [], "alice", 5, {"data": None}, {"data": ["alice"]}])
async def test_what_holds_no_object_is_invalid(body: object) -> None:
    board = Board()
    with pytest.raises(InvalidResponseError, match=r"^integration: no object( in data)?$"):
        await Integration(api=RecordedApi({"/v1/integration": body})).update(board.publish)
    assert board.parts == {}
