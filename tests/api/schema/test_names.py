"""Names in snake_case."""

import pytest

from exporter.api.schema.names import snake_case


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("totalSessions", "total_sessions"),
        ("TotalSessions", "total_sessions"),
        ("APICalls", "api_calls"),
        ("sessionsV2Total", "sessions_v2_total"),
        ("p95", "p95"),
        ("already_snake", "already_snake"),
        ("X", "x"),
        ("aB", "a_b"),
    ],
)
def test_words_are_parted_where_a_capital_starts_one(name: str, snake: str) -> None:
    assert snake_case(name) == snake
