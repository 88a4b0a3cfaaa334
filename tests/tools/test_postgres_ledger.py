"""The ledger counts on PostgreSQL as it does on SQLite: its own tests, and its whole history."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from exporter.ledger.database import Database
from tests.ledger import test_exactly_once, test_ledger, test_origin, test_outboxes
from tests.ledger.bench import Bench, Make
from tests.ledger.conftest import bench as bench
from tests.ledger.conftest import make as make
from tests.tools.again import taken_from
from tests.tools.postgres import Cluster

pytestmark = pytest.mark.tools

OF_FILES = {
    "test_a_state_of_an_older_version_is_counted_on",
    "test_no_counter_falls_when_the_state_turns_out_damaged_under_way",
    "test_memory_of_sessions_and_the_file_stay_bounded_over_days",
}
"""What is promised of a state file alone."""

globals().update(taken_from([test_ledger, test_origin], but=OF_FILES))


class TestOutboxes:
    """Those of the outboxes, whose bench has them on."""

    @pytest.fixture
    def bench(self, make: Make) -> Bench:
        made = make(details=True, findings=True)
        made.poll()
        return made


of_a_file = {"test_an_id_is_gone_from_the_file_once_nothing_waits"}
for _name, _test in taken_from([test_outboxes], but=of_a_file).items():
    setattr(TestOutboxes, _name, staticmethod(_test))


@pytest.fixture
def place(postgres: Cluster) -> Callable[[], Database]:
    """Gives where a bench keeps its state: in a schema of its own."""
    return postgres.server


@pytest.mark.parametrize("bounced", [False, True], ids=["direct", "pgbouncer"])
def test_whatever_happens_every_counter_equals_the_oracle(postgres: Cluster, bounced: bool) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(postgres.bouncer()) if bounced else None

        class OnPostgres(test_exactly_once.Counting):
            def place(self, folder: Path) -> Path | Database:
                return postgres.server(port)

        run_state_machine_as_test(
            OnPostgres,
            settings=settings(
                max_examples=6,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
