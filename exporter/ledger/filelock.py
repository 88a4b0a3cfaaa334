"""Who may write a state: one process at a time, which holds the locks of its files."""

import fcntl
import os
from pathlib import Path


class StateLockedError(Exception):
    """Another exporter holds the state."""


class FileLock:
    """The right to write the state, held by one process; the kernel frees it when that ends.

    It is a lock on a file beside the state, which outlives a damaged state, and one on the state
    itself, which holds whatever other names that has.
    """

    def __init__(self, path: Path) -> None:
        self._state = path
        self._path = path.with_name(f"{path.name}.lock")
        self._descriptor: int | None = None
        self._own: int | None = None

    def acquire(self) -> bool:
        """Take it now. False where another process holds it. Raises OSError."""
        if not self._acquire():
            return False
        if self.hold():
            return True
        self.release()
        return False

    def _acquire(self) -> bool:
        if self._descriptor is not None:
            return True
        # A link in its place would have us make, or open, a file of somebody else's choice.
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._path, flags, 0o600)
        if not _locked(descriptor):
            return False
        self._descriptor = descriptor
        return True

    def hold(self) -> bool:
        """Lock the state file that is there now, if there is one. False: another process has it.

        Called before SQLite opens the file: its own locks go when any descriptor of it is closed.
        Raises OSError.
        """
        try:
            descriptor = os.open(self._state, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        if self._own is not None:
            if os.path.samestat(os.fstat(self._own), os.fstat(descriptor)):
                os.close(descriptor)
                return True
            os.close(self._own)
            self._own = None
        if not _locked(descriptor):
            return False
        self._own = descriptor
        return True

    def release(self) -> None:
        if self._own is not None:
            os.close(self._own)
            self._own = None
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _locked(descriptor: int) -> bool:
    """Lock that file. False where another process holds it; the descriptor is closed then.

    Raises OSError, the descriptor closed as well.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    except OSError:
        os.close(descriptor)
        raise
    return True
