"""Whole lives of sessions, drawn at birth: a slot of time gives the sessions created in it.

Pure and seeded: the same seed, settings and slot give the same sessions, and a session's every
later state is part of its plan, so that nothing depends on how often somebody looks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from math import exp, inf, sqrt
from random import Random
from typing import Final, NamedTuple

from exporter.simulator.curve import intensity
from exporter.simulator.sessions import INVALID_FORMS, OPTIONAL_FIELDS, Session, Step, null_bit

_SCORES: Final = tuple(n / 100 for n in range(101))
DEFAULT_FLAGS: Final = (
    "webdriver",
    "headless",
    "linear_mouse",
    "no_scroll",
    "uniform_timing",
    "paste_burst",
    "debugger_attached",
    "agent_extension",
    "datacenter_network",
    "superhuman_speed",
    "hidden_tab",
    "synthetic_events",
)
_UNKNOWN_SCORE = null_bit("botScore", absent=False) | null_bit("botScore", absent=True)
_UNKNOWN_FLAGS = null_bit("detectionFlags", absent=False) | null_bit("detectionFlags", absent=True)


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """What a world is like. Shares are 0..1; raises ValueError that names a bad value."""

    rate: float = 1.0
    """Sessions created per second, at the mean of the curve."""
    flat: bool = False
    """The mean rate at all times: no day, no week, no waves."""
    bot_share: float = 0.15
    """Share of sessions that AI agents make, at the mean of the curve."""
    lifetime: tuple[timedelta, timedelta] = (timedelta(seconds=20), timedelta(minutes=10))
    """From creation to close, which is also the last change: shortest and longest."""
    late_share: float = 0.0
    late_max: timedelta = timedelta(0)
    """A late session shows in the list up to `late_max` after its createdAt."""
    null_share: float = 0.05
    """Share of sessions with one to three optional fields that are null or absent for good."""
    invalid_share: float = 0.0
    """Share of sessions with a known field of a wrong type, for good."""
    history: timedelta = timedelta(hours=6)
    """How far before the start sessions exist already."""
    falling_scores: bool = False
    """Three in ten bots' scores fall at the close; a poller may then miss the peak."""
    static_sessions: int = 0
    """If above 0: so many sessions, evenly over `history`, instead of what the rate would give."""
    static_active: bool = False
    """Static sessions stay active for ever; otherwise they are closed."""
    flags: tuple[str, ...] = DEFAULT_FLAGS
    """The vocabulary of detectionFlags."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_share") and not 0 <= value <= 1:
                raise ValueError(f"{field.name} must lie in 0..1: {value!r}")
            if isinstance(value, timedelta) and value < timedelta(0):
                raise ValueError(f"{field.name} must not be negative: {value!r}")
        if not 0 <= self.rate < inf:
            raise ValueError(f"rate must not be negative: {self.rate!r}")
        if self.static_sessions < 0:
            raise ValueError(f"static_sessions must not be negative: {self.static_sessions!r}")
        if self.static_sessions and not self.history:
            raise ValueError("static_sessions needs a history above 0 to lie in")
        if not timedelta(milliseconds=1) <= self.lifetime[0] <= self.lifetime[1]:
            raise ValueError(f"lifetime must be a range of at least 1 ms: {self.lifetime!r}")
        if not self.flags:
            raise ValueError("flags must not be empty")


class Life(NamedTuple):
    """A session in its first state, when the list first shows it, and how it ends.

    `final` and `peak` are scores: the last one, and the highest one that the list ever shows.
    """

    session: Session
    visible: int
    final: float | None
    peak: float | None
    flags: tuple[str, ...]


def slot_length(settings: WorldSettings) -> int:
    """Microseconds of a slot: some 32 sessions, between 1 ms and five minutes."""
    if settings.rate <= 0:
        return 300_000_000
    return int(min(300.0, max(0.001, 32 / settings.rate)) * 1_000_000)


def lives(seed: int, settings: WorldSettings, start: int, length: int) -> Iterator[Life]:
    """The sessions created in [start, start + length) microseconds, in order of creation."""
    rng = Random(((seed & (1 << 63) - 1) << 64) ^ start)  # noqa: S311 - a simulation, not a secret
    people, agents = intensity(seed, start, settings.flat)
    mean = settings.rate * length / 1_000_000
    births = [(start + int(length * rng.random()), True)
              for _ in range(_poisson(rng, mean * settings.bot_share * agents))]  # fmt: skip
    births += [(start + int(length * rng.random()), False)
               for _ in range(_poisson(rng, mean * (1 - settings.bot_share) * people))]  # fmt: skip
    births.sort()
    for created, agent in births:
        yield _life(rng, settings, created, agent)


def static_lives(seed: int, settings: WorldSettings, start: int) -> Iterator[Life]:
    """`static_sessions` sessions evenly over the history before `start`; they never change."""
    rng = Random(((seed & (1 << 63) - 1) << 64) ^ start ^ 1)  # noqa: S311 - a simulation
    count = settings.static_sessions
    span = settings.history // timedelta(microseconds=1)
    flag_sets = [settings.flags[: 1 + n % 5] for n in range(len(settings.flags))]
    for number in range(count):
        created = start - span + number * span // count
        agent = rng.random() < settings.bot_share
        score = _final_score(rng, agent)
        flags = flag_sets[int(rng.random() * len(flag_sets))] if agent else ()
        state = Step(created, score, flags, settings.static_active)
        session = Session(rng.getrandbits(64), created, agent, 0, 0, (state,))
        yield Life(session, created, score, score, flags)


def _poisson(rng: Random, mean: float) -> int:
    """A Poisson number: by Knuth's method when small, else by the normal distribution."""
    if mean <= 0:
        return 0
    if mean > 60:
        total = sum(rng.random() for _ in range(12)) - 6  # close enough to a normal deviate
        return max(0, round(mean + sqrt(mean) * total))
    limit, product, count = exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def _final_score(rng: Random, agent: bool) -> float:
    if agent:
        return _SCORES[round(45 + 55 * sqrt(rng.random()))]
    draw = rng.random()
    ceiling = 85 if draw > 0.98 else 55
    return _SCORES[round(ceiling * rng.random() ** 2)]


