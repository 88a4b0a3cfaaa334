"""What goes wrong at the simulated API, and how likely; changeable while it runs.

Only a description: `edge` and `lists` apply it, with a seeded random number generator.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Self

RETRY_AFTER: Final = ("none", "seconds", "date")
GARBAGE: Final = ("html", "truncated", "utf8", "list")
DOWN: Final = ("", "503", "closed")
ENDLESS: Final = ("", "empty", "full")
_CHOICES: Final = {"retry_after": RETRY_AFTER, "down": DOWN, "endless": ENDLESS}
_SHARES: Final = frozenset(
    (
        *("status_429", "status_5xx", "no_content", "slow", "hang", "garbage", "oversized"),
        "odd_value",
        *("refuse_cursor", "repeat_items", "short_pages", "drop_connection", "cut_body"),
        *("no_tier_header", "hide_sessions", "hide_details", "no_duration", "trickle"),
    )
)


@dataclass(frozen=True, slots=True)
class Faults:
    """Each share (0..1) is the probability per request; the defaults are a healthy service.

    Raises ValueError that names the fault for a value that makes no sense.
    """

    status_429: float = 0.0
    """Answer 429, on top of the true rate limit."""
    retry_after: str = "seconds"
    """Retry-After of every 429, and of a 503: none, seconds or date."""
    retry_after_seconds: float = 1.0
    edge_429: bool = False
    """Every 429 comes from the edge: no JSON envelope and no tier header."""
    status_5xx: float = 0.0
    status_5xx_codes: tuple[int, ...] = (500, 502, 503, 504)
    edge_5xx: bool = False
    """Every 5xx comes from the edge: HTML and no tier header."""
    no_content: float = 0.0
    """Answer 204 without a body, to what is not a list."""
    slow: float = 0.0
    """Answer after `slow_seconds` (real ones)."""
    slow_seconds: float = 1.0
    hang: float = 0.0
    """Accept the request and never answer."""
    garbage: float = 0.0
    """Answer 200 with something else, of `garbage_kinds`."""
    garbage_kinds: tuple[str, ...] = GARBAGE
    """html, truncated (JSON), utf8 (invalid), list (JSON, but no object)."""
    odd_value: float = 0.0
    """One place of an answer holds something odd: of a wrong type, out of range, far too long."""
    oversized: float = 0.0
    """Answer 200 with valid JSON of `oversized_bytes`."""
    oversized_bytes: int = 64 * 1024 * 1024
    refuse_cursor: float = 0.0
    """Answer 400 to a request with a cursor."""
    repeat_items: float = 0.0
    """The last item of a page appears again on the following page."""
    short_pages: float = 0.0
    """A page holds fewer items than asked for, perhaps none, though more follow."""
    clock_skew: float = 0.0
    """Seconds added to the server's own idea of time: Date, createdAt, all of it."""
    wrong_date: float = 0.0
    """Seconds by which the Date header alone is off."""
    most_sessions: int = 0
    """Answer 503 in place of the first page of a window of more sessions than that; 0: never."""
    endless: str = ""
    """After the last page of a list there always comes another: empty, or full (from the first)."""
    down: str = ""
    """To every request: 503, or closed (the connection, without an answer); empty for neither."""
    drop_connection: float = 0.0
    """Close the connection instead of answering."""
    cut_body: float = 0.0
    """Close the connection in the middle of the body."""
    no_tier_header: float = 0.0
    """Leave out x-isnotai-tier."""
    hide_sessions: float = 0.0
    """Share of sessions that the list never shows, though analytics count them."""
    hide_details: float = 0.0
    """Share of sessions whose details are not found, for good."""
    no_duration: float = 0.0
    """Share of answers with details that lack durationSeconds and some counts."""
    trickle: float = 0.0
    """Send the body in single bytes, `trickle_seconds` (real ones) apart."""
    trickle_seconds: float = 0.01
    only: tuple[str, ...] = ()
    """Beginnings of the paths that suffer, as in `/v1/sessions`; empty for all."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _SHARES and not 0 <= value <= 1:
                raise ValueError(f"fault {field.name} must lie in 0..1: {value!r}")
            if field.name in _CHOICES and value not in _CHOICES[field.name]:
                allowed = ", ".join(repr(choice) for choice in _CHOICES[field.name])
                raise ValueError(f"fault {field.name} must be one of {allowed}: {value!r}")
            if field.name.endswith(("_seconds", "_bytes")) and value < 0:
                raise ValueError(f"fault {field.name} must not be negative: {value!r}")
        unknown = set(self.garbage_kinds) - set(GARBAGE)
        if unknown or not self.garbage_kinds:
            raise ValueError(f"fault garbage_kinds must be of {GARBAGE}: {self.garbage_kinds!r}")
        if not self.status_5xx_codes or any(not 500 <= n <= 599 for n in self.status_5xx_codes):
            raise ValueError(f"fault status_5xx_codes must be 5xx: {self.status_5xx_codes!r}")

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """These faults with some values replaced, as JSON has them. ValueError names a bad one."""
        values = {name: _typed(name, value) for name, value in changes.items()}
        return replace(self, **values)

    def as_json(self) -> dict[str, Any]:
        """All values, for JSON."""
        return asdict(self)

    def hits(self, path: str) -> bool:
        """Whether a request to this path may suffer at all."""
        return not self.only or path.startswith(self.only)


def parse_assignments(assignments: list[str], base: Faults | None = None) -> Faults:
    """Faults from `name=value` words; a tuple is comma-separated. ValueError names a bad one."""
    changes: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ValueError(f"a fault is given as name=value: {assignment!r}")
        default = getattr(Faults(), name, None)
        if isinstance(default, tuple):
            changes[name] = [_word(part) for part in text.split(",") if part]
        else:
            changes[name] = text if isinstance(default, str) else _word(text)
    return (base or Faults()).changed(changes)


def _word(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _typed(name: str, value: Any) -> Any:
    """The value in the field's own type, or ValueError."""
    default = getattr(Faults(), name) if name in Faults.__dataclass_fields__ else None
    if default is None:
        raise ValueError(f"no such fault: {name!r}")
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
    elif isinstance(default, tuple):
        element = int if name == "status_5xx_codes" else str
        if isinstance(value, list | tuple) and all(isinstance(item, element) for item in value):
            return tuple(value)
    elif isinstance(default, str):
        if isinstance(value, str):
            return value
    elif isinstance(value, bool) and name in _SHARES:
        return float(value)  # a switch: always or never
    elif isinstance(value, int | float) and not isinstance(value, bool):
        return type(default)(value)
    raise ValueError(f"fault {name} has a wrong type: {value!r}")
