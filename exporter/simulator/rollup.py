"""Hourly sums over sessions, from which analytics and usage are answered.

A session counts in the hour of its creation, at its final score, as if it had been analysed at
once. Sums stay when sessions are forgotten.
"""

from collections import Counter

from exporter.simulator.curve import HOUR
from exporter.simulator.sessions import (
    Session,
    browser,
    device,
    event_count,
    fingerprint,
    origin,
    person,
    user_matched,
)

BOT = 0.7
"""From this score on the API itself calls a session a bot."""


class Hour:
    """The sums of one hour, or of several added up. Users and bots are sets, as bits."""

    __slots__ = (
        "bots",
        "bots_by_origin",
        "browsers",
        "devices",
        "events",
        "fingerprints",
        "high",
        "low",
        "matched",
        "score_sum",
        "scored",
        "sessions",
        "sessions_by_origin",
        "users",
    )

    def __init__(self) -> None:
        """Nothing yet."""
        self.sessions = self.events = self.matched = self.scored = 0
        self.bots = self.high = self.low = 0
        self.score_sum = 0.0
        self.users = self.fingerprints = 0
        self.devices: Counter[str] = Counter()
        self.browsers: Counter[str] = Counter()
        self.sessions_by_origin: Counter[str] = Counter()
        self.bots_by_origin: Counter[str] = Counter()

    def count(self, session: Session, score: float | None) -> None:
        """Add one session with its final score."""
        salt = session.salt
        where = origin(salt)
        self.sessions += 1
        self.events += event_count(salt)
        if user_matched(salt):
            self.matched += 1
            self.users |= 1 << person(salt)
        self.devices[device(salt)] += 1
        self.browsers[browser(salt)] += 1
        self.sessions_by_origin[where] += 1
        if score is None:
            return
        self.scored += 1
        self.score_sum += score
        if score >= BOT:
            self.bots += 1
            self.high += score >= 0.9
            self.bots_by_origin[where] += 1
            self.fingerprints |= 1 << fingerprint(salt)
        elif score >= 0.4:
            self.low += 1

    def add(self, other: "Hour") -> None:
        """Add another hour's sums to these."""
        self.sessions += other.sessions
        self.events += other.events
        self.matched += other.matched
        self.scored += other.scored
        self.bots += other.bots
        self.high += other.high
        self.low += other.low
        self.score_sum += other.score_sum
        self.users |= other.users
        self.fingerprints |= other.fingerprints
        self.devices.update(other.devices)
        self.browsers.update(other.browsers)
        self.sessions_by_origin.update(other.sessions_by_origin)
        self.bots_by_origin.update(other.bots_by_origin)


class Rollup:
    """The hours of a world, by their number since the epoch."""

    def __init__(self) -> None:
        """Start empty."""
        self._hours: dict[int, Hour] = {}

    def count(self, session: Session, score: float | None) -> None:
        """Add a session to the hour of its creation."""
        number = session.created // HOUR
        hour = self._hours.get(number)
        if hour is None:
            hour = self._hours[number] = Hour()
        hour.count(session, score)

    def between(self, first: int, last: int) -> Hour:
        """The sum of the hours with these numbers since the epoch, both inclusive."""
        total = Hour()
        for number in range(first, last + 1):
            hour = self._hours.get(number)
            if hour is not None:
                total.add(hour)
        return total

    def everything(self) -> Hour:
        """The sum of all hours."""
        total = Hour()
        for hour in self._hours.values():
            total.add(hour)
        return total

    @property
    def oldest(self) -> int | None:
        """The number of the oldest hour with a session."""
        return min(self._hours, default=None)
