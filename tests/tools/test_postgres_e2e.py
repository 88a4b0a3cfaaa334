"""Whole runs with the state in PostgreSQL: the tests of those once more.

What a daemon of theirs counts lies in a schema of its own, also where theirs is in memory.
"""

from importlib import import_module
from pathlib import Path

import pytest

from tests import e2e
from tests.e2e import simulation
from tests.e2e.test_hostile_api import api as api
from tests.e2e.test_trouble import quick_timeouts as quick_timeouts
from tests.tools.again import taken_from
from tests.tools.database_state import DatabaseState
from tests.tools.database_state import state as state

pytestmark = pytest.mark.tools

APART = {
    "test_progress",  # leases last by the database's clock, and theirs is 40 times as fast
}

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

MODULES = [it.stem for it in sorted(Path(e2e.__path__[0]).glob("test_*.py"))]

globals().update(
    taken_from([import_module(f"tests.e2e.{it}") for it in MODULES if it not in APART], OF_FILES)
)


@pytest.fixture(autouse=True)
def kept_in_the_database(state: DatabaseState, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every daemon of a test keeps there what it counts."""
    for name, value in state.variables.items():
        monkeypatch.setitem(simulation.FAST, name, value)