def _some_flags(rng: Random, vocabulary: tuple[str, ...], agent: bool) -> tuple[str, ...]:
    if not agent and rng.random() > 0.06:
        return ()
    count = 1 + int(5 * rng.random()) if agent else 1
    chosen = {int(len(vocabulary) * rng.random() ** 1.5) for _ in range(count)}
    return tuple(vocabulary[at] for at in sorted(chosen))


def _nulls(rng: Random) -> int:
    bits = 0
    for _ in range(1 + int(3 * rng.random())):
        bits |= 1 << int(2 * len(OPTIONAL_FIELDS) * rng.random())
    return bits


def _life(rng: Random, settings: WorldSettings, created: int, agent: bool) -> Life:
    salt = rng.getrandbits(64)
    invalid = 0
    if settings.invalid_share and rng.random() < settings.invalid_share:
        invalid = 1 + int(len(INVALID_FORMS) * rng.random())
    nulls = _nulls(rng) if not invalid and rng.random() < settings.null_share else 0
    visible = created
    if settings.late_share and rng.random() < settings.late_share:
        visible += int((settings.late_max // timedelta(microseconds=1)) * rng.random())
    final: float | None = _final_score(rng, agent)
    flags = () if nulls & _UNKNOWN_FLAGS else _some_flags(rng, settings.flags, agent)
    scored = not nulls & _UNKNOWN_SCORE
    plan = _plan(rng, settings, created, final if scored else None, flags)
    session = Session(salt, created, agent, nulls, invalid, plan)
    shown = [step.score for step, until in zip(plan, [*(s.at for s in plan[1:]), inf], strict=True)
             if until > visible and step.score is not None]  # fmt: skip
    return Life(session, visible, plan[-1].score, max(shown, default=None), flags)


def _plan(
    rng: Random, settings: WorldSettings, created: int, final: float | None, flags: tuple[str, ...]
) -> tuple[Step, ...]:
    """States from creation to close: the score rises, flags are added, the last one is closed."""
    shortest, longest = (bound // timedelta(microseconds=1) for bound in settings.lifetime)
    lifetime = shortest + int((longest - shortest) * rng.random() ** 2)
    changes = int(4 * rng.random())
    steps = []
    score = (
        None if final is None or rng.random() < 0.3 else _SCORES[int(100 * final * rng.random())]
    )
    steps.append(Step(created, score, (), True))
    for number in range(1, changes + 1):
        at = created + lifetime * number // (changes + 2)
        part = number / (changes + 1)
        if final is not None:
            score = _SCORES[max(round(100 * (score or 0.0)), round(100 * final * part))]
        steps.append(Step(at, score, flags[: round(len(flags) * part)], True))
    last = final
    if final is not None and settings.falling_scores and final >= 0.5 and rng.random() < 0.3:
        steps.append(Step(created + lifetime * (changes + 1) // (changes + 2), final, flags, True))
        last = _SCORES[round(50 * final)]
    steps.append(Step(created + lifetime, last, flags, False))
    return tuple(steps)
