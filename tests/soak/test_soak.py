"""All faults at once and kills at random: every counter ends equal to the oracle, and none fell."""

import os
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest

from tests.e2e.running import process, rounded
from tests.e2e.simulation import simulated
from tests.soak.trouble import ALL_FAULTS, Watch, live_and_die, settle

SHORT_SECONDS = 15.0
LONG_SECONDS = float(os.environ.get("SOAK_SECONDS", "660"))


async def suffer(seconds: float, state: Path, order: str, paging: str, seed: int) -> None:
    """Trouble for so long, then quiet; asserts that everything was counted exactly once."""
    chance = random.Random(seed)  # noqa: S311 - reproducible trouble
    second = timedelta(seconds=1)
    watch, lives, skew = Watch(), 0, chance.choice([-137.0, 211.0])
    async with simulated(
        seed=seed,
        skew=skew,
        lists={"order": order, "paging": paging},
        rate=20.0,
        lifetime=(second, 8 * second),
        late_share=0.2,
        late_max=4 * second,
    ) as api:
        variables = {
            **api.variables,
            "ISNOTAI_STATE_PATH": str(state),
            "ISNOTAI_SESSIONS_OVERLAP": "6s",
            "ISNOTAI_SESSIONS_SETTLE_AFTER": "20s",
            "ISNOTAI_BUDGET_SHARE": "0.9",
            "ISNOTAI_LOG_LEVEL": "info",
        }
        api.fail(**ALL_FAULTS, clock_skew=skew)
        end = monotonic() + seconds
        while monotonic() < end:
            await live_and_die(variables, watch, chance, longest=6.0)
            lives += 1
        api.pause()
        api.fail(clock_skew=skew)
        async with process(variables) as daemon:
            await daemon.until_logged("serving")
            counted, scrape = await settle(daemon, watch, api.truth(), 120.0)
        shown = "\n".join(line for line in scrape.text.splitlines() if "isnotai_session" in line)
        assert counted == replace(rounded(api.truth()), invalid_items=0), (
            f"{shown}\n{daemon.output}"
        )
        assert scrape.value("isnotai_sessions_unsettled") == 0
    assert not watch.falls
    assert watch.samples > seconds / 2
    print(f"{lives} lives, {watch.samples} samples, {counted.sessions} sessions")  # noqa: T201


async def test_short_trouble_leaves_every_counter_equal_to_the_oracle(tmp_path: Path) -> None:
    await suffer(SHORT_SECONDS, tmp_path / "state.db", "random", "keyset", seed=5)


@pytest.mark.soak
@pytest.mark.timeout(LONG_SECONDS + 600)
@pytest.mark.parametrize(("order", "paging"), [("newest", "offset")])
async def test_long_trouble_leaves_every_counter_equal_to_the_oracle(
    tmp_path: Path, order: str, paging: str
) -> None:
    await suffer(LONG_SECONDS, tmp_path / "state.db", order, paging, seed=17)
