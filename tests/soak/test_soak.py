"""All faults at once and kills at random: every counter ends equal to the oracle, and none fell."""

import asyncio
import contextlib
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest

from tests.e2e.running import Scrape, client_of, process, rounded
from tests.e2e.simulation import Simulation, simulated
from tests.soak.trouble import Lives, Troubled, sampled, settle
from tests.soak.watch import Watch
from tests.soak.weather import Weather

SECOND = timedelta(seconds=1)
SHORT_SECONDS = 20.0
PHASE_SECONDS = float(os.environ.get("SOAK_PHASE_SECONDS", "130"))
LONG_SECONDS = float(os.environ.get("SOAK_SECONDS", "660"))
SETTLE_SECONDS = 240.0


@dataclass(frozen=True)
class Habits:
    """What the documentation leaves open, as one API happens to do it.

    seconds: how long the trouble lasts. longest: seconds that one life of the exporter may serve.
    longest_session: seconds. In a list by the last change a session that changes may hide from
    a walk; so there it has closed before it is as old as the overlap.
    hours_off: of the API's clock from ours, beside the minutes by which it is off in any case.
    """

    seed: int
    seconds: float
    longest: float
    order: str
    paging: str
    date_filter: str = "exact"
    tier: str = "enterprise"
    longest_session: float = 8.0
    hours_off: float = 0.0
    more: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def lists(self) -> dict[str, Any]:
        names = {"order": self.order, "paging": self.paging, "date_filter": self.date_filter}
        return {**names, **self.more}


def day_that_begins(moment: datetime) -> float:
    """The zone whose day begins then, as hours after UTC midnight: -12 to 12, as zones are."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return ((moment - midnight) / timedelta(hours=1) + 12) % 24 - 12


async def suffer(habits: Habits, state: Troubled) -> tuple[Watch, float]:
    """Trouble for so long, then quiet; asserts that everything was counted exactly once.

    Gives all samples, and the share of the time of trouble in which they were taken.
    """
    chance, watch = random.Random(habits.seed), Watch()  # noqa: S311 - reproducible weather
    skew = chance.choice([-137.0, 211.0])
    start = datetime.now(UTC) + timedelta(hours=habits.hours_off)
    # Days matter to filters that know only these: one begins in the midst of the trouble.
    begins = day_that_begins(start + (skew + habits.seconds / 3) * SECOND)
    async with simulated(
        seed=habits.seed,
        skew=skew,
        start=start,
        tier=habits.tier,
        lists={"day_begins": begins, **habits.lists},
        rate=20.0,
        lifetime=(SECOND, habits.longest_session * SECOND),
        late_share=0.2,
        late_max=4 * SECOND,
    ) as api:
        variables = {
            **api.variables,
            **state.variables,
            "ISNOTAI_SESSIONS_OVERLAP": "6s",
            "ISNOTAI_SESSIONS_SETTLE_AFTER": "20s",
            "ISNOTAI_BUDGET_SHARE": "0.9",
            "ISNOTAI_LOG_LEVEL": "info",
            **habits.variables,
        }
        weather = Weather(api, chance, skew)
        lives = Lives(variables, state, watch, habits.seed, habits.longest)
        changing = asyncio.create_task(weather.change())
        began = monotonic()
        while monotonic() < began + habits.seconds:
            await lives.live(began + habits.seconds)
            assert not changing.done()
        seconds = monotonic() - began
        share = watch.watched / seconds
        changing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await changing
        weather.clear()
        remembered = state.invalid_items()
        scrape = await quiet(api, variables, watch)
        last = watch.lives[-1]

        # What the state keeps beside the counters, and the gap and lateness that never were.
        assert scrape.value("isnotai_late_sessions_total") == 0
        assert scrape.value("isnotai_session_gap_seconds_total") == 0
        # The counter of invalid items is each process's own, but no item is counted by two.
        truth = api.truth()
        assert last.invalid == truth.invalid_items - remembered
        assert state.invalid_items() == truth.invalid_items
        assert watch.invalid <= truth.invalid_items
        print(  # noqa: T201 - figures, for whoever runs it with -s
            f"\n{habits.order}/{habits.paging}/{habits.date_filter}/{habits.tier}:"
            f" {seconds:.0f} s of trouble, {len(watch.lives)} lives,"
            f" {lives.unwritable} of them with a state out of reach, {watch.samples} samples,"
            f" {share:.1%} of the time watched, {watch.on_time:.2%} of samples on time,"
            f" {watch.mean_gap:.3f} s apart, at most {watch.longest_gap:.2f} s;"
            f" {weather.storms} storms, {weather.outages} outages, {weather.jumps} clock jumps;"
            f" {truth.sessions} sessions, {truth.invalid_items} invalid items, of which seen"
            f" {watch.invalid:.0f}; {len(watch.falls)} falls"
        )
    assert not watch.falls
    return watch, share


async def quiet(api: Simulation, variables: Mapping[str, str], watch: Watch) -> Scrape:
    """The last life, in which nothing goes wrong any more; what it shows when all is settled."""
    watch.born()
    async with process(variables) as daemon:
        async with client_of(daemon) as exporter, sampled(exporter, watch):
            await exporter.until(lambda scrape: (polled(scrape) or 0) >= 3)
        api.pause()
        counted, scrape = await settle(daemon, watch, api.truth(), SETTLE_SECONDS)
        shown = "\n".join(line for line in scrape.text.splitlines() if "isnotai_session" in line)
        assert counted == replace(rounded(api.truth()), invalid_items=0), (
            f"{shown}\n{daemon.output}"
        )
        assert scrape.value("isnotai_sessions_unsettled") == 0
    return scrape


def polled(scrape: Scrape) -> float | None:
    return scrape.value("isnotai_polls_total", resource="sessions", outcome="success")


async def test_short_trouble_leaves_every_counter_equal_to_the_oracle(state: Troubled) -> None:
    habits = Habits(1938, SHORT_SECONDS, 4.0, "random", "keyset", "day")
    watch, _ = await suffer(habits, state)
    assert len(watch.lives) > 2
    assert watch.samples > 20


SLOW = {
    f"ISNOTAI_POLL_{resource}_INTERVAL": "10s"
    for resource in ("STATS", "ANALYTICS", "USAGE", "INTEGRATION", "HEALTH")
}

STRICT = {"strict_cursors": True, "cursor_seconds": 5.0, "last_cursor": "null"}

LONG = [
    Habits(140, LONG_SECONDS, 40.0, "newest", "offset"),
    Habits(232, PHASE_SECONDS, 40.0, "oldest", "keyset", "day", hours_off=-7, more=STRICT),
    Habits(162, PHASE_SECONDS, 40.0, "updated", "keyset", longest_session=5.0),
    Habits(
        238,
        PHASE_SECONDS,
        40.0,
        "random",
        "offset",
        "midnight",
        hours_off=7,
        more={"last_cursor": "empty"},
    ),
    Habits(193, PHASE_SECONDS, 40.0, "by_id", "keyset", tier="pro", variables=SLOW),
    Habits(111, PHASE_SECONDS, 40.0, "updated", "offset", "midnight", longest_session=5.0),
]


@pytest.mark.soak
@pytest.mark.timeout(LONG_SECONDS + SETTLE_SECONDS + 120)
@pytest.mark.parametrize("habits", LONG, ids=lambda it: f"{it.order}-{it.paging}-{it.date_filter}")
async def test_long_trouble_leaves_every_counter_equal_to_the_oracle(
    state: Troubled, habits: Habits
) -> None:
    watch, share = await suffer(habits, state)
    assert share > 0.8
    assert watch.on_time > 0.99
