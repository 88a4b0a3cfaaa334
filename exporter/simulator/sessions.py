"""One tracking session: its present state, what is derived from its salt, and its JSON.

A session is small on purpose (a benchmark holds a million): everything that never changes, such as
the id, page, user and device, is computed from one 64-bit `salt` when it is asked for. All people
are plainly synthetic. Nothing here decides when a session changes; `world` does.
"""

import json
from functools import lru_cache
from typing import Final, NamedTuple

from exporter.simulator.clock import instant

MASK: Final = 2**64 - 1
PEOPLE: Final = 4096
FINGERPRINTS: Final = 8192
OPTIONAL_FIELDS: Final = (
    "updatedAt",
    "status",
    "botScore",
    "detectionFlags",
    "pageUrl",
    "userAgentSummary",
    "userId",
    "userName",
    "userUrl",
)
ORIGINS: Final = (
    "https://canvas.example.edu",
    "https://lms.example.org",
    "https://learn.example.net:8443",
    "https://quiz.example.com",
)
_ORIGIN_OF: Final = (0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3)
_PATHS: Final = (
    "/courses/{course}",
    "/courses/{course}/quizzes/{quiz}",
    "/courses/{course}/quizzes/{quiz}/take",
    "/courses/{course}/assignments/{quiz}",
    "/courses/{course}/discussion_topics/{quiz}",
    "/courses/{course}/modules",
    "/courses/{course}/pages/week-{quiz}",
    "/courses/{course}/quizzes/{quiz}/take?preview=0",
)
DEVICES: Final = (
    "desktop",
    "desktop",
    "desktop",
    "desktop",
    "desktop",
    "mobile",
    "mobile",
    "tablet",
)
BROWSERS: Final = ("Chrome", "Chrome", "Chrome", "Chrome", "Edge", "Firefox", "Safari", "Safari")
_SYSTEMS: Final = ("Windows", "macOS", "Linux", "ChromeOS")
_SCRAMBLE: Final = 0x9E3779B97F4A7C15
_HIDE: Final = 0xD1342543DE82EF95
COURSES: Final = 64

EVENT_TYPES: Final = ("mouse", "scroll", "keyboard", "touch", "form")

INVALID_FORMS: Final = (
    ("botScore", '"0.91"'),
    ("botScore", "true"),
    ("botScore", '{"value":0.91}'),
    ("detectionFlags", '"webdriver"'),
    ("detectionFlags", '[1,{"name":"webdriver"}]'),
    ("status", "7"),
    ("updatedAt", '{"at":"2026-06-10T12:00:00Z"}'),
)
"""Known fields with a wrong type, as JSON; id and createdAt stay valid."""


class Step(NamedTuple):
    """A state that a session takes at an instant (microseconds since the epoch)."""

    at: int
    score: float | None
    flags: tuple[str, ...]
    active: bool


class Session:
    """A session in its present state. `plan` holds the states still to come, oldest first."""

    __slots__ = (
        "active",
        "agent",
        "created",
        "encoded",
        "flags",
        "invalid",
        "nulls",
        "plan",
        "row",
        "salt",
        "score",
        "updated",
    )

    def __init__(
        self, salt: int, created: int, agent: bool, nulls: int, invalid: int, plan: tuple[Step, ...]
    ) -> None:
        """`nulls`: bit i makes OPTIONAL_FIELDS[i] null, bit i+9 absent; `invalid`: form, 0 none."""
        self.salt = salt
        self.created = created
        self.agent = agent
        self.nulls = nulls
        self.invalid = invalid
        self.updated, self.score, self.flags, self.active = plan[0]
        self.plan = plan[1:]
        self.row = -1
        self.encoded: bytes | None = None

    def apply(self, step: Step) -> None:
        """Take the state of a step; the JSON made before is void."""
        self.updated, self.score, self.flags, self.active = step
        self.encoded = None

    @property
    def id(self) -> str:
        """Opaque; one in 64 looks like an id that a customer chose."""
        return session_id(self.salt)

    @property
    def status(self) -> str | None:
        """`active`, `closed`, or None where the API does not tell."""
        if self.lacks("status"):
            return None
        return "active" if self.active else "closed"

    def lacks(self, field: str) -> bool:
        """Whether that field is null or absent for good."""
        return bool(self.nulls & _either(field))

    def json(self) -> bytes:
        """The list item as the API sends it, kept until the session changes."""
        if self.encoded is None:
            self.encoded = _encode(self)
        return self.encoded


def session_id(salt: int) -> str:
    """The id of the session with this salt."""
    if not salt & 63:
        return f"attempt:{salt:d}"
    text = f"{salt * _SCRAMBLE & MASK:016x}{salt:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def salt_of(identifier: str) -> int | None:
    """The salt in a session id, or None if no session can have this id."""
    try:
        if identifier.startswith("attempt:"):
            salt = int(identifier.removeprefix("attempt:"))
        else:
            salt = int(identifier.replace("-", "")[16:], 16)
    except ValueError:
        return None
    return salt if session_id(salt) == identifier else None


def random_rank(salt: int) -> int:
    """A place in an order that has nothing to do with time or id, stable per session."""
    return salt * _SCRAMBLE & MASK


def is_hidden(salt: int, share: float) -> bool:
    """Whether this session is among the `share` (0..1) that the list never shows."""
    return (salt * _HIDE & MASK) < share * 2**64


