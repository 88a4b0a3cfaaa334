"""Whole runs with the state in PostgreSQL: the tests of those once more.

What a daemon of theirs counts lies in a schema of its own, also where theirs is in memory.
Not those of test_progress: leases last by the database's clock, and theirs is 40 times as fast.
Nor those of test_certificates, which say nothing of a state.
"""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.e2e import (
    simulation,
    test_counts,
    test_coverage,
    test_everything,
    test_formats,
    test_hostile_api,
    test_lifecycle,
    test_people,
    test_privacy,
    test_state,
    test_trouble,
)
from tests.e2e.test_hostile_api import api as api
from tests.e2e.test_trouble import quick_timeouts as quick_timeouts
from tests.tools.database_state import DatabaseState
from tests.tools.postgres import Cluster
from tests.tools.relay import relayed

pytestmark = pytest.mark.tools

OF_FILES = {
    "test_a_damaged_state_of_ours_is_moved_aside_and_counting_goes_on",
    "test_a_file_that_is_not_ours_to_write_ends_it_with_2_and_is_not_touched",
    "test_a_full_disk_stops_the_counters_at_the_last_commit_and_nothing_else",
    "test_a_second_daemon_on_the_file_gives_up_with_1_and_the_first_counts_on",
    "test_a_second_daemon_takes_over_when_the_first_ends",
    "test_a_second_daemon_waits_half_a_minute_before_it_gives_up",
    "test_a_state_that_may_not_be_written_is_no_reason_to_exit",
}
"""What is promised of a state file alone."""


def of(*modules: ModuleType) -> dict[str, Any]:
    """The modules' tests, which find the fixtures of this one."""
    named = [(name, it) for module in modules for name, it in vars(module).items()]
    found = [(name, it) for name, it in named if name.startswith("test_") and callable(it)]
    assert len(found) == len(dict(found))
    return {name: it for name, it in found if name not in OF_FILES}


globals().update(
    of(
        test_counts,
        test_coverage,
        test_everything,
        test_formats,
        test_hostile_api,
        test_lifecycle,
        test_people,
        test_privacy,
        test_state,
        test_trouble,
    )
)


@pytest.fixture(autouse=True)
def state(postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatabaseState]:
    """Where every daemon of the test keeps what it counts."""
    with relayed(postgres.port) as relay:
        kept = DatabaseState(postgres, relay)
        for name, value in kept.variables.items():
            monkeypatch.setitem(simulation.FAST, name, value)
        yield kept
