"""Sessions as rows: a table for people, JSON lines or CSV for programs.

What the API says is printed without control characters, so that no session can drive a terminal.
"""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from typing import Literal

from exporter.api.schema.session import Session
from exporter.api.times import format_time
from exporter.commands.screen import styled, width
from exporter.terminal import say

Form = Literal["table", "json", "csv"]

COLUMNS = ("integration", "id", "createdAt", "status", "score", "flags")
USER_COLUMNS = ("userId", "pageUrl")

_FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet would calculate; OWASP, "CSV Injection"."""

_LEAST_LAST = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One session, and what of its user is shown, if anything."""

    integration: str
    session: Session
    user: dict[str, str | None]

    @property
    def created(self) -> str:
        return format_time(self.session.created)

    def as_json(self) -> dict[str, object]:
        """The row as `--json` prints it; null is what the API did not tell."""
        session = self.session
        return {
            "integration": self.integration,
            "id": session.id,
            "createdAt": self.created,
            "status": session.status,
            "score": session.score,
            "flags": list(session.flags),
            **self.user,
        }

    def as_csv(self) -> list[str]:
        """The row as `--csv` prints it; empty is what the API did not tell."""
        session = self.session
        score = "" if session.score is None else repr(session.score)
        texts = [self.integration, session.id, self.created, session.status or "", score]
        texts += [" ".join(session.flags), *(value or "" for value in self.user.values())]
        return [_as_text(harmless(text)) for text in texts]


class Table:
    """Prints rows as they come, in one form, after a header.

    names: of all integrations that may come. threshold: scores from there on stand out.
    """

    def __init__(
        self, form: Form, names: Iterable[str], *, users: bool, threshold: float = 1.1
    ) -> None:
        self.rows = 0
        self._form = form
        self._users = USER_COLUMNS if users else ()
        self._threshold = threshold
        self._widths = (20, max(map(len, ("integration", *names))), 5, 8, 36)
        self._width = width()
        if form == "csv":
            self._say_csv([*COLUMNS, *self._users])

    def add(self, row: Row) -> None:
        """Print a row. Raises OutputError."""
        if self._form == "json":
            say(json.dumps(row.as_json()), at_once=True)
        elif self._form == "csv":
            self._say_csv(row.as_csv())
        else:
            if not self.rows:
                header = ("created", "integration", "score", "status", "id", "flags", *self._users)
                say(styled((self._line(header), "bold")), at_once=True)
            say(self._text(row), at_once=True)
        self.rows += 1

    def _text(self, row: Row) -> str:
        session = row.session
        score = "-" if session.score is None else f"{session.score:.2f}"
        users = (value or "-" for value in row.user.values())
        texts = (row.created, row.integration, score, session.status or "-", session.id)
        line = self._line((*texts, " ".join(session.flags) or "-", *users))
        start = sum(self._widths[:2]) + 4
        bot = session.score is not None and session.score >= self._threshold
        end = start + self._widths[2]
        return styled(
            (line[:start], ""), (line[start:end], "bold red" if bot else ""), (line[end:], "")
        )

    def _line(self, texts: tuple[str, ...]) -> str:
        """The texts in columns, cut to the terminal's width where the output is one."""
        safe = [harmless(text) for text in texts]
        columns = [text.ljust(size) for text, size in zip(safe, self._widths, strict=False)]
        columns[2] = safe[2].rjust(self._widths[2])
        line = "  ".join([*columns, *safe[len(columns) :]]).rstrip()
        if self._width is None or len(line) <= self._width:
            return line
        return f"{line[: max(_LEAST_LAST, self._width) - 1]}…"

    def _say_csv(self, texts: Iterable[str]) -> None:
        file = StringIO()
        csv.writer(file, lineterminator="").writerow(texts)
        say(file.getvalue(), at_once=True)


def harmless(text: str) -> str:
    """`text` with every control and formatting character as a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _as_text(text: str) -> str:
    """What a spreadsheet shows as it is, and calculates nothing of."""
    return f"'{text}" if text.startswith(_FORMULA) else text
