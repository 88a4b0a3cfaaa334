"""Which value of a place a session counts under: its own, or `other` where that may not show.

Pure rules; docs/places.md says what they protect, and what not. A value shows once enough distinct
users were seen in it, and while others stay hidden beside it, so that no total gives a hidden one
away by subtraction. Only hashes of users are known here, and of each no more than are needed.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from exporter.metrics.model import OTHER
from exporter.places import Place

MOST_HIDDEN = 1000
"""Hidden values of one place that are remembered; those seen longest ago are forgotten first."""

MOST_USERS = 100_000
"""Hashes of users that are remembered for the hidden values of one place."""


def most_hidden(min_users: int) -> int:
    """How many hidden values of a place are remembered where each may have so many users."""
    return max(100, min(MOST_HIDDEN, MOST_USERS // min_users))


@dataclass(slots=True)
class Value:
    """What is known of one value of a place.

    users: how many distinct users were seen in it, at most as many as it takes to show it.
    seen: when it was read last, microseconds by the API's clock.
    name: the value itself, once it is shown; before that only its hash is kept.
    """

    place: str
    users: int = 0
    seen: int = 0
    name: str | None = None


@dataclass(slots=True)
class Stand:
    """How many values of a place are shown, and hidden: `ready` with enough users, and `few`."""

    shown: int = 0
    ready: int = 0
    few: int = 0


@dataclass(slots=True)
class Book:
    """The values that a batch of readings is about, and what these change.

    places: by name. hashed: what stands for a value, or for a user of a value.
    values: by hash; those of the batch. stands: by place. users: of hidden values, (value, user).
    """

    places: Mapping[str, Place]
    min_users: int
    hashed: Callable[[str], bytes]
    values: dict[bytes, Value] = field(default_factory=dict)
    stands: dict[str, Stand] = field(default_factory=dict)
    users: set[tuple[bytes, bytes]] = field(default_factory=set)
    changed: set[bytes] = field(default_factory=set)
    new_users: set[tuple[bytes, bytes]] = field(default_factory=set)
    folded: Counter[str] = field(default_factory=Counter)
    """Values that would show if the place had room, by place: once for each label given."""

    def key(self, place: str, value: str) -> bytes:
        """What stands for that value of a place."""
        return self.hashed(f"{place}\0{value}")

    def label(self, place: str, value: str, user: str | None, at: int) -> str:
        """What a session read at `at`, by that user, counts under."""
        rules = self.places[place]
        if not value:
            return OTHER
        key = self.key(place, value)
        known, stand = self.values.get(key), self.stands.setdefault(place, Stand())
        if known is None:
            known = self.values[key] = Value(place)
            stand.few += 1
        if known.name is not None:
            return known.name
        known.seen = max(known.seen, at)
        self.changed.add(key)
        self._note(
            key, known, stand, None if user is None else self.hashed(f"{place}\0{value}\0{user}")
        )
        if known.users < self.min_users or not self._may_show(rules, stand):
            return OTHER
        if stand.shown >= rules.most:
            self.folded[place] += 1
            return OTHER
        known.name = value
        stand.ready, stand.shown = stand.ready - 1, stand.shown + 1
        return value

    def _note(self, key: bytes, known: Value, stand: Stand, user: bytes | None) -> None:
        """Count one more distinct user of a hidden value, as long as it lacks some."""
        if user is None or known.users >= self.min_users or (key, user) in self.users:
            return
        self.users.add((key, user))
        self.new_users.add((key, user))
        known.users += 1
        if known.users >= self.min_users:
            stand.few, stand.ready = stand.few - 1, stand.ready + 1

    @staticmethod
    def _may_show(place: Place, stand: Stand) -> bool:
        """Whether one ready value less may be hidden.

        A value with few users must never be the only hidden one: all that `other` grows by would be
        its. So two stay hidden, or one that might show; it is there when the next new value comes.
        """
        if not place.open:
            return True
        ready = stand.ready - 1
        return ready >= 1 or stand.few >= 2
