"""How many sessions arrive when: day curve, weekly rhythm and waves of bots.

Pure: a rate is a function of seed and time. People come in working hours and in the evening, few at
weekends; AI agents come late and before deadlines, and now and then in waves.
"""

from functools import lru_cache
from random import Random
from typing import Final, NamedTuple

HOUR: Final = 3_600_000_000
_DAY: Final = 24 * HOUR
# Relative rate at each full hour, UTC. Never near 0: somewhere it is day.
_PEOPLE: Final = (
    0.45, 0.35, 0.30, 0.30, 0.30, 0.35, 0.50, 0.80, 1.20, 1.60, 1.80, 1.75,
    1.50, 1.60, 1.75, 1.70, 1.50, 1.30, 1.25, 1.40, 1.50, 1.35, 1.00, 0.70,
)  # fmt: skip
_AGENTS: Final = (
    1.40, 1.00, 0.70, 0.55, 0.50, 0.45, 0.45, 0.50, 0.60, 0.80, 0.90, 0.90,
    0.85, 0.90, 0.95, 1.00, 1.00, 0.95, 1.00, 1.20, 1.50, 1.80, 2.10, 2.00,
)  # fmt: skip
# Monday first. The epoch was a Thursday.
_WEEK: Final = (1.15, 1.15, 1.10, 1.05, 0.90, 0.60, 1.05)
_WAVE_CHANCE: Final = 0.08
_WAVE_MINUTES: Final = (5.0, 20.0)
_WAVE_STRENGTH: Final = (4.0, 12.0)


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values)


_WAVE_MEAN: Final = 1 + _WAVE_CHANCE * (_mean(_WAVE_MINUTES) / 60) * (_mean(_WAVE_STRENGTH) - 1)


class Wave(NamedTuple):
    """A burst of agents: from and until (microseconds), and the factor on their rate."""

    start: int
    end: int
    strength: float


@lru_cache(maxsize=4096)
def wave(seed: int, hour: int) -> Wave | None:
    """The wave that starts within the hour with this number since the epoch, if there is one."""
    rng = Random((seed << 32) ^ hour ^ 0x5741_5645_0000_0000_0000)  # noqa: S311 - a simulation
    if rng.random() >= _WAVE_CHANCE:
        return None
    low, high = _WAVE_MINUTES
    length = low + (high - low) * rng.random()
    start = hour * HOUR + int(rng.random() * (60 - length) * 60_000_000)
    low, high = _WAVE_STRENGTH
    return Wave(start, start + int(length * 60_000_000), low + (high - low) * rng.random())


def _on(table: tuple[float, ...], at: int) -> float:
    hour, rest = divmod(at % _DAY, HOUR)
    part = rest / HOUR
    return (table[hour] * (1 - part) + table[(hour + 1) % 24] * part) / _mean(table)


def intensity(seed: int, at: int, flat: bool) -> tuple[float, float]:
    """Factors on the mean rates of people and of agents at an instant (microseconds).

    Both are 1 on average over many weeks, and 1 always when `flat`.
    """
    if flat:
        return 1.0, 1.0
    week = _WEEK[(at // _DAY + 3) % 7] / _mean(_WEEK)
    found = wave(seed, at // HOUR)
    surge = found.strength if found and found.start <= at < found.end else 1.0
    return week * _on(_PEOPLE, at), _on(_AGENTS, at) * surge / _WAVE_MEAN
