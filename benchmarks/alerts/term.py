"""A simulated term of a site: how many sessions and bots each minute brings, and what happened.

A term has days and weeks, a start, deadlines, exams, a break and holidays; classes that try an
agent, flags that are rolled out, a new model at the vendor; and attacks, each labelled with what
it is. All chance comes from one seed. Nothing here knows the exporter or the rules.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import exp, log, sqrt
from random import Random
from typing import Literal

DAY = 1440
"""Minutes, the unit of all times here."""
HOUR = 60
WEEK = 7 * DAY

SIZES = (100, 400, 1_000, 5_000, 20_000, 200_000)
"""Sessions on an ordinary weekday."""

Kind = Literal[
    "sudden", "weekly", "outage", "ramp", "night", "new flag", "low and slow", "first week", "weak"
]
ORDER: tuple[Kind, ...] = (
    *("sudden", "sudden", "sudden", "night", "ramp", "new flag", "outage", "low and slow"),
    *("weak", "sudden", "night", "ramp", "low and slow", "outage", "weak"),
)
"""In which attacks are placed; one that would come too near to another falls away."""
FLAGS = ("webdriver", "paste")
NEW_FLAG = "agent_v2"
ROLLED_OUT = "tab_switch"


@dataclass(frozen=True, slots=True)
class Attack:
    """Bots beyond the usual. [start, end) in minutes; factor: how many times the usual bots.

    usual: the bots expected without it; bots: those that came, the usual ones among them.
    """

    kind: Kind
    start: int
    end: int
    factor: float
    usual: float
    bots: int
    in_break: bool

    @property
    def evidence(self) -> float:
        """How far from chance, in nats: 9.2 is one in some 50,000 such windows."""
        if self.bots <= self.usual:
            return 0.0
        return self.bots * log(self.bots / self.usual) - self.bots + self.usual

    @property
    def can_be_told(self) -> bool:
        """Whether someone who knows the site's true rates would call it no chance."""
        return self.bots >= 5 and self.evidence > 9.2


@dataclass(slots=True)
class Term:
    """What happened, minute by minute from the first day's midnight on (local time)."""

    size: int
    minutes: int
    sessions: list[int]
    bots: list[int]
    flags: dict[str, list[int]]
    score_sum: list[float]
    expected: list[float]
    """Sessions that were to be expected, without chance."""
    usual_bots: list[float]
    attacks: list[Attack] = field(default_factory=list)
    pixel_outages: list[tuple[int, int]] = field(default_factory=list)
    benign: list[tuple[str, int, int]] = field(default_factory=list)
    calm: list[tuple[int, int]] = field(default_factory=list)
    """Breaks and holidays."""
    slow: bool = False
    """Whether all attacks are low and slow."""


def poisson(chance: Random, mean: float) -> int:
    """A Poisson variate; a rounded normal one above 40, where the two are alike."""
    if mean <= 0:
        return 0
    if mean > 40:
        return max(0, round(chance.gauss(mean, sqrt(mean))))
    limit, product, count = exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count


def _shape(chance: Random) -> list[float]:
    """The share of a day's sessions that each minute has, in units of a mean minute."""
    peak = chance.uniform(13, 16)
    shape = []
    for minute in range(DAY):
        hour = minute / 60
        day = exp(-(((hour - peak) / 4.0) ** 2))
        evening = 0.7 * exp(-(((hour - 20.5) / 2.2) ** 2))
        shape.append(0.06 + day + evening)
    mean = sum(shape) / DAY
    return [one / mean for one in shape]


