"""What /metrics shows of sessions equals the truth, whatever the API's list is like."""

from typing import Any

import pytest

from tests.e2e.running import Scrape, client_of, in_process, process
from tests.e2e.simulation import simulated


def grown(beyond: int) -> Any:
    return lambda scrape: (scrape.value("isnotai_sessions_total") or 0) > beyond


async def test_a_daemon_process_counts_what_was_true_when_the_world_froze() -> None:
    async with simulated() as api, process(api.variables) as daemon, client_of(daemon) as exporter:
        before = api.truth().sessions

        def has_all(scrape: Scrape) -> object:
            found = scrape.counted()
            kinds = found.bot_sessions and found.flags and found.invalid_items
            return kinds and found.sessions > before

        await exporter.until(has_all)

        api.freeze()

        await exporter.until_counted(api.truth)


@pytest.mark.parametrize(
    "lists",
    [
        {"order": "random", "date_filter": "day", "last_cursor": "empty"},
        {"order": "updated", "paging": "offset", "date_filter": "midnight", "last_cursor": "null"},
    ],
    ids=["random, by day", "by update, shifting"],
)
async def test_counts_are_true_once_a_paused_world_is_quiet(lists: dict[str, Any]) -> None:
    async with simulated(lists=lists, seed=5) as api, in_process(api.variables) as exporter:
        await exporter.until(grown(api.truth().sessions))

        api.pause()

        await exporter.until_counted(api.truth)


async def test_counts_are_true_after_faults_of_every_kind() -> None:
    async with simulated(seed=6, rate=40.0) as api:
        api.fail(
            status_429=0.1,
            retry_after_seconds=0.0,
            status_5xx=0.1,
            retry_after="none",
            garbage=0.1,
            cut_body=0.1,
            refuse_cursor=0.2,
            repeat_items=0.3,
            short_pages=0.3,
            no_tier_header=0.2,
        )
        async with in_process(api.variables) as exporter:
            await exporter.until(
                lambda scrape: (
                    scrape.value("isnotai_sessions_total")
                    and scrape.value("isnotai_api_requests_total", code="429")
                    and scrape.value("isnotai_api_requests_total", code="400")
                    and scrape.value("isnotai_api_invalid_responses_total")
                )
            )
            api.pause()
            api.fail()

            await exporter.until_counted(api.truth)
