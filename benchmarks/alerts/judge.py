"""Compares what fired with what happened: recall, time to detection, false alarms, chance.

A firing belongs to an attack when it fires between the attack's start and an hour after its end
(a day after for those of low severity, whose windows are as long). What belongs to none is false,
and firings of one severity less than three hours apart are one alarm, as whoever is called sees it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, sqrt
from statistics import median

from benchmarks.alerts.engine import Firing
from benchmarks.alerts.ideal import first_minute, since_start
from benchmarks.alerts.term import DAY, HOUR, SIZES, Attack, Term

MONTH = 30.44 * DAY
PAGE, WARNING, INFO = "critical", "warning", "info"
AFTER = {PAGE: 2 * HOUR, WARNING: DAY + HOUR, INFO: DAY + HOUR}
STOPPED = "NotAISessionsStopped"
LOW_AND_SLOW = "low and slow with a page or a warning within a day"
FAST_FROM = 5_000
"""Sessions a day from which on sudden waves should page within minutes."""


@dataclass(frozen=True, slots=True)
class Told:
    """An attack that is no chance, at a site of so many sessions a day; times in minutes, or None.

    paged, warned, noticed: to the first page, page or warning, alert of any severity. possible: to
    the evidence, for someone who knows the site's true rates.
    """

    attack: Attack
    size: int
    paged: int | None
    warned: int | None
    noticed: int | None
    possible: int | None

    @property
    def large(self) -> bool:
        """Whether at least four times as many bots came as usual, outside of breaks."""
        return self.attack.factor >= 4 and not self.attack.in_break

    @property
    def sudden(self) -> bool:
        """Whether it was large and so from its first minute on, with nothing else the matter."""
        return self.large and self.attack.kind in ("sudden", "weekly", "first week")


@dataclass(slots=True)
class Tally:
    """Counts over terms. Of slow ones, only attacks, pixel outages and calm days are counted."""

    attacks: list[Told] = field(default_factory=list)
    slow: list[Told] = field(default_factory=list)
    """Those that are low and slow, of terms of both kinds."""
    false: dict[str, list[tuple[int, str]]] = field(
        default_factory=lambda: {PAGE: [], WARNING: [], INFO: []}
    )
    months: dict[int, float] = field(default_factory=dict)
    pixels: list[int | None] = field(default_factory=list)
    calm_days: list[bool] = field(default_factory=list)
    """For each day with neither an attack nor a benign event: whether a page or a warning fired."""
    benign_days: list[bool] = field(default_factory=list)
    """The same for each day without an attack in which a benign event could tell."""

    def add(self, term: Term, fired: Sequence[Firing]) -> None:
        """Take in a term with what fired during it."""
        security = [one for one in fired if one.labels["audience"] == "security"]
        stopped = [one for one in security if one.alert == STOPPED]
        others = [one for one in security if one.alert != STOPPED]
        for attack in term.attacks:
            if attack.can_be_told:
                paged = _first(attack, others, (PAGE,))
                warned = _first(attack, others, (PAGE, WARNING))
                noticed = _first(attack, others, (PAGE, WARNING, INFO))
                is_slow = attack.kind == "low and slow"
                possible = (since_start if is_slow else first_minute)(term, attack)
                told = Told(attack, term.size, paged, warned, noticed, possible)
                if is_slow:
                    self.slow.append(told)
                if not term.slow:
                    self.attacks.append(told)
        for start, end in term.pixel_outages:
            if sum(term.expected[start : start + 30]) >= 20:
                times_ = [one.start - start for one in stopped if start <= one.start < end + 30]
                self.pixels.append(min(times_, default=None))
        self._add_days(term, others)
        if term.slow:
            return
        for severity in self.false:
            mine = [one for one in security if one.labels["severity"] == severity]
            self._add_false(severity, term, mine)
        self.months[term.size] = self.months.get(term.size, 0) + term.minutes / MONTH

    def _add_days(self, term: Term, others: Iterable[Firing]) -> None:
        """The days without an attack, of which the first and the last do not count."""
        loud = [one for one in others if one.labels["severity"] in (PAGE, WARNING)]
        for start in range(DAY, term.minutes - DAY, DAY):
            near = (
                attack.start - HOUR < start + DAY and start < attack.end + DAY + 2 * HOUR
                for attack in term.attacks
            )
            if not any(near):
                fires = any(one.start < start + DAY and start < one.end for one in loud)
                benign = any(
                    begin < start + DAY and start < end + DAY for _, begin, end in term.benign
                )
                (self.benign_days if benign else self.calm_days).append(fires)

    def _add_false(self, severity: str, term: Term, mine: Iterable[Firing]) -> None:
        last = -DAY
        for one in sorted(mine, key=lambda it: it.start):
            if one.alert == STOPPED:
                real = any(start <= one.start < end + HOUR for start, end in term.pixel_outages)
            else:
                after = AFTER[severity]
                real = any(
                    one.start < attack.end + after and attack.start < one.end
                    for attack in term.attacks
                )
            if real:
                continue
            if one.start > last + 3 * HOUR:
                self.false[severity].append((term.size, one.alert))
            last = max(last, one.end)


def _first(attack: Attack, fired: Iterable[Firing], severities: Sequence[str]) -> int | None:
    """Minutes from the attack's start to the first such alert that fires during it."""
    times = [
        max(0, one.start - attack.start)
        for one in fired
        if one.labels["severity"] in severities
        and one.start < attack.end + HOUR
        and attack.start < one.end
    ]
    return min(times, default=None)


