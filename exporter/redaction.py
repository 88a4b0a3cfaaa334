"""What must never be printed, and what replaces it: the one place where that is decided.

Keys are hidden by value: each is registered as soon as it is read. By pattern are hidden: anything
that looks like a Not AI key, a URL's user name and password, and its query, which may hold cursors
and ids. Logs, error lines and pages pass their text through here. It never keeps the text it was
given, and it never decides whether something is logged at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

REDACTED: Final = "[redacted]"
#: Shorter strings are never registered: blotting out "prod" would garble every line.
SHORTEST_SECRET: Final = 8

_KEY: Final = re.compile(r"aik_v1_[A-Za-z0-9_-]{8,}")
_URL_USER: Final = re.compile(r"(?<=://)[^/?#\s@\"']+@")
_URL_QUERY: Final = re.compile(r"(\bhttps?://[^\s?#\"']*\?)[^\s\"']+")


class Redactor:
    """Blots out registered values and known patterns in any text."""

    def __init__(self) -> None:
        self._secrets: frozenset[str] = frozenset()
        self._blot: Callable[[str], str] = _unchanged

    def add(self, secret: str) -> None:
        """Hide this value from now on, also where it stands escaped in JSON, a repr or a URL.

        Strings under eight characters are not registered.
        """
        if len(secret) < SHORTEST_SECRET:
            return
        spellings = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]}
        spellings.add(quote(secret.encode("utf-8", "surrogateescape"), safe=""))
        if spellings <= self._secrets:
            return
        self._secrets |= spellings
        # Longest first, so that a secret that contains another one goes as a whole.
        longest_first = sorted(self._secrets, key=len, reverse=True)
        pattern = re.compile("|".join(re.escape(spelling) for spelling in longest_first))
        self._blot = lambda text: pattern.sub(REDACTED, text)

    def text(self, text: str) -> str:
        """The same text with every secret replaced by `[redacted]`."""
        text = self._blot(text)
        if "aik_v1_" in text:
            text = _KEY.sub(REDACTED, text)
        if "://" in text:
            text = _URL_USER.sub(f"{REDACTED}@", text)
            text = _URL_QUERY.sub(rf"\g<1>{REDACTED}", text)
        return text


def _unchanged(text: str) -> str:
    return text


#: The process's redactor: whoever reads a key registers it here.
redact: Final = Redactor()
