"""The file that a command writes: what may be replaced is settled before a request is spent.

Only a regular file is ever replaced, and only when that was asked for. A device, a pipe or a folder
is refused: renaming a file into its place would destroy it, as root a device too. Text goes into a
draft beside the file, which takes its place when it is whole.
"""

import os
import shutil
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from exporter.ledger.statefile import is_mount_point
from exporter.settings.errors import SettingsError
from exporter.terminal import OutputError

STANDARD_OUTPUT = "-"

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a command's text goes. path: the file itself, links followed; None: standard output."""

    path: Path | None

    def __str__(self) -> str:
        return "standard output" if self.path is None else str(self.path)

    def beside(self, suffix: str) -> Path | None:
        """A file that belongs to it; None for standard output."""
        return None if self.path is None else self.path.with_name(self.path.name + suffix)

    def write(self, lines: Iterable[str]) -> None:
        """Write it all: whole or not at all, but for standard output. Raises OSError, OutputError.

        An OSError never comes from standard output, whose trouble is an OutputError.
        """
        if self.path is None:
            _print(lines)
            return
        draft = self.path.with_name(f"{self.path.name}.part")
        descriptor = _create(draft)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            if self.path.exists():
                shutil.copymode(self.path, draft)
            draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)


def destination(option: str, text: str, *, force: bool) -> Destination:
    """What `option` names, if it can be written. force: a file that is there may be replaced.

    Raises SettingsError that says what stands there, or why nothing can be written.
    """
    if text == STANDARD_OUTPUT:
        return Destination(None)
    try:
        path = Path(os.path.realpath(text))
        _check_place(option, path, force=force)
        # The only proof that a file can be made here is to make one.
        draft = path.with_name(f"{path.name}.part")
        os.close(_create(draft))
        draft.unlink()
    except ValueError:
        raise SettingsError(f"{option}: must be the path of a file") from None
    except OSError as error:
        raise SettingsError(f"{option}: cannot be written: {error.strerror}") from None
    return Destination(path)


def _check_place(option: str, path: Path, *, force: bool) -> None:
    """Raises SettingsError where what stands at `path` is not to be replaced; OSError."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise SettingsError(f"{option}: its folder does not exist") from None
        return
    if not stat.S_ISREG(mode):
        kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "no regular file")
        raise SettingsError(
            f"{option}: is {kind}, and only a regular file is replaced; - is standard output"
        )
    if is_mount_point(path):
        raise SettingsError(f"{option}: is mounted by itself and cannot be replaced")
    if not force:
        raise SettingsError(f"{option}: is there already; --force replaces it")


def _create(draft: Path) -> int:
    """A new file at `draft`, in place of what an interrupted command left there. Raises OSError."""
    try:
        if stat.S_ISREG(draft.lstat().st_mode):
            draft.unlink()
    except FileNotFoundError:
        pass
    return os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)


def _print(lines: Iterable[str]) -> None:
    try:
        sys.stdout.writelines(lines)
        sys.stdout.flush()
    except OSError as error:
        raise OutputError from error
