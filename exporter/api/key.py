"""The API key: a given value, or a file that is read again when it changes and after a 401.

The gate keeps a refused key from hammering the API: after a 401 one request may try, at growing
intervals, until the key changes or is accepted again. No text here ever holds the key.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exporter.api.errors import KeyMissingError, KeyRefusedError
from exporter.clock import Clock

_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")

FIRST_RETRY_SECONDS = 30.0
LAST_RETRY_SECONDS = 300.0


class FixedKey:
    """A key that was given as a value; it can change with a reload only."""

    def __init__(self, key: str) -> None:
        self._key = key

    def read(self) -> str:
        return self._key


class KeyFile:
    """A key in a file, which may come later than we do and may be replaced at any time.

    on_key: told each new key, so that logs can redact it.
    """

    def __init__(self, path: Path, on_key: Callable[[str], None]) -> None:
        self._path = path
        self._on_key = on_key
        self._seen: str | None = None

    def read(self) -> str:
        """The key now. Raises KeyMissingError where the file holds none that can be sent."""
        try:
            text = self._path.read_text(encoding="utf-8-sig").strip()
        except OSError as error:
            raise KeyMissingError(f"the key file cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise KeyMissingError("the key file is not text") from None
        if not text:
            raise KeyMissingError("the key file is empty")
        if not _HEADER_VALUE.fullmatch(text):
            raise KeyMissingError("the key file holds more than one word of visible ASCII")
        if text != self._seen:
            self._on_key(text)
            self._seen = text
        return text


KeySource = FixedKey | KeyFile


@dataclass(slots=True)
class _Refusal:
    key: str
    retry_at: float
    interval: float
    probed: bool = False


class KeyGate:
    """Lets requests through with the key, and holds them back after a 401.

    random: gives numbers in [0, 1), for the jitter of retries.
    """

    def __init__(self, source: KeySource, clock: Clock, random: Callable[[], float]) -> None:
        self._source = source
        self._clock = clock
        self._random = random
        self._refusal: _Refusal | None = None
        self.missing = False
        """Whether there was no key when it was last asked for."""
        self._accepted = False

    @property
    def valid(self) -> bool | None:
        """Whether the API accepts the key; None before its first answer about it."""
        if self.missing or self._refusal:
            return False
        return True if self._accepted else None

    def check(self) -> None:
        """Raises what `key` would raise now, and takes no one's turn."""
        self._ready()

    def key(self) -> str:
        """The key to send now.

        Raises KeyMissingError without a key; KeyRefusedError while a refused key has to wait.
        """
        key = self._ready()
        refusal = self._refusal
        if refusal and refusal.key == key:
            # One request may try; the rest wait for its answer, or for the next turn.
            refusal.retry_at = self._clock.monotonic() + refusal.interval
            refusal.probed = True
        return key

    def _ready(self) -> str:
        try:
            key = self._source.read()
        except KeyMissingError:
            self.missing = True
            raise
        self.missing = False
        refusal = self._refusal
        if refusal and refusal.key == key and self._clock.monotonic() < refusal.retry_at:
            raise KeyRefusedError("the API refused the key")
        return key

    def refused(self, key: str) -> bool:
        """The API answered 401 to `key`. True where a changed key is there to try at once."""
        changed = self._reread() not in (key, None)
        before = self._refusal
        interval = FIRST_RETRY_SECONDS
        if before and before.key == key:
            if not before.probed:
                # It left before the first refusal came, and says nothing new.
                return changed
            interval = min(2 * before.interval, LAST_RETRY_SECONDS)
        wait = interval * (0.5 + self._random() / 2)
        self._refusal = _Refusal(key, self._clock.monotonic() + wait, interval)
        return changed

    def accepted(self) -> None:
        """The API answered something other than 401 to an authenticated request."""
        self._refusal = None
        self._accepted = True

    def _reread(self) -> str | None:
        try:
            return self._source.read()
        except KeyMissingError:
            return None