def _days(chance: Random, days: int) -> tuple[list[float], list[tuple[int, int]]]:
    """A factor for each day, and the breaks and holidays in minutes."""
    factors = []
    for day in range(days):
        weekend = 0.55 if day % 7 >= 5 else 1.0
        start = min(1.0, 0.45 + 0.08 * day)  # the first week fills slowly
        factors.append(weekend * start * exp(chance.gauss(0, 0.08)))
    calm: list[tuple[int, int]] = []
    if days >= 42:
        week = chance.randrange(4, min(8, days // 7))
        for day in range(7 * week, 7 * week + 7):
            factors[day] *= 0.15
        calm.append((week * WEEK, (week + 1) * WEEK))
        for day in chance.sample([d for d in range(9, days) if d // 7 != week], 3):
            factors[day] *= 0.12
            calm.append((day * DAY, (day + 1) * DAY))
        for day in (*range(39, 41), *range(days - 5, days)):  # exams
            factors[day] *= 2.2
    return factors, calm


def make(
    seed: int,
    *,
    size: int | None = None,
    days: int = 84,
    attacks: bool = True,
    slow: bool = False,
) -> Term:
    """One term. The same seed gives the same term.

    slow: one whose attacks are all low and slow, and which has more pixel outages: in others, there
    is hardly place for an attack of days, and an outage is rare.
    """
    chance = Random(f"slow term {seed}" if slow else f"term {seed}")  # noqa: S311 - a simulation
    size = size or SIZES[seed % len(SIZES)]
    share = min(0.15, max(0.008, exp(chance.gauss(log(0.04), 0.6))))
    shape = _shape(chance)
    factors, calm = _days(chance, days)
    deadline = chance.randrange(7)
    minutes = days * DAY
    expected, usual = [], []
    hourly = 1.0
    model_change = chance.randrange(20, days) * DAY if days > 30 else minutes
    new_share = chance.uniform(1.1, 1.4)
    for minute in range(minutes):
        day, of_day = divmod(minute, DAY)
        if minute % HOUR == 0:
            hourly = exp(chance.gauss(0, 0.08))
        rate = size / DAY * shape[of_day] * factors[day] * hourly
        if day % 7 == deadline and of_day >= 19 * HOUR:
            rate *= 2.0
        expected.append(rate)
        # A quarter of the bots are scripts that keep no hours, and know no holidays.
        level = share * (new_share if minute >= model_change else 1.0)
        usual.append(level * (0.75 * rate + 0.25 * size / DAY))
    extra = [0.0] * minutes
    flagged = [0.0] * minutes
    planned: list[tuple[Kind, int, int, float]] = []
    term = Term(size, minutes, [], [], {}, [], expected, usual, calm=calm, slow=slow)
    if attacks:
        planned = _plan_slow(chance, days) if slow else _plan(chance, days)
        _overlay(planned, term, extra, flagged)
    for _ in range(max(1, days // 42)):  # a class tries an agent
        start = chance.randrange(1, days) * DAY + chance.randrange(9 * HOUR, 16 * HOUR)
        class_size = min(30.0, max(3.0, size / 100))
        for minute in range(start, min(start + 60, minutes)):
            extra[minute] += class_size / 60
        term.benign.append(("class", start, start + 60))
    if days > 30:
        term.benign.append(("model", model_change, model_change + WEEK))
    _pixel(chance, term, days)
    _draw(chance, term, extra, flagged, model_change, days)
    for kind, start, end, factor in planned:
        end = min(end, minutes)
        seen = sum(term.bots[start:end])
        inside = any(start < stop and begin < end for begin, stop in calm)
        term.attacks.append(Attack(kind, start, end, factor, sum(usual[start:end]), seen, inside))
    return term


def _overlay(
    planned: list[tuple[Kind, int, int, float]],
    term: Term,
    extra: list[float],
    flagged: list[float],
) -> None:
    """Add what the attacks bring to `extra`, and to `flagged` where they have their own flag."""
    for kind, start, end, factor in planned:
        for minute in range(start, min(end, term.minutes)):
            more = (factor - 1) * term.usual_bots[minute]
            if kind == "ramp":
                more *= min(1.0, 1.5 * (minute - start) / (end - start))
            extra[minute] = max(extra[minute], more)
            if kind == "new flag":
                flagged[minute] = more


def _plan(chance: Random, days: int) -> list[tuple[Kind, int, int, float]]:
    """Attacks apart from each other, about one each four days."""
    taken: list[tuple[int, int]] = []
    planned: list[tuple[Kind, int, int, float]] = []

    def place(kind: Kind, start: int, length: int, factor: float) -> None:
        end = start + length
        gap = 10 * HOUR
        if end > days * DAY or any(
            start < stop + gap and begin - gap < end for begin, stop in taken
        ):
            return
        taken.append((start, end))
        planned.append((kind, start, end, factor))

    def factor() -> float:
        return chance.choice((3.0, 4.0, 5.0, 8.0, 12.0, 20.0))

    def day_time() -> int:
        return chance.randrange(8 * HOUR, 22 * HOUR)

    if days > 14:
        weekday, at = chance.randrange(7), day_time()
        for week in range(chance.randrange(2, 5), days // 7, 1):
            if chance.random() < 0.5:
                place(
                    "weekly", week * WEEK + weekday * DAY + at, 2 * HOUR, chance.choice((4.0, 8.0))
                )
    place("first week", chance.randrange(1, 6) * DAY + day_time(), 3 * HOUR, factor())
    makes: dict[Kind, Callable[[int], tuple[int, int, float]]] = {
        "sudden": lambda at: (at, chance.randrange(1, 7) * HOUR, factor()),
        "night": lambda at: (
            at // DAY * DAY + chance.randrange(0, 5 * HOUR),
            3 * HOUR,
            factor(),
        ),
        "ramp": lambda at: (at, chance.randrange(6, 24) * HOUR, chance.choice((3.0, 4.0, 6.0))),
        "new flag": lambda at: (at, 4 * HOUR, chance.choice((3.0, 6.0))),
        "outage": lambda at: (at, 3 * HOUR, factor()),
        "weak": lambda at: (at, chance.randrange(2, 12) * HOUR, chance.uniform(1.4, 2.5)),
        "low and slow": lambda at: (
            at // DAY * DAY,
            chance.randrange(2, 5) * DAY,
            chance.uniform(1.5, 2.5),
        ),
    }
    for kind in ORDER:
        if days >= 30 or chance.random() >= 0.6:
            place(kind, *makes[kind](chance.randrange(2, days) * DAY + day_time()))
    return sorted(planned, key=lambda one: one[1])


def _plan_slow(chance: Random, days: int) -> list[tuple[Kind, int, int, float]]:
    """An attack of days, and then again after more than a week."""
    planned: list[tuple[Kind, int, int, float]] = []
    day = chance.randrange(8, 11)
    while (end := day + chance.randrange(2, 5)) < days:
        planned.append(("low and slow", day * DAY, end * DAY, chance.uniform(1.5, 2.5)))
        day = end + chance.randrange(8, 11)
    return planned


def _pixel(chance: Random, term: Term, days: int) -> None:
    """The pixel is gone from the pages for some hours, at day time outside of breaks."""
    if term.slow:  # further apart than a week, after which the same hour is compared
        on = (day + chance.randrange(2) for day in range(2, days - 1, 9))
    else:
        on = (chance.randrange(1, days) for _ in range(max(1, days // 28)))
    for day in on:
        start = day * DAY + chance.randrange(9 * HOUR, 19 * HOUR)
        end = start + chance.randrange(1, 5) * HOUR
        if not any(start < stop and begin < end for begin, stop in term.calm):
            term.pixel_outages.append((start, end))


def _draw(
    chance: Random,
    term: Term,
    extra: list[float],
    flagged: list[float],
    model_change: int,
    days: int,
) -> None:
    """Draw each minute's sessions, bots, flags and scores."""
    rolled_out = chance.randrange(min(10, days - 1), days) * DAY
    term.benign.append(("flag", rolled_out, rolled_out + DAY))
    names = (*FLAGS, NEW_FLAG, ROLLED_OUT)
    flags: dict[str, list[int]] = {name: [] for name in names}
    dark = bytearray(term.minutes)
    for start, end in term.pixel_outages:
        for minute in range(start, min(end, term.minutes)):
            dark[minute] = 1
    for minute in range(term.minutes):
        people = 0 if dark[minute] else poisson(chance, term.expected[minute])
        usual = 0 if dark[minute] else poisson(chance, term.usual_bots[minute])
        more = 0 if dark[minute] else poisson(chance, extra[minute])
        bots = usual + more
        term.sessions.append(people + bots)
        term.bots.append(bots)
        marked = sum(chance.random() < 0.8 for _ in range(more)) if flagged[minute] else 0
        flags["webdriver"].append(poisson(chance, 0.6 * bots + 0.003 * people))
        flags["paste"].append(poisson(chance, 0.08 * people))
        flags[NEW_FLAG].append(marked)
        rolled = 0.1 if minute >= rolled_out else 0.0
        flags[ROLLED_OUT].append(poisson(chance, rolled * people))
        shift = 0.05 if minute >= model_change else 0.0
        term.score_sum.append(bots * 0.85 + people * (0.15 + shift))
    term.flags = flags
