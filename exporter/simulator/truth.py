"""What a perfect reader must have counted in the end: the oracle of every counting test.

One row for each session that was ever created, in arrays (some 40 bytes a session), kept also when
the session itself was forgotten. Nothing here can be read through the API.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, field
from math import fsum, isnan, nan
from typing import Final, NamedTuple

from exporter.simulator.sessions import EVENT_TYPES, course, event_counts, is_hidden

SCORE_BOUNDS: Final = tuple(n / 10 for n in range(1, 11))


@dataclass(frozen=True, slots=True)
class Truth:
    """Counts over distinct sessions, each at its final state."""

    sessions: int
    """Valid sessions."""
    bot_sessions: int
    """Those whose score, as the list showed it, reached the threshold at any time."""
    flags: dict[str, int]
    """Number of valid sessions that ended with the flag."""
    bot_flags: dict[str, int]
    """Of them, those that are among `bot_sessions`."""
    score_count: int
    """Valid sessions with a final score."""
    score_sum: float
    score_buckets: tuple[int, ...]
    """Cumulative: final scores at or below each of SCORE_BOUNDS."""
    invalid_items: int
    """Sessions with a field of a wrong type, which count nowhere else."""
    courses: dict[str, int] = field(default_factory=dict)
    """Valid sessions by the number of the course in their page's address."""
    bot_courses: dict[str, int] = field(default_factory=dict)
    """Of them, those that are among `bot_sessions`."""
    bot_events: dict[str, int] = field(default_factory=dict)
    """Events by type of `bot_sessions`, as their details have them."""
    bot_seconds: float = 0.0
    """How long `bot_sessions` lasted, together, as their details have it."""
    missing_details: int = 0
    """Of `bot_sessions`, those that have no details."""


class Outcome(NamedTuple):
    """How a session stands in the end; `counted` is False if the list never shows it."""

    final: float | None
    peak: float | None
    flags: tuple[str, ...]
    counted: bool = True


def _by_flag(by_set: Counter[tuple[str, ...]]) -> dict[str, int]:
    flags = Counter[str]()
    for names, count in by_set.items():
        flags.update(dict.fromkeys(names, count))
    return dict(sorted(flags.items()))


class TruthTable:
    """A row per session in order of creation: created, salt, final and peak score, flags."""

    def __init__(self) -> None:
        """Start empty."""
        self._created = array("q")
        self._salt = array("Q")
        self._final = array("d")
        self._peak = array("d")
        self._flags = array("L")
        self._end = array("q")
        self._valid = bytearray()
        self._paged = bytearray()
        self._flag_sets: list[tuple[str, ...]] = []
        self._set_numbers: dict[tuple[str, ...], int] = {}

    def __len__(self) -> int:
        """Sessions ever created."""
        return len(self._created)

    def add(
        self, created: int, salt: int, outcome: Outcome, valid: bool, end: int, paged: bool
    ) -> int:
        """Append a session created no earlier than the last one; its row number.

        end: its last change. paged: whether the list shows its page's address.
        """
        number = self._set_numbers.get(outcome.flags)
        if number is None:
            number = self._set_numbers[outcome.flags] = len(self._flag_sets)
            self._flag_sets.append(outcome.flags)
        self._created.append(created)
        self._salt.append(salt)
        self._final.append(nan if outcome.final is None else outcome.final)
        self._peak.append(nan if outcome.peak is None else outcome.peak)
        self._flags.append(number)
        self._end.append(end)
        self._valid.append(valid)
        self._paged.append(paged)
        return len(self._created) - 1

    def truth(
        self,
        since: int,
        threshold: float,
        hidden_share: float = 0.0,
        overrides: dict[int, Outcome] | None = None,
        hidden_details: float = 0.0,
    ) -> Truth:
        """Count the rows created at or after `since` (microseconds).

        `hidden_share` leaves out what the list hides; `overrides` replaces rows by their number.
        `hidden_details`: the share of sessions that have no details.
        """
        overrides = overrides or {}
        sessions = bots = invalid = 0
        by_set, bots_by_set = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
        scores: list[float] = []
        courses, bot_courses = Counter[str](), Counter[str]()
        events = Counter[str]()
        micros = missing = 0
        for row in range(bisect_left(self._created, since), len(self._created)):
            if hidden_share and is_hidden(self._salt[row], hidden_share):
                continue
            changed = overrides.get(row)
            if changed is not None and not changed.counted:
                continue
            if not self._valid[row]:
                invalid += 1
                continue
            sessions += 1
            if changed is None:
                final, peak = self._final[row], self._peak[row]
                flags = self._flag_sets[self._flags[row]]
            else:
                final = nan if changed.final is None else changed.final
                peak = nan if changed.peak is None else changed.peak
                flags = changed.flags
            by_set[flags] += 1
            salt = self._salt[row]
            if self._paged[row]:
                courses[str(course(salt))] += 1
            if peak >= threshold:
                bots += 1
                bots_by_set[flags] += 1
                if self._paged[row]:
                    bot_courses[str(course(salt))] += 1
                if is_hidden(salt, hidden_details):
                    missing += 1
                else:
                    events.update(dict(zip(EVENT_TYPES, event_counts(salt), strict=True)))
                    micros += self._end[row] - self._created[row]
            if not isnan(final):
                scores.append(final)
        scores.sort()
        return Truth(
            sessions=sessions,
            bot_sessions=bots,
            flags=_by_flag(by_set),
            bot_flags=_by_flag(bots_by_set),
            score_count=len(scores),
            score_sum=fsum(scores),
            score_buckets=tuple(bisect_right(scores, bound) for bound in SCORE_BOUNDS),
            invalid_items=invalid,
            courses=dict(sorted(courses.items())),
            bot_courses=dict(sorted(bot_courses.items())),
            bot_events=dict(events),
            bot_seconds=micros / 1_000_000,
            missing_details=missing,
        )
