"""What an exporter shows of a term: counters, a frontier, signs of life, on a grid of minutes.

It polls each minute, is sometimes away, is restarted with or without its state, is at times one of
two, and meets an API that fails for minutes or hours and then is caught up with.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from math import nan
from random import Random

from benchmarks.alerts.term import DAY, HOUR, Term

INTEGRATION = "campus"
JOB = "isnotai"


@dataclass(slots=True)
class Scrapes:
    """Series of one sample a minute; NaN where there is none. start: Unix seconds."""

    start: int
    count: int
    series: list[tuple[dict[str, str], array[float]]] = field(default_factory=list)

    def add(self, name: str, values: array[float], **labels: str) -> None:
        """Add one series."""
        self.series.append(({"__name__": name, **labels}, values))


@dataclass(frozen=True, slots=True)
class Trouble:
    """When the API does not answer, when an exporter is away, and when it loses its state."""

    api_down: list[tuple[int, int]]
    away: list[tuple[int, int, bool]]
    second: tuple[int, int]


def trouble(chance: Random, term: Term) -> Trouble:
    """The term's blips, outages and restarts; attacks of the kind `outage` get one each."""
    days = term.minutes // DAY
    down = []
    for day in range(days):
        if chance.random() < 0.25:
            start = day * DAY + chance.randrange(DAY)
            down.append((start, start + chance.randrange(2, 12)))
        if chance.random() < 0.03:
            start = day * DAY + chance.randrange(DAY)
            down.append((start, start + chance.randrange(1, 6) * HOUR))
    down += [
        (attack.start - 30, attack.end - 30) for attack in term.attacks if attack.kind == "outage"
    ]
    away = []
    for day in range(days):
        if chance.random() < 0.1:
            start = day * DAY + chance.randrange(DAY)
            away.append((start, start + chance.randrange(1, 10), chance.random() < 0.7))
    begin = chance.randrange(max(1, days - 10)) * DAY
    return Trouble(down, away, (begin, begin + 8 * DAY))


SCORED_WITHIN = 8
"""Minutes within which a session that is scored late has its score."""
SWEEP = 5
"""Minutes from one sweep to the next, at a site that is too large to sweep at each poll."""


def scored_late(seed: int, bots: list[int]) -> list[int]:
    """How many bots are told as such in each minute, where the API scores a session late."""
    chance = Random(f"scores {seed}")  # noqa: S311 - a simulation
    told = [0] * len(bots)
    for minute, count in enumerate(bots):
        for _ in range(count):
            then = minute + chance.randrange(1, SCORED_WITHIN + 1)
            if then < len(told):
                told[then] += 1
    return told


def expose(seed: int, term: Term, start: int, *, late: bool = False) -> Scrapes:
    """The term as it is scraped. start: Unix seconds of the first minute.

    late: the API scores each session minutes after it began, so that only sweeps see its bots;
    otherwise the first reading does.
    """
    chance = Random(f"exporter {seed}")  # noqa: S311 - a simulation
    scrapes = Scrapes(start, term.minutes)
    events = trouble(chance, term)
    down = _mask(term.minutes, events.api_down)
    told = scored_late(seed, term.bots) if late else term.bots
    sweep = SWEEP if late else 1
    _one(scrapes, term, (told, sweep), down, events.away, "a:10984", (0, term.minutes))
    _one(scrapes, term, (told, sweep), down, [], "b:10984", events.second)
    return scrapes


def _mask(count: int, spans: list[tuple[int, int]]) -> bytearray:
    mask = bytearray(count)
    for start, end in spans:
        for minute in range(max(0, start), min(end, count)):
            mask[minute] = 1
    return mask


def _one(
    scrapes: Scrapes,
    term: Term,
    told: tuple[list[int], int],
    down: bytearray,
    away: list[tuple[int, int, bool]],
    instance: str,
    life: tuple[int, int],
) -> None:
    """One exporter, of its own state. It counts at a minute what came up to the minute before.

    told: how many bots have their score from each minute on, and minutes between sweeps.
    """
    scored_bots, sweep = told
    names = list(term.flags)
    columns = {
        name: array("d", [nan]) * scrapes.count for name in ("s", "b", "c", "f", "up", "api")
    }
    flag_columns = {name: array("d", [nan]) * scrapes.count for name in names}
    scored = array("d", [nan]) * scrapes.count
    gone = _mask(scrapes.count, [(begin, end) for begin, end, _ in away])
    fresh = {end for _, end, kept in away if not kept}
    counted = swept = life[0]
    sessions = bots = 0
    score = 0.0
    totals = dict.fromkeys(names, 0)
    for minute in range(life[0], min(life[1], scrapes.count)):
        if minute in fresh:
            counted, swept, sessions, bots, score = minute, minute, 0, 0, 0.0
            totals = dict.fromkeys(names, 0)
        if gone[minute]:
            columns["up"][minute] = 0
            continue
        if not down[minute]:
            for past in range(counted, minute):
                sessions += term.sessions[past]
                score += term.score_sum[past]
                for name in names:
                    totals[name] += term.flags[name][past]
            counted = max(counted, minute)
            if minute >= swept + sweep:
                bots += sum(scored_bots[swept:minute])
                swept = minute
        columns["up"][minute] = 1
        columns["api"][minute] = 0 if down[minute] else 1
        columns["s"][minute] = sessions
        columns["b"][minute] = bots
        columns["f"][minute] = scrapes.start + 60 * (counted - 5)
        scored[minute] = score
        for name in names:
            if totals[name]:
                flag_columns[name][minute] = totals[name]
    labels = {"job": JOB, "instance": instance}
    mine = {**labels, "integration": INTEGRATION}
    scrapes.add("up", columns["up"], **labels)
    scrapes.add("isnotai_up", columns["api"], **mine)
    scrapes.add("isnotai_sessions_total", columns["s"], **mine)
    scrapes.add("isnotai_bot_sessions_total", columns["b"], **mine)
    scrapes.add("isnotai_session_bot_score_count", columns["s"], **mine)
    scrapes.add("isnotai_session_bot_score_sum", scored, **mine)
    scrapes.add("isnotai_session_frontier_timestamp_seconds", columns["f"], **mine)
    for name in names:
        scrapes.add("isnotai_session_flags_total", flag_columns[name], flag=name, **mine)
