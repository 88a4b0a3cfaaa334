"""Everything that can go wrong at the simulated API, changing twice a second, drawn from a seed.

A third of the time all faults strike at once. Only what the promise of exactly-once excludes is
left out: sessions that the list shows later than the overlap, hours of a wrong clock, and odd
values (`odd_value`), after which nobody can say what was true of the session.
"""

import asyncio
import contextlib
import random
from collections.abc import Mapping
from typing import Any

from tests.e2e.simulation import Simulation

SPELL_SECONDS = 0.5

STORM: Mapping[str, float] = {
    "status_429": 0.04,
    "status_5xx": 0.04,
    "no_content": 0.02,
    "slow": 0.03,
    "hang": 0.001,
    "trickle": 0.004,
    "drop_connection": 0.03,
    "cut_body": 0.03,
    "garbage": 0.03,
    "oversized": 0.003,
    "refuse_cursor": 0.06,
    "repeat_items": 0.2,
    "short_pages": 0.1,
    "no_tier_header": 0.1,
    "hide_details": 0.1,
    "no_duration": 0.1,
}
"""The share of requests that each fault strikes when all of them strike at once."""

HIDDEN = {"hide_sessions": 0.02}
"""All the time: what the list never shows is not to be counted."""

DOWN_SHARE = 0.06
"""How often the API is down altogether for a spell, also in the midst of a storm."""

JUMP_SHARE = 0.04
"""How often the API's clock is put forward or back."""


class Weather:
    """The faults of one run, and how often each kind of spell came."""

    def __init__(
        self, api: Simulation, chance: random.Random, skew: float, wrong_dates: bool = True
    ) -> None:
        """skew: seconds by which the API's clock is off at first.

        wrong_dates: whether some Date headers are ten minutes off, too. Two minutes may pass until
        the exporter believes those that are right again.
        """
        self._api = api
        self._chance = chance
        self._wrong_dates = (0.0, 0.0, 0.0, 0.0, -600.0, 600.0) if wrong_dates else (0.0,)
        self.skew = skew
        self.storms = self.outages = self.jumps = 0

    async def change(self) -> None:
        """A new spell every SPELL_SECONDS, until cancelled."""
        while True:
            self._api.fail(**self.spell())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SPELL_SECONDS):
                    await asyncio.Event().wait()

    def clear(self) -> None:
        """No fault any more; the API's clock stays as wrong as it is."""
        self._api.fail(**HIDDEN, clock_skew=self.skew)

    def spell(self) -> dict[str, Any]:
        """The faults of the next spell."""
        chance = self._chance
        if chance.random() < JUMP_SHARE:
            self._jump()
        down = ""
        if chance.random() < DOWN_SHARE:
            down = chance.choice(["503", "closed"])
            self.outages += 1
        draw = chance.random()
        if draw < 0.35:
            self.storms += 1
            shares = dict(STORM)
        elif draw < 0.5:
            shares = {}
        else:
            shares = {
                name: share * chance.uniform(0.5, 2)
                for name, share in STORM.items()
                if chance.random() < 0.5
            }
        return {
            **shares,
            **HIDDEN,
            "down": down,
            "clock_skew": self.skew,
            "edge_429": chance.random() < 0.5,
            "edge_5xx": chance.random() < 0.5,
            "retry_after": chance.choice(["none", "seconds", "date"]),
            "retry_after_seconds": chance.choice([1.0, 1.0, 2.0]),
            "slow_seconds": chance.uniform(0.1, 1.0),
            "trickle_seconds": 0.0005,
            "oversized_bytes": 16 * 1024 * 1024,
            "endless": chance.choice(["", "", "", "", "", "empty", "full"]),
            "most_sessions": chance.choice([0, 0, 0, 0, 100]),
            "wrong_date": chance.choice(self._wrong_dates),
        }

    def _jump(self) -> None:
        """Put the API's clock back by some seconds or forward by up to a minute or two.

        What it shows while it is behind its former self, it shows as before; so a session is never
        later than the overlap, whatever the clock does.
        """
        self.jumps += 1
        draw = self._chance.random()
        if draw < 0.4:
            self.skew -= self._chance.uniform(0.5, 8)
        elif draw < 0.9:
            self.skew += self._chance.uniform(0.5, 30)
        else:
            self.skew += self._chance.uniform(61, 120)
