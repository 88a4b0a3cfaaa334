"""How settings fail: one line for people, never a secret in it."""

from __future__ import annotations

import re
from typing import Final

from exporter.redaction import redact

_LONGEST_SHOWN: Final = 80


class SettingsError(Exception):
    """A setting that cannot be used. Its text is one clear line; the command exits with 2."""

    def __init__(self, message: str) -> None:
        line = redact.text(" ".join(message.split()))
        super().__init__(line)
        self.message = line


def shown(value: object) -> str:
    """A value as an error line may show it: escaped, short, secrets blotted out.

    Mappings and lists are only named, since anything may be inside.
    """
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple | set):
        return "a list"
    text = redact.text(value) if isinstance(value, str) else value
    quoted = repr(text) if isinstance(text, str | bool | int | float) else repr(str(text))
    if len(quoted) > _LONGEST_SHOWN:
        quoted = f"{quoted[: _LONGEST_SHOWN - 1]}…"
    return redact.text(quoted)


def printable_key(name: str) -> str:
    """A key's name as an error may show it: what is not a plain name could be anything."""
    return name if re.fullmatch(r"[\w.\[\]-]{1,80}", name) else shown(name)