def person(salt: int) -> int:
    """The number of the synthetic person, 0..PEOPLE-1."""
    return salt >> 6 & PEOPLE - 1


def fingerprint(salt: int) -> int:
    """The number of the synthetic device, 0..FINGERPRINTS-1."""
    return salt >> 12 & FINGERPRINTS - 1


def course(salt: int) -> int:
    """The number of the course, 1001..1000+COURSES."""
    return 1001 + (salt >> 22) % COURSES


def origin(salt: int) -> str:
    """Scheme, host and port of the page."""
    return ORIGINS[_ORIGIN_OF[salt >> 28 & 15]]


def page_path(salt: int) -> str:
    """Path of the page, Canvas-like."""
    form = _PATHS[salt >> 32 & 7]
    return form.format(course=course(salt), quiz=1 + (salt >> 35 & 31))


def device(salt: int) -> str:
    """mobile, tablet or desktop."""
    return DEVICES[salt >> 40 & 7]


def browser(salt: int) -> str:
    """Name of the browser."""
    return BROWSERS[salt >> 43 & 7]


def user_matched(salt: int) -> bool:
    """Whether the service could match the session to a user."""
    return salt >> 46 & 7 != 0


def event_count(salt: int) -> int:
    """Events recorded in the session, 5..260."""
    return 5 + (salt >> 49 & 255)


def event_kind(salt: int, number: int) -> int:
    """The type of a session's event of that number, a place in EVENT_TYPES."""
    return (salt >> number % 40 & 7) % len(EVENT_TYPES)


def event_counts(salt: int) -> tuple[int, ...]:
    """Events by type, as in EVENT_TYPES."""
    rounds, rest = divmod(event_count(salt), 40)  # after which the types come again
    counts = [0] * len(EVENT_TYPES)
    for number in range(40):
        counts[event_kind(salt, number)] += rounds + (number < rest)
    return tuple(counts)


def user_id(number: int) -> str:
    """Id of a synthetic person."""
    return f"synthetic-user-{number:04d}"


@lru_cache(maxsize=65536)
def _minute(number: int) -> str:
    return f"{instant(number * 60_000_000):%Y-%m-%dT%H:%M}"


def timestamp(microseconds: int, ticks: int = 0) -> str:
    """ISO 8601 with seven fractional digits, as .NET writes it; `ticks` is the seventh digit."""
    minute, rest = divmod(microseconds, 60_000_000)
    second, fraction = divmod(rest, 1_000_000)
    return f"{_minute(minute)}:{second:02d}.{fraction:06d}{ticks}+00:00"


@lru_cache(maxsize=4096)
def _flags_json(flags: tuple[str, ...]) -> str:
    return json.dumps(flags, separators=(",", ":"))


def _either(field: str) -> int:
    at = OPTIONAL_FIELDS.index(field)
    return 1 << at | 1 << at + len(OPTIONAL_FIELDS)


def null_bit(field: str, absent: bool) -> int:
    """The bit in `Session.nulls` that makes a field null, or absent."""
    return 1 << OPTIONAL_FIELDS.index(field) + (len(OPTIONAL_FIELDS) if absent else 0)


def _number(score: float | None) -> str:
    if score is None:
        return "null"
    return str(int(score)) if score in (0.0, 1.0) else repr(score)


def _encode(session: Session) -> bytes:
    salt = session.salt
    number = person(salt)
    site = origin(salt)
    robot = " (automated)" if session.agent and salt >> 57 & 1 else ""
    status = "active" if session.active else "closed"
    if not session.nulls and not session.invalid and salt >> 60:
        return (
            f'{{"id":"{session.id}","createdAt":"{timestamp(session.created, salt % 10)}",'
            f'"updatedAt":"{timestamp(session.updated, salt % 10)}","status":"{status}",'
            f'"botScore":{_number(session.score)},'
            f'"detectionFlags":{_flags_json(session.flags)},"pageUrl":"{site}{page_path(salt)}",'
            f'"userAgentSummary":"{browser(salt)} on {_SYSTEMS[salt >> 58 & 3]}{robot}",'
            f'"userId":"{user_id(number)}","userName":"Synthetic Student {number:04d}",'
            f'"userUrl":"{site}/users/{number}"}}'
        ).encode()
    values = {
        "id": f'"{session.id}"',
        "createdAt": f'"{timestamp(session.created, salt % 10)}"',
        "updatedAt": f'"{timestamp(session.updated, salt % 10)}"',
        "status": f'"{status}"',
        "botScore": _number(session.score),
        "detectionFlags": _flags_json(session.flags),
        "pageUrl": f'"{site}{page_path(salt)}"',
        "userAgentSummary": f'"{browser(salt)} on {_SYSTEMS[salt >> 58 & 3]}{robot}"',
        "userId": f'"{user_id(number)}"',
        "userName": f'"Synthetic Student {number:04d}"',
        "userUrl": f'"{site}/users/{number}"',
    }
    if session.nulls:
        for at, field in enumerate(OPTIONAL_FIELDS):
            if session.nulls >> at + len(OPTIONAL_FIELDS) & 1:
                del values[field]
            elif session.nulls >> at & 1:
                values[field] = "null"
    if session.invalid:
        field, wrong = INVALID_FORMS[session.invalid - 1]
        values[field] = wrong
    if not salt >> 60:
        values["pixelVersion"] = '"3"'  # a field that the documentation does not know (yet)
    return ("{" + ",".join(f'"{name}":{value}' for name, value in values.items()) + "}").encode()
