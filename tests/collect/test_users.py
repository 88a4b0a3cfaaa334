"""Users: sums over whole walks, each user once, and nothing of a walk that broke off."""

from collections.abc import Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.api.errors import ApiError, EndlessListError, StatusError
from exporter.api.schema.users import risk_label
from exporter.collect.users import Users
from exporter.metrics import catalogue
from tests.collect.recorded import Board, Params, RecordedApi, telemetry


def user(identity: str, **fields: Any) -> dict[str, Any]:
    return {"userId": identity, "userName": "Synthetic Student", **fields}


def pages(*items: Sequence[Any] | ApiError) -> RecordedApi:
    """A list of these pages; the cursor is the number of the next."""

    def answer(asked: Params) -> object:
        number = int(asked.get("cursor", "0"))
        page = items[number]
        if isinstance(page, ApiError):
            return page
        more = number + 1 < len(items)
        pagination = {"hasMore": more, "limit": 50, "nextCursor": str(number + 1) if more else None}
        return {"data": page, "pagination": pagination}

    return RecordedApi({"/v1/users": answer})


async def shown(api: RecordedApi, scale: float = 1.0, most: int = 100) -> Board:
    board = Board()
    await Users(api=api, telemetry=telemetry(), most=lambda: most, scale=scale).update(
        board.publish
    )
    return board


async def test_users_are_summed_over_all_pages_and_each_counts_once() -> None:
    one = user(
        "a", botSessionCount=1, deviceCount=2, maxBotScore=0.7, riskLevel="High", sparkline=[1]
    )
    two = user("b", botSessionCount=0, deviceCount=1, maxBotScore=0.05, riskLevel="low")
    three = user("c")

    board = await shown(pages([one, two], [two], [], [{**one, "deviceCount": 9}, three]))

    assert board.series(catalogue.USERS) == {(): 3.0}
    assert board.series(catalogue.USERS_WITH_BOT_SESSIONS) == {(): 1.0}
    assert board.series(catalogue.USERS_MULTI_DEVICE) == {(): 1.0}
    assert board.series(catalogue.USERS_BY_RISK) == {
        ("high",): 1.0,
        ("low",): 1.0,
        ("unknown",): 1.0,
    }
    levels = board.series(catalogue.USER_MAX_BOT_SCORE)
    assert [levels[level,] for level in catalogue.SCORE_LEVELS] == [1.0] * 6 + [2.0] * 5


async def test_a_walk_that_breaks_off_publishes_nothing_and_says_how_far_it_came() -> None:
    api = pages([user("a"), user("b")], [user("c")], StatusError(503))
    board = Board()
    collector = Users(api=api, telemetry=telemetry(), most=lambda: 100, scale=1.0)

    with capture_logs() as logged, pytest.raises(StatusError):
        await collector.update(board.publish)

    assert board.parts == {}
    (line,) = (it for it in logged if it["event"] == "walk_not_whole")
    assert (line["pages"], line["items"], line["resource"]) == (2, 3, "users")


async def test_a_list_without_end_is_left_after_the_most_pages() -> None:
    api = pages(*([user(str(number))] for number in range(50)))

    with pytest.raises(EndlessListError):
        await shown(api, most=7)

    assert len(api.asked) == 7


async def test_what_no_user_has_is_not_shown_and_no_users_are_none() -> None:
    board = await shown(pages([user("a")]))
    assert {sample.metric for sample in board.parts["users"]} == {
        catalogue.USERS,
        catalogue.USERS_BY_RISK,
    }

    board = await shown(pages([]))
    assert board.series(catalogue.USERS) == {(): 0.0}
    assert board.series(catalogue.USERS_MULTI_DEVICE) == {(): 0.0}
    assert set(board.series(catalogue.USER_MAX_BOT_SCORE).values()) == {0.0}


async def test_a_bad_item_costs_itself_and_an_odd_score_that_score() -> None:
    watch, board = telemetry(), Board()
    items = [user("a", maxBotScore=72), user("b", maxBotScore=0.5), {"userId": 7}, None, user("")]
    collector = Users(api=pages(items), telemetry=watch, most=lambda: 9, scale=1.0)

    with capture_logs() as logged:
        await collector.update(board.publish)
        await collector.update(board.publish)

    assert board.series(catalogue.USERS) == {(): 2.0}
    assert board.series(catalogue.USER_MAX_BOT_SCORE)["+Inf",] == 1.0
    assert watch.invalid_items.value("users") == 6
    assert [it["event"] for it in logged].count("user_score_out_of_bounds") == 1


async def test_scores_up_to_100_are_read_where_the_settings_say_so() -> None:
    board = await shown(pages([user("a", maxBotScore=72.0)]), scale=100.0)

    assert board.series(catalogue.USER_MAX_BOT_SCORE)["0.7",] == 0.0
    assert board.series(catalogue.USER_MAX_BOT_SCORE)["0.8",] == 1.0


async def test_no_more_risk_levels_are_shown_than_the_bound() -> None:
    words = ["".join(chr(97 + int(digit)) for digit in f"{number:03}") for number in range(40)]
    items = [user(word, riskLevel=word) for word in words]
    items += [user(f"more-{number}", riskLevel="High") for number in range(5)]

    risks = (await shown(pages(items))).series(catalogue.USERS_BY_RISK)

    assert len(risks) == 11
    assert risks["high",] == 5
    assert sum(risks.values()) == 45


@pytest.mark.parametrize(
    ("level", "label"),
    [
        ("HIGH", "high"),
        ("Very High", "very_high"),
        ("veryHigh", "very_high"),
        ("", "unknown"),
        (None, "unknown"),
        ("synthetic-user-0001", "other"),
        ("a@example.edu", "other"),
        ("https://lms.example/users/1", "other"),
        ("x" * 3000, "other"),
    ],
)
def test_a_risk_level_is_a_word_or_other(level: str | None, label: str) -> None:
    assert risk_label(level) == label
