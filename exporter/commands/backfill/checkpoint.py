"""What an interrupted backfill had read, in a file beside the one that it writes.

The first line says which backfill it is, each further one what a part of the range adds. A line is
written when its part is whole; one that was cut off is dropped. It holds counts, and neither ids
nor anything of a person.
"""

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from exporter.commands.backfill.counter import Addition
from exporter.commands.backfill.span import Range
from exporter.settings.errors import SettingsError

FORMAT = 1


@dataclass(slots=True)
class Reading:
    """What is known of one integration.

    wanted: its part of the range, which may begin later than was asked for. position: microseconds;
    all before it was read. parts: what was added, in order.
    """

    wanted: Range
    position: int = field(init=False)
    invalid: int = 0
    parts: list[Sequence[Addition]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.position, _ = self.wanted.micros

    def add(self, end: int, invalid: int, added: Sequence[Addition]) -> None:
        """Note what was read up to `end`, in microseconds."""
        self.position = end
        self.invalid += invalid
        self.parts.append(added)


class Checkpoint:
    """The readings so far, by integration, kept in a file; without a file they are not kept.

    plan: what tells one backfill from another: options, settings, integrations.
    """

    def __init__(self, wanted: Range, plan: Mapping[str, object], path: Path | None) -> None:
        self.wanted = wanted
        self.path = path
        self.readings: dict[str, Reading] = {}
        self.resumed = False
        self._plan = dict(plan)
        self._file: IO[str] | None = None
        self._mine = False

    def open(self, *, restart: bool) -> None:
        """Take what an earlier try had read, if the file holds any of the same backfill.

        restart: drop it. Raises SettingsError where it is another backfill's, or in use; OSError.
        """
        if self.path is None:
            return
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o600)
        file = os.fdopen(descriptor, "r+", encoding="utf-8", newline="\n")
        self._file = file
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file = None
            file.close()
            raise SettingsError(f"--output: another backfill writes {self.path} now") from None
        if restart:
            file.truncate(0)
        self._read(file)
        if not self.resumed:
            file.seek(0)
            file.truncate()
            self._write([FORMAT, self._plan, [self.wanted.start, self.wanted.end]])
        self._mine = True

    def begin(self, integration: str, wanted: Range) -> Reading:
        """Note the range of an integration that was not begun yet."""
        reading = self.readings[integration] = Reading(wanted)
        self._write([integration, wanted.start])
        return reading

    def add(self, integration: str, end: int, invalid: int, added: Sequence[Addition]) -> None:
        """Note a part that was read whole, up to `end` (microseconds). Raises OSError."""
        self.readings[integration].add(end, invalid, added)
        self._write([integration, end, invalid, [addition.as_json() for addition in added]])

    def close(self, *, done: bool) -> None:
        """done: the file is written, so nothing has to be kept."""
        if self._file is None or self.path is None:
            return
        if done or (self._mine and not self.readings):
            self.path.unlink(missing_ok=True)
        self._file.close()
        self._file = None

    @property
    def kept(self) -> Path | None:
        """Where something is kept for the next try."""
        some = any(reading.parts for reading in self.readings.values())
        return self.path if some else None

    def _write(self, line: object) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
            self._file.flush()

    def _read(self, file: IO[str]) -> None:
        whole = 0
        try:
            for text in iter(file.readline, ""):
                if not text.endswith("\n"):
                    break
                self._take(json.loads(text), first=whole == 0)
                whole += len(text.encode())
        except (ValueError, KeyError, TypeError) as error:
            raise SettingsError(
                f"--output: {self.path} is not the checkpoint of a backfill; --restart replaces it"
            ) from error
        file.seek(whole)
        file.truncate()
        self.resumed = whole > 0

    def _take(self, line: Any, *, first: bool) -> None:
        if first:
            form, plan, (start, end) = line
            if form != FORMAT or plan != json.loads(json.dumps(self._plan)):
                raise SettingsError(
                    f"--output: {self.path} is the checkpoint of a backfill with other options or "
                    "settings; repeat those, or give --restart to begin anew"
                )
            self.wanted = Range(float(start), float(end), self.wanted.step)
        elif len(line) == 2:
            integration, start = line
            wanted = Range(float(start), self.wanted.end, self.wanted.step)
            self.readings[integration] = Reading(wanted)
        else:
            integration, end, invalid, added = line
            additions = [Addition.from_json(one) for one in added]
            self.readings[integration].add(int(end), int(invalid), additions)
