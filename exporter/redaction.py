"""What must never be printed, and what replaces it: the one place where that is decided.

Keys are hidden by value: each is registered as soon as it is read. By pattern are hidden: anything
that looks like a Not AI key, a URL's user name and password, and its query, which may hold cursors
and ids. Logs, error lines and pages pass their text through here. It never keeps the text it was
given, and it never decides whether something is logged at all.
"""

from __future__ import annotations

import json
import re
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

    def add(self, secret: str) -> None:
        """Hide this value from now on, also where it stands escaped in JSON, a repr or a URL.

        Strings under eight characters are not registered.
        """
        if len(secret) < SHORTEST_SECRET:
            return
        spellings = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]}
        spellings.add(quote(secret.encode("utf-8", "surrogateescape"), safe=""))
        self._secrets |= spellings

    def text(self, text: str) -> str:
        """The same text with every secret replaced by `[redacted]`."""
        # A pattern of all secrets would be compiled anew at each of a thousand keys.
        found = [secret for secret in self._secrets if secret in text]
        if found:
            # Longest first, so that a secret that contains another one goes as a whole.
            found.sort(key=len, reverse=True)
            text = re.sub("|".join(map(re.escape, found)), REDACTED, text)
        if "aik_v1_" in text:
            text = _KEY.sub(REDACTED, text)
        if "://" in text:
            text = _URL_USER.sub(f"{REDACTED}@", text)
            text = _URL_QUERY.sub(rf"\g<1>{REDACTED}", text)
        return text


#: The process's redactor: whoever reads a key registers it here.
redact: Final = Redactor()
