"""The API's clock, learned from the Date header of its answers.

Windows and ages are counted on this clock, so that ours may be minutes off. A Date is cut to the
second and was written at some moment between request and answer. So the request surely left at
`Date - round trip` or later; that bound is kept. Between answers the monotonic clock carries it on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from exporter.api.times import LATEST, LONGEST_TEXT, MICROSECONDS

JUMP_SECONDS = 2.0
"""A Date further off than this what was expected is not believed at once."""

AGREED_SECONDS = 60.0
"""Two Dates agree if they differ by no more than this, less the time that passed between them."""

HELD_SECONDS = 120.0
"""For so long Dates must agree before they set the clock: where one server of several is wrong,
another will most likely answer in that time."""

FAR_SECONDS = 2400.0
"""Clocks may be minutes apart. Dates that are off by more need a witness, or to agree for long."""

_FAR = round(FAR_SECONDS * MICROSECONDS)

FAR_HELD_SECONDS = 3600.0
"""For so long they must agree without a witness: a clock that was really set is then followed."""


FIRST_DATES = 4
"""After so many first Dates of which no two agree, our own clock stands in."""


def parse_http_date(text: str) -> int | None:
    """Microseconds since 1970 of an HTTP-date (RFC 9110), or None where `text` is none."""
    if len(text) > LONGEST_TEXT:
        return None
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            # The oldest of the three forms names no zone, and means UTC all the same.
            moment = moment.replace(tzinfo=UTC)
        micros = int(moment.timestamp()) * MICROSECONDS
    except (ValueError, TypeError, OverflowError):
        return None
    # What lies beyond is not a clock, and no days can be reckoned from it.
    return micros if 0 <= micros < LATEST else None


@dataclass(slots=True)
class _Anchor:
    """late: seconds by which `server` probably lies before the truth."""

    server: int
    monotonic: float
    late: float

    @property
    def spread(self) -> int:
        """By so much the truth may lie past `server`, in microseconds."""
        return round(2 * self.late * MICROSECONDS)

    def at(self, monotonic: float) -> int:
        return self.server + round((monotonic - self.monotonic) * MICROSECONDS)


class ServerClock:
    """What the API's clock shows, in microseconds since 1970, and never more than it really shows.

    One exception: it follows a step back late. Meanwhile `observe` gives each answer its own time,
    and none a later one than the lowest of the last Dates that were behind by up to
    AGREED_SECONDS: the Date of the answer itself may be a wrong one, or missing. A Date behind by
    more is a wrong server's, or a step back of a size that the frontier follows.

    **Unexpected Dates.** Earlier Dates say what the next one should be, and our own clock what the
    first. One that differs is set aside until others have agreed with it for a while. A wrong one
    ahead would move the frontier past sessions that nobody read, and settle sessions that are still
    open. One behind would show as readable what has left the history. Of Dates that agree, the
    lowest counts. Answers on one connection come from one server, so that a second one that agrees
    proves little.

    **First Dates that are minutes off our clock.** Until Dates have agreed for two minutes,
    something else stands in for the API's clock (`stands_in`): two Dates that agree, if they are
    behind our clock; else our own clock, or the newest createdAt where that is later, as the API's
    clock has shown it. Any of these may be ahead of the API's, so meanwhile an answer's own time is
    that of the newest createdAt at most.

    **Dates off by more than `FAR_SECONDS`.** One server may be wrong for long, so it does not count
    how many agree. They are compared with what else tells the time (`witness`): when the
    newest session was created, and what /health says. If that confirms them, they are believed as
    others are; if it contradicts them, never. Without a witness they have to agree for an hour.

    now: Unix seconds of our clock; without it the first Date is believed.
    """

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self._now = now
        self._anchor: _Anchor | None = None
        self._suspect: _Anchor | None = None
        """The Date that waits to be believed, the lowest of those that agree."""
        self._firsts = 0
        self._suspected = 0.0
        """Since when there has been one, on the monotonic clock."""
        self._witness: _Anchor | None = None
        self._created: _Anchor | None = None
        self._behind: _Anchor | None = None
        """The lowest Date that lay a little behind what the clock was taken to show."""
        self.stands_in = False
        """Whether it goes by what may be minutes off, until a Date is believed."""
        self._undisputed: float | None = None
        """While Dates stand in: since when none has disagreed with them, on the monotonic clock."""

    def observe(self, date: str | None, sent: float, received: float) -> int | None:
        """Learn from an answer's Date; `sent` and `received` are on the monotonic clock.

        Gives a time, by the API's clock, that is not later than when that request left: the earlier
        of what its Date says and what the clock surely shows. Without a Date, the latter.
        """
        server = parse_http_date(date) if date else None
        if server is None:
            return self._surely(sent)
        trip = received - sent
        # On average a Date was written half-way, and cut by half a second.
        seen = _Anchor(server - round(trip * MICROSECONDS), sent, trip / 2 + 0.5)
        if self._anchor is None:
            self._begin(seen, trip)
        else:
            self._follow(self._anchor, seen)
        self._note_behind(seen)
        shown = self._surely(sent)
        return None if shown is None else min(shown, seen.server)

    def witness(self, time: int, monotonic: float, *, created: bool = False) -> None:
        """The API's clock has shown `time` (microseconds) by that moment of ours.

        The source is not a Date but the timestamp of /health or, `created`, a session's createdAt.
        """
        told = _Anchor(time, monotonic, 0.0)
        if self._witness is None or time > self._witness.server:
            self._witness = told
        if created and (self._created is None or time > self._created.server):
            self._created = told

    def _note_behind(self, seen: _Anchor) -> None:
        """Note a Date that shows the API's clock to have been set back a little.

        One that shows less still holds until two minutes after the last of them: this may be a
        wrong one, a little behind others that are as wrong.
        """
        near = round(AGREED_SECONDS * MICROSECONDS)
        held = self._held_behind(seen.monotonic)
        taken = (self._anchor, self._created, held)
        shown = (one.at(seen.monotonic) - seen.server - seen.spread for one in taken if one)
        if any(0 < behind <= near for behind in shown):
            least = seen.server if held is None else min(seen.server, held.at(seen.monotonic))
            self._behind = _Anchor(least, seen.monotonic, seen.late)

    def _held_behind(self, monotonic: float) -> _Anchor | None:
        """The lowest of the Dates that were a little behind, until none was for two minutes."""
        behind = self._behind
        return behind if behind and monotonic - behind.monotonic <= HELD_SECONDS else None

    def _surely(self, monotonic: float) -> int | None:
        """What the API's clock surely shows; None before the first usable Date.

        That is less than it has reached, if a Date of the last minutes was behind that.
        """
        reached, behind = self._reached(monotonic), self._held_behind(monotonic)
        return reached if reached is None or behind is None else min(reached, behind.at(monotonic))

    def _reached(self, monotonic: float) -> int | None:
        """What the API's clock has surely reached; None before the first usable Date.

        Our own clock, while it stands in, may be ahead of it. The newest createdAt is not.
        """
        shown = self.at(monotonic)
        if shown is None or not self.stands_in:
            return shown
        created = self._created.at(monotonic) if self._created else None
        return created if created is not None and created <= shown else shown - _FAR

    def _begin(self, seen: _Anchor, trip: float) -> None:
        wall = None if self._now is None else round((self._now() - trip) * MICROSECONDS)
        if wall is None or not _is_off(seen, wall, wall):
            self._set(seen)
            return
        agreed = self._set_aside(seen)
        self._firsts += 1
        if agreed is None and self._firsts < FIRST_DATES:
            return  # a single wrong Date is not to say when counting begins
        ours, told = _Anchor(wall, seen.monotonic, seen.late), agreed or seen
        ahead = seen.server > wall
        if abs(seen.server - wall) <= _FAR:
            if ahead:
                self._stand_in(ours, seen)
            else:
                self._stand_in_dates(told, seen.monotonic)
            return
        held = self._held(seen, wall, 0.0, FAR_HELD_SECONDS)
        if held is None:
            self._stand_in(ours, seen)
        elif agreed is not None and held and seen.monotonic - self._suspected >= held:
            self._set(agreed)
        elif agreed is not None and not held:
            if self._created is not None:
                self._stand_in(self._created, seen)
            else:
                self._stand_in_dates(agreed, seen.monotonic)

    def _set_aside(self, seen: _Anchor) -> _Anchor | None:
        """Set an unexpected Date aside; the lowest that agree, or None where it is the first."""
        suspect = self._suspect
        if suspect is None or not _agree(suspect, seen):
            self._suspect, self._suspected = seen, seen.monotonic
            return None
        self._suspect = min(suspect, seen, key=lambda one: one.at(seen.monotonic))
        return self._suspect

    def _stand_in(self, anchor: _Anchor, seen: _Anchor) -> None:
        """Go by `anchor`, which is no Date's, until Dates like `seen` have agreed for a while."""
        self._anchor, self.stands_in = anchor, True
        self._raise_to_created(seen)

    def _stand_in_dates(self, anchor: _Anchor, monotonic: float) -> None:
        """Go by what Dates say, until all have agreed with it for a while from now on."""
        self._anchor, self.stands_in = anchor, True
        self._suspect, self._undisputed = None, monotonic

    def _raise_to_created(self, seen: _Anchor) -> None:
        """Let the newest createdAt stand in, where it lies between what does so and a Date."""
        anchor, created = self._anchor, self._created
        if anchor is None or created is None:
            return
        time = created.at(seen.monotonic)
        if anchor.at(seen.monotonic) < time <= seen.server:
            self._anchor, self._undisputed = created, None

    def _follow(self, anchor: _Anchor, seen: _Anchor) -> None:
        expected = anchor.at(seen.monotonic)
        if not _is_off(seen, expected, expected + anchor.spread):
            if self._undisputed is None or seen.monotonic - self._undisputed >= HELD_SECONDS:
                # Both are at most the truth, so the higher is nearer to it.
                self._set(seen if seen.server >= expected else anchor)
            else:
                # What was set aside is disputed now, and has to agree anew.
                self._suspect = None
            return
        if self.stands_in:
            self._raise_to_created(seen)
        if self._undisputed is not None:
            self._undisputed = seen.monotonic
        agreed = self._set_aside(seen)
        held = self._held(seen, expected, HELD_SECONDS)
        if agreed and held is not None and seen.monotonic - self._suspected >= held:
            self._set(agreed)

    def _held(self, seen: _Anchor, expected: int, usual: float, first: float = 0.0) -> float | None:
        """For how long Dates such as this one must agree to be believed, in seconds.

        None where they are not to be: what was witnessed since the first of them contradicts them.
        """
        near = round(AGREED_SECONDS * MICROSECONDS)
        if abs(seen.server - expected) <= _FAR:
            return usual
        told = self._witness
        # A clock that shows less than it should loses nothing, unless it is the first.
        unheard = FAR_HELD_SECONDS if seen.server > expected else max(usual, first)
        if told is None or told.monotonic < self._suspected:
            return unheard
        time = told.at(seen.monotonic)
        since = expected + _FAR if seen.server > expected else seen.server - _FAR
        if since <= time <= seen.server + near:
            return usual
        return None if abs(time - expected) <= _FAR else unheard

    def _set(self, anchor: _Anchor) -> None:
        if anchor is not self._anchor or self._undisputed is not None:
            self.stands_in = False
        self._anchor, self._suspect, self._undisputed = anchor, None, None

    @property
    def disputed(self) -> bool:
        """Whether the last Date was another than expected, and waits to be believed."""
        return self._suspect is not None

    def at(self, monotonic: float) -> int | None:
        """The API's time at that moment of ours; None before the first usable Date."""
        return self._anchor.at(monotonic) if self._anchor else None

    def likely(self, monotonic: float) -> int | None:
        """What the API's clock most likely shows, though it may be less; None before a first Date.

        While our own clock stands in, what the first Dates say that are minutes off it.
        """
        shown = self._likely()
        return shown.at(monotonic) if shown else None

    def _likely(self) -> _Anchor | None:
        anchor, suspect = self._anchor, self._suspect
        if anchor is None or suspect is None or not self.stands_in or self._undisputed is not None:
            return anchor
        off = abs(anchor.at(suspect.monotonic) - suspect.server)
        return suspect if off <= _FAR else anchor

    def skew(self, monotonic: float, wall: float) -> float | None:
        """The API's clock minus ours, in seconds, as near as a Date tells; None before the first.

        Unlike `at`, the likeliest value, not the one that surely is not ahead.
        """
        shown = self._likely()
        if shown is None:
            return None
        return shown.at(monotonic) / MICROSECONDS + shown.late - wall


def _is_off(seen: _Anchor, least: int, most: int) -> bool:
    """Whether what an answer says of the time when it left lies surely outside of [least, most].

    Its Date, cut to the second, was written at some moment of its trip.
    """
    jump = round(JUMP_SECONDS * MICROSECONDS)
    return seen.server > most + jump or seen.server + seen.spread < least - jump


def _agree(one: _Anchor, other: _Anchor) -> bool:
    apart = one.at(other.monotonic) - other.server
    return abs(apart) <= AGREED_SECONDS * MICROSECONDS
