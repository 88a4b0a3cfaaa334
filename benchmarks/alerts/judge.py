"""Compares what fired with what happened: recall, time to detection, false alarms, chance.

A firing belongs to an attack when it fires between the attack's start and an hour after its end
(a day after for those of low severity, whose windows are as long). What belongs to none is false,
and firings of one severity less than three hours apart are one alarm, as whoever is called sees it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import median

from benchmarks.alerts.engine import Firing
from benchmarks.alerts.term import DAY, HOUR, Attack, Term

MONTH = 30.44 * DAY
PAGE, WARNING, INFO = "critical", "warning", "info"
AFTER = {PAGE: 2 * HOUR, WARNING: DAY + HOUR, INFO: DAY + HOUR}
STOPPED = "NotAISessionsStopped"


@dataclass(slots=True)
class Tally:
    """Counts over terms."""

    attacks: list[tuple[Attack, int, int | None, int | None, int | None]] = field(
        default_factory=list
    )
    """Each with the site's size, and minutes to the first page, to the first page or warning, and
    to the first alert of any severity."""
    false: dict[str, list[tuple[int, str]]] = field(
        default_factory=lambda: {PAGE: [], WARNING: [], INFO: []}
    )
    months: dict[int, float] = field(default_factory=dict)
    pixels: list[int | None] = field(default_factory=list)
    calm_days: list[bool] = field(default_factory=list)
    """For each day without an attack: whether a page or a warning fired in it, by chance."""

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
                self.attacks.append((attack, term.size, paged, warned, noticed))
        for start, end in term.pixel_outages:
            if sum(term.expected[start : start + 30]) >= 20:
                times_ = [one.start - start for one in stopped if start <= one.start < end + 30]
                self.pixels.append(min(times_, default=None))
        for severity in self.false:
            mine = [one for one in security if one.labels["severity"] == severity]
            self._add_false(severity, term, mine)
        self.months[term.size] = self.months.get(term.size, 0) + term.minutes / MONTH
        loud = [one for one in others if one.labels["severity"] in (PAGE, WARNING)]
        for start in range(DAY, term.minutes - DAY, DAY):
            near = (
                attack.start - HOUR < start + DAY and start < attack.end + DAY + 2 * HOUR
                for attack in term.attacks
            )
            if not any(near):
                fires = any(one.start < start + DAY and start < one.end for one in loud)
                self.calm_days.append(fires)

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
    low = max(0.0, sqrt(count) - 0.98) ** 2
    high = (sqrt(count + 1) + 0.98) ** 2
    return f"{count / months:.2f} ({low / months:.2f}–{high / months:.2f})"


def table(tally: Tally) -> dict[str, str]:
    """What a reader of the docs wants to know, by its name."""
    told = tally.attacks
    waves = [
        one for one in told if one[0].factor >= 4 and not one[0].in_break and one[0].kind != "ramp"
    ]
    ramps = [one for one in told if one[0].factor >= 4 and not one[0].in_break]
    sudden = [one for one in waves if one[0].kind in ("sudden", "weekly", "first week")]
    slow = [one for one in told if one[0].kind == "low and slow"]
    months = sum(tally.months.values())

    def speed(smallest: int) -> str:
        times = [one[2] for one in sudden if one[1] >= smallest and one[2] is not None]
        return f"{median(times):.0f} min (n={len(times)})" if times else "–"

    return {
        "attacks with an alert": interval(sum(one[4] is not None for one in told), len(told)),
        "attacks with a page or a warning": interval(
            sum(one[3] is not None for one in told), len(told)
        ),
        "attacks with a page": interval(sum(one[2] is not None for one in told), len(told)),
        "waves of ×4 and more with a page, outside of breaks": interval(
            sum(one[2] is not None for one in ramps), len(ramps)
        ),
        "the same without ramps": interval(sum(one[2] is not None for one in waves), len(waves)),
        "median to the page, sudden, 5,000 a day and more": speed(5_000),
        "median to the page, sudden, 200,000 a day": speed(200_000),
        "low and slow with a page or a warning within a day": interval(
            sum(one[3] is not None and one[3] <= DAY for one in slow), len(slow)
        ),
        "days without attack that have one by chance": interval(
            sum(tally.calm_days), len(tally.calm_days)
        ),
        "pixel outages within 30 min": interval(
            sum(time is not None and time <= 30 for time in tally.pixels), len(tally.pixels)
        ),
        "false pages a month": rate(len(tally.false[PAGE]), months),
        "false warnings a month": rate(len(tally.false[WARNING]), months),
        "false hints a month": rate(len(tally.false[INFO]), months),
    }
