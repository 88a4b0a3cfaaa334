"""Trouble and kills with the state in PostgreSQL, which is out of reach now and then."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak import test_soak
from tests.soak.test_hostile import LONG_SECONDS, SETTLE_SECONDS, SHORT_SECONDS, endure
from tests.soak.test_soak import LONG, Habits, suffer
from tests.tools.database_state import DatabaseState
from tests.tools.postgres import running_cluster
from tests.tools.relay import relayed

pytestmark = pytest.mark.tools

SOAK_SECONDS = 60.0
LIFE_SECONDS = 30.0
"""A life that follows a kill polls once the dead one's lease is over."""


@pytest.fixture
def state() -> Iterator[DatabaseState]:
    with running_cluster() as cluster, relayed(cluster.port) as relay:
        yield DatabaseState(cluster, relay)


@pytest.mark.soak
async def test_short_trouble_leaves_every_counter_equal_to_the_oracle(
    state: DatabaseState,
) -> None:
    habits = Habits(1938, SOAK_SECONDS, LIFE_SECONDS, "random", "keyset", "day")
    watch, _ = await suffer(habits, state)
    assert len(watch.lives) > 2
    assert watch.samples > 20


async def test_hostile_api_clients_and_reloads_at_once(
    tmp_path: Path, state: DatabaseState
) -> None:
    seen, _ = await endure(tmp_path, state, SHORT_SECONDS, 71, 6)
    assert seen.probes > 0
    assert seen.reloads > 1


@pytest.mark.soak
@pytest.mark.timeout(test_soak.LONG_SECONDS + test_soak.SETTLE_SECONDS + 120)
@pytest.mark.parametrize("habits", LONG, ids=lambda it: f"{it.order}-{it.paging}-{it.date_filter}")
async def test_long_trouble_leaves_every_counter_equal_to_the_oracle(
    state: DatabaseState, habits: Habits
) -> None:
    watch, share = await suffer(habits, state)
    assert share > 0.8
    assert watch.on_time > 0.99


@pytest.mark.soak
@pytest.mark.timeout(LONG_SECONDS + SETTLE_SECONDS + 300)
async def test_an_hour_of_hostile_api_clients_and_reloads(
    tmp_path: Path, state: DatabaseState
) -> None:
    await endure(tmp_path, state, LONG_SECONDS, 72, 20)
