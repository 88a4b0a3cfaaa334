"""What a command says to whoever typed it, and how it ends: the one place for the terminal.

Output goes to stdout; all else goes beside it, to stderr. A stream that is closed, full or of
another encoding than UTF-8 costs at most its own text: it is never a traceback. Nothing here
redacts; what may hold a secret is redacted before. The daemon logs instead.
"""

import codecs
import os
import sys
from collections.abc import Callable
from typing import Final, TextIO

WRITE_FAILED: Final = 1
INTERRUPTED: Final = 130
"""As a shell shows a program that Ctrl-C ended."""
BROKEN_PIPE: Final = 141
"""As a shell shows a program that SIGPIPE ended."""

_PLAIN: Final = {"–": "-", "—": "-", "×": "x", "…": "...", "µ": "u", "✓": "+", "✗": "x"}


class OutputError(Exception):
    """Standard output cannot be written. `run` makes the exit code of it."""


def say(text: str = "", *, at_once: bool = False) -> None:
    """Write a line of the output. at_once: also where that is a pipe. Raises OutputError."""
    try:
        print(text, flush=at_once)  # noqa: T201 - the command's output
    except OSError as error:
        raise OutputError from error


def note(text: str) -> None:
    """Write a line beside the output; it is lost where stderr cannot be written."""
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - the command's own voice
    except OSError:
        _discard(sys.stderr)


def complain(problem: object) -> None:
    """Say in a line why the command ends as it does."""
    note(f"isnotai-exporter: {problem}")


def one_line(text: str) -> str:
    """What another program wrote, fit for a terminal."""
    return "".join(one if one.isprintable() else " " for one in text).strip()


def run(command: Callable[[], int]) -> int:
    """Run a command; its exit code, also where Ctrl-C or its output ended it.

    Ctrl-C: a line and 130. A reader that went away, such as `head`: nothing and 141. Output that
    cannot be written, such as to a full disk: a line and 1. A SystemExit goes on, with that code.
    """
    try:
        try:
            return command()
        finally:
            _flush()
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except OutputError as error:
        cause = error.__cause__
        _discard(sys.stdout)
        if isinstance(cause, BrokenPipeError):
            return BROKEN_PIPE
        complain(f"cannot write the output: {getattr(cause, 'strerror', None) or cause}")
        return WRITE_FAILED


def prepare_streams() -> None:
    """Make the process's three streams usable, whatever it was started with.

    A closed one is opened on the null device, as Go's runtime does; otherwise the next file or
    socket would get its number and all that is printed. Characters that the encoding lacks are
    replaced. Called once, before anything is opened.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _fill(number)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole life
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above
    codecs.register_error("isnotai-plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="isnotai-plain")  # type: ignore[union-attr]  # never None here


def _fill(number: int) -> None:
    """Open a closed descriptor on the null device; where there is none, on a pipe's lone end."""
    try:
        opened = os.open(os.devnull, os.O_RDWR)
    except OSError:
        ends = os.pipe()
        opened = os.dup(ends[min(number, 1)])
        for end in ends:
            os.close(end)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    os.set_inheritable(number, True)


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for characters that an encoding lacks: a like one, or its escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(one) or _escape(one) for one in lacking), error.end


def _escape(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii")


def _flush() -> None:
    try:
        sys.stdout.flush()
    except OSError as error:
        raise OutputError from error


def _discard(stream: TextIO) -> None:
    """Let what is still buffered go nowhere; the interpreter would write it again at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
