"""Where log lines go: never more of them than are of use, and never by waiting for who reads them.

A line is put in a bounded queue, and a thread writes the queue to the stream. When nobody reads, or
the disk is full, lines are dropped and counted; whoever logs goes on. Of a line that repeats, the
first few are written and then fewer and fewer, with the number of those that were left out.
"""

import contextlib
import errno
import logging
import os
import re
import select
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Final, TextIO

MOST_LINES: Final = 1000
MOST_BYTES: Final = 1 << 20
"""How much may wait to be written; more is dropped."""

CLOSE_SECONDS: Final = 1.0
"""How long the end of the process waits for the lines that are still to be written."""

BURST: Final = 5
INFO_BURST: Final = 60
FIRST_PAUSE_SECONDS: Final = 60.0
LONGEST_PAUSE_SECONDS: Final = 3600.0
"""A line that repeats: so many at once, then after a pause that doubles up to this. Lines that only
inform, such as those of a long catch-up, have a longer burst than warnings and errors."""

_MOST_KINDS: Final = 1000
_NUMBERS: Final = re.compile(r"0x[0-9a-f]+|\d+")


class BackgroundWriter:
    """Writes lines to a file descriptor on a thread of its own, which ends with the process."""

    def __init__(self, descriptor: int) -> None:
        self.dropped = 0
        """Lines that were not written: there was no room for them, or the system refused them."""

        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._writing = False
        self._changed = Condition()
        self._thread: Thread | None = None

    def write(self, line: bytes) -> None:
        """Put a line in the queue; returns at once."""
        with self._changed:
            full = len(self._waiting) >= MOST_LINES or self._bytes + len(line) > MOST_BYTES
            if full:
                self.dropped += 1
                return
            self._waiting.append(line)
            self._bytes += len(line)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until all is written, at most for so long; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._writing, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                line = self._waiting.popleft()
                self._bytes -= len(line)
                self._writing = True
            written = self._write(line)
            with self._changed:
                self._writing = False
                self.dropped += not written
                self._changed.notify_all()

    def _write(self, line: bytes) -> bool:
        left = memoryview(line)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    return False
                # Another process that shares the stream has made it non-blocking.
                select.select((), (self._descriptor,), ())
        return True


class Sink(logging.Handler):
    """Hands finished lines to a stream: at once where it is not a real file, else in background."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        try:
            self.writer: BackgroundWriter | None = BackgroundWriter(stream.fileno())
        except (OSError, ValueError):
            self.writer = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001 - whoever logs must go on, whatever he logs
            # Not the line's content, which could not be redacted.
            line = f"log_line_lost logger={record.name} error={type(error).__name__}"
        if self.writer is not None:
            self.writer.write(f"{line}\n".encode(errors="backslashreplace"))
            return
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")

    def flush(self) -> None:
        """Wait a moment for what is still to be written; logging calls it as the process ends."""
        self.flushed()

    def flushed(self) -> bool:
        """Whether all is written within CLOSE_SECONDS."""
        return self.writer is None or self.writer.flush(CLOSE_SECONDS)


@dataclass(slots=True)
class _Kind:
    """One line that repeats: how often it was written, when it may be again, what was left out."""

    written: int = 0
    last_seen: float = 0.0
    next_at: float = 0.0
    pause: float = FIRST_PAUSE_SECONDS
    left_out: int = 0


class Thinning(logging.Filter):
    """Lets a line that repeats through ever more rarely, at least once an hour; all at level debug.

    Lines are the same where they differ in numbers only. `left_out` of a record that passes is how
    many like it did not. What was not seen for an hour begins anew.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._kinds: OrderedDict[str, _Kind] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.INFO:
            return True
        burst = BURST if record.levelno >= logging.WARNING else INFO_BURST
        now = self._monotonic()
        kind = self._kind(self._name(record), now)
        kind.last_seen = now
        if kind.written >= burst and now < kind.next_at:
            kind.left_out += 1
            return False
        kind.written += 1
        if kind.written >= burst:
            kind.next_at = now + kind.pause
            kind.pause = min(2 * kind.pause, LONGEST_PAUSE_SECONDS)
        record.left_out = kind.left_out
        kind.left_out = 0
        return True

    def _kind(self, name: str, now: float) -> _Kind:
        kind = self._kinds.pop(name, None)
        if kind is None or now - kind.last_seen > LONGEST_PAUSE_SECONDS:
            kind = _Kind()
        self._kinds[name] = kind
        if len(self._kinds) > _MOST_KINDS:
            self._kinds.popitem(last=False)
        return kind

    def _name(self, record: logging.LogRecord) -> str:
        try:
            if isinstance(record.msg, dict):
                text = str({name: it for name, it in record.msg.items() if name != "timestamp"})
            else:
                text = record.getMessage()
        except Exception as error:  # noqa: BLE001 - as in the sink: it is told there
            text = type(error).__name__
        return _NUMBERS.sub("#", f"{record.name} {record.levelno} {text}"[:2000])
