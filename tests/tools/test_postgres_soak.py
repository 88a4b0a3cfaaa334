"""Trouble and kills with the state in PostgreSQL, which is out of reach now and then."""

import pytest

from tests.soak import test_hostile, test_soak
from tests.soak.test_soak import Habits, suffer
from tests.tools.again import taken_from
from tests.tools.database_state import DatabaseState
from tests.tools.database_state import state as state

pytestmark = pytest.mark.tools

SHORT = "test_short_trouble_leaves_every_counter_equal_to_the_oracle"
SECONDS = 60.0
LIFE_SECONDS = 30.0
"""A life that follows a kill polls once the dead one's lease is over."""

globals().update(taken_from([test_soak, test_hostile], but={SHORT}))


@pytest.mark.soak
async def test_trouble_leaves_every_counter_equal_to_the_oracle(state: DatabaseState) -> None:
    habits = Habits(1938, SECONDS, LIFE_SECONDS, "random", "keyset", "day")
    watch, _ = await suffer(habits, state)
    assert len(watch.lives) > 2
    assert watch.samples > 20
