"""The state file: whose it is, and how a new one comes to be.

Nothing here reads or writes what is counted. A file that is not ours, or of a newer version, is
never touched; a damaged one of ours is moved aside, never deleted.
"""

import os
import re
import sqlite3
import stat
from pathlib import Path
from typing import Literal

from exporter.ledger.engine import DamagedRowError, ForeignStateError
from exporter.ledger.schema import APPLICATION_ID, VERSION, initialise
from exporter.log import get_logger

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database, and would replay into another of the same name."""

MOUNTS = Path("/proc/self/mountinfo")

_log = get_logger(__name__)

_MAGIC = b"SQLite format 3\x00"


Condition = Literal["absent", "ours", "damaged"]


def resolve(path: Path) -> Path:
    """What `path` is once every link is followed, also one to a file that is yet to be made.

    All that belongs to a state (its lock, its log, a draft) lies beside the file itself.
    """
    return Path(os.path.realpath(path))


def examine(path: Path) -> Condition:
    """What lies at `path`. Raises ForeignStateError, or OSError where it cannot be read."""
    if is_mount_point(path):
        # What SQLite writes beside it would be lost with the container, and commits with that.
        raise ForeignStateError(
            f"state.path: {path} is mounted by itself: mount its folder instead, since the "
            "state keeps other files beside it"
        )
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            # A device or a pipe; renaming a new state into its place would destroy it.
            raise ForeignStateError(f"state.path: {path} is not a file")
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        return "absent"
    if not head:
        return "absent"
    if len(head) < 100 or not head.startswith(_MAGIC):
        if _application_id(head) == APPLICATION_ID:
            return "damaged"
        raise ForeignStateError(f"state.path: {path} is not a state file of this exporter")
    if _application_id(head) != APPLICATION_ID:
        raise ForeignStateError(f"state.path: {path} is another program's database")
    version = int.from_bytes(head[60:64], "big")
    if version > VERSION:
        raise ForeignStateError(
            f"state.path: {path} was written by a newer version (schema {version}, ours {VERSION})"
        )
    return "ours"


def is_mount_point(path: Path) -> bool:
    """Whether something is mounted at that very file; False where the system does not tell."""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False
    # The fifth field, with octal escapes for white space (proc_pid_mountinfo(5)).
    points = (line.split(" ", 5)[4] for line in mounts.splitlines() if line.count(" ") > 4)
    return str(path) in {
        re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), point) for point in points
    }


def _application_id(head: bytes) -> int:
    return int.from_bytes(head[68:72], "big")


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the state at `path`, whose files are for us alone from now on.

    Text that is not UTF-8 raises DamagedRowError, wherever it is read.
    """
    for suffix in ("", *BESIDE):
        keep_private(path.with_name(path.name + suffix))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.text_factory = _text
    return connection


def _text(written: bytes) -> str:
    try:
        return written.decode()
    except UnicodeDecodeError:
        raise DamagedRowError("text that is not UTF-8") from None


def keep_private(path: Path) -> None:
    """Take the file from group and others, where it is there and is ours to change.

    A backup that was put back, or a volume that Kubernetes handed over, may have left it readable.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            path.chmod(mode & 0o700)
            _log.warning("state_was_readable", path=str(path), mode=f"{mode:04o}")
    except FileNotFoundError:
        return
    except OSError as error:
        _log.warning("state_stays_readable", path=str(path), reason=error.strerror)


def create(path: Path) -> None:
    """A new state file, whole or not at all: written beside and renamed into place, mode 0600."""
    draft = path.with_name(f"{path.name}.new")
    for leftover in (draft, draft.with_name(f"{draft.name}-journal")):
        leftover.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    connection = sqlite3.connect(draft, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        initialise(connection)
    finally:
        connection.close()
    for stale in BESIDE:
        # Left by a file that was deleted; SQLite must not replay it into the new one.
        path.with_name(path.name + stale).unlink(missing_ok=True)
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def set_aside(path: Path, stamp: str) -> Path:
    """Move a damaged state, with what SQLite keeps beside it, to `<path>.damaged-<stamp>`.

    Where that is taken, `-2`, `-3` and so on follow.
    """
    base = target = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while target.exists():
        number += 1
        target = base.with_name(f"{base.name}-{number}")
    for suffix in BESIDE:
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.replace(target.with_name(target.name + suffix))
    path.replace(target)
    return target
