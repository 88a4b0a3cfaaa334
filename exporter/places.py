"""Where on a site a session was: patterns over the page's address, and the value that each gives.

Patterns are RE2's, which match in time linear in the text, whatever the pattern: neither a setting
nor an address that the API sends can make the exporter slow. RE2 is imported where a pattern is
compiled, and so only where places are set. Nothing here knows a person, or what may be shown.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

LONGEST_PATTERN = 500
"""Characters."""

LONGEST_URL = 8192
"""Characters; a longer address has no place."""

LONGEST_VALUE = 64
"""Characters; a longer value is not a label."""

PATTERN_BYTES = 1 << 20
"""What RE2 may spend on one pattern."""


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of `sessions.places`.

    pattern: over scheme, host and path. Its one group gives the value; without one, the value is
        the place's name.
    most: values that are shown at most.
    """

    name: str
    pattern: str
    most: int = 100

    @property
    def open(self) -> bool:
        """Whether it can have several values. Raises ValueError for a pattern that RE2 refuses."""
        return bool(compiled(self.pattern).groups)


@lru_cache(100)
def compiled(pattern: str) -> Any:
    """The pattern, compiled by RE2. Raises ValueError, whose text says what would be right."""
    import re2  # type: ignore[import-untyped]  # has no types

    if not 0 < len(pattern) <= LONGEST_PATTERN:
        raise ValueError(f"must have 1 to {LONGEST_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False  # on stderr, past the log
    options.max_mem = PATTERN_BYTES
    try:
        found = re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        told = error.args[0] if isinstance(error, re2.error) and error.args else "not a pattern"
        told = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
        raise ValueError(f"must be a pattern that RE2 can read ({told})") from None
    if found.groups > 1:
        raise ValueError(
            "must have one group at most, which gives the value; write others as (?:…)"
        )
    return found


class Places:
    """What the addresses of pages say, by the places that are set."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._patterns = [(place.name, compiled(place.pattern)) for place in places]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def of(self, url: object) -> tuple[tuple[str, str], ...]:
        """The places of a page, each with its value: an empty one where that can be no label.

        What is not an address, or too long, has none.
        """
        if not isinstance(url, str) or len(url) > LONGEST_URL:
            return ()
        return tuple(self._found(address(url)))

    def _found(self, page: str) -> Iterator[tuple[str, str]]:
        try:
            text = page.encode()  # what RE2 matches; its wrapper would do it for each pattern
        except UnicodeEncodeError:  # JSON can write what UTF-8 cannot
            return
        for name, pattern in self._patterns:
            match = pattern.search(text)
            if match is None:
                continue
            value = (match[1] or b"").decode(errors="replace") if pattern.groups else name
            if value:
                yield name, value if is_value(value) else ""


NO_PLACES = Places(())


def address(url: str) -> str:
    """Scheme, host and path: without the query, the fragment and a user's name."""
    page = url.partition("?")[0].partition("#")[0]
    scheme, colon, rest = page.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{colon}{host.rpartition('@')[2]}{slash}{path}"


def is_value(value: str) -> bool:
    """Whether it can be a label: short, printable, and no path or address of a person."""
    plain = value.isprintable() and value == value.strip() and value != "other"
    return plain and len(value) <= LONGEST_VALUE and not set(value) & set("/\\@?#")