def interval(part: int, whole: int) -> str:
    """A share in percent with its 95 % interval by Wilson."""
    if not whole:
        return "–"
    share, z = part / whole, 1.96
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return f"{100 * share:.1f} % ({100 * low:.0f}–{100 * high:.0f}, n={whole})"


def rate(count: int, months: float) -> str:
    """Events a month with a rough 95 % interval."""
    if not months:
        return "–"
    low = max(0.0, sqrt(count) - 0.98) ** 2
    high = (sqrt(count + 1) + 0.98) ** 2
    return f"{count / months:.2f} ({low / months:.2f}–{high / months:.2f})"


def within_a_day(of: Sequence[Told], name: str) -> str:
    """The share of which that time is a day at most."""
    times = [getattr(one, name) for one in of]
    return interval(sum(time is not None and time <= DAY for time in times), len(times))


def _times(minutes: Sequence[int | None]) -> str:
    """The median in minutes, one that never came counted as later than all others."""
    if not minutes:
        return "–"
    middle = median(inf if one is None else one for one in minutes)
    shown = f"{middle:.0f} min" if isfinite(middle) else "never"
    return f"{shown} (n={len(minutes)})"


def table(tally: Tally) -> dict[str, str]:
    """What a reader of the docs wants to know, by its name."""
    told = tally.attacks
    large = [one for one in told if one.large]
    waves = [one for one in large if one.attack.kind != "ramp"]
    sudden = [one for one in told if one.sudden and one.size >= FAST_FROM]
    telling = [one for one in tally.slow if one.possible is not None and one.possible <= DAY]
    outside = [one for one in telling if not one.attack.in_break]
    months = sum(tally.months.values())

    def share(of: Sequence[Told], name: str) -> str:
        return interval(sum(getattr(one, name) is not None for one in of), len(of))

    speed = {
        f"median to the page, sudden, {size:,} a day": _times(
            [one.paged for one in sudden if one.size == size]
        )
        for size in SIZES
        if size >= FAST_FROM
    }
    return {
        "attacks with an alert": share(told, "noticed"),
        "attacks with a page or a warning": share(told, "warned"),
        "attacks with a page": share(told, "paged"),
        "waves of ×4 and more with a page, outside of breaks": share(large, "paged"),
        "the same without ramps": share(waves, "paged"),
        f"median to the page, sudden, {FAST_FROM:,} a day and more": _times(
            [one.paged for one in sudden]
        ),
        **speed,
        LOW_AND_SLOW: within_a_day(tally.slow, "warned"),
        "the same, of those that can be told within a day": within_a_day(telling, "warned"),
        "the same, outside of breaks": within_a_day(outside, "warned"),
        "days without attack and without benign event that have one": interval(
            sum(tally.calm_days), len(tally.calm_days)
        ),
        "days of a benign event, without attack, that have one": interval(
            sum(tally.benign_days), len(tally.benign_days)
        ),
        "pixel outages within 30 min": interval(
            sum(time is not None and time <= 30 for time in tally.pixels), len(tally.pixels)
        ),
        "false pages a month": rate(len(tally.false[PAGE]), months),
        "false warnings a month": rate(len(tally.false[WARNING]), months),
        "false hints a month": rate(len(tally.false[INFO]), months),
    }


def possible(tally: Tally) -> dict[str, str]:
    """The rows of `table` on how soon, for someone who knows the sites' true rates."""
    sudden = [one for one in tally.attacks if one.sudden and one.size >= FAST_FROM]
    rows = {
        f"median to the page, sudden, {FAST_FROM:,} a day and more": _times(
            [one.possible for one in sudden]
        ),
        LOW_AND_SLOW: within_a_day(tally.slow, "possible"),
    }
    for size in SIZES:
        if size >= FAST_FROM:
            of_size = [one.possible for one in sudden if one.size == size]
            rows[f"median to the page, sudden, {size:,} a day"] = _times(of_size)
    return rows
