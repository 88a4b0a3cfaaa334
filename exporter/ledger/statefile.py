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

from exporter.log import get_logger

APPLICATION_ID = 0x4E414958
"""Marks a database as ours (bytes 68 to 71 of an SQLite file): NAIX."""

VERSION = 5

PLACES = """
CREATE TABLE place_value (
    integration INTEGER NOT NULL,
    id BLOB NOT NULL,
    place TEXT NOT NULL,
    users INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    name TEXT,
    PRIMARY KEY (integration, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE place_user (
    integration INTEGER NOT NULL,
    value BLOB NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (integration, value, id)
) STRICT, WITHOUT ROWID;
"""

OUTBOXES = """
CREATE TABLE detail (
    integration INTEGER NOT NULL,
    id BLOB NOT NULL,
    session TEXT NOT NULL,
    settled REAL NOT NULL,
    PRIMARY KEY (integration, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX detail_settled ON detail (integration, settled);
CREATE TABLE finding (
    integration INTEGER NOT NULL,
    id TEXT NOT NULL,
    settled REAL NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (integration, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX finding_settled ON finding (integration, settled);
"""

UPGRADES = {
    1: "ALTER TABLE session DROP COLUMN missed",
    # Flags of bots are counted from here on; of bots that are open now, all flags are.
    2: """
        INSERT INTO counter
        SELECT bot.integration, 'bot_flag', ifnull(known.label, 'other'), count(*), begun
        FROM session AS bot, json_each(bot.flags) AS flag
        JOIN integration ON integration.id = bot.integration
        LEFT JOIN counter AS known ON known.integration = bot.integration
            AND known.name = 'flag' AND known.label = flag.value
        WHERE bot.bot = 1 AND bot.settled = 0
        GROUP BY 1, 3
    """,
    3: f"ALTER TABLE session ADD COLUMN places TEXT; {PLACES}",
    4: f"ALTER TABLE session ADD COLUMN name TEXT; {OUTBOXES}",
}
"""What leads from each version to the next."""

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database, and would replay into another of the same name."""

MOUNTS = Path("/proc/self/mountinfo")

SALT_BYTES = 16
"""Of the secret by which a state hashes ids."""

_log = get_logger(__name__)

_MAGIC = b"SQLite format 3\x00"

_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE integration (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    first_start REAL NOT NULL,
    begun REAL NOT NULL,
    origin INTEGER,
    horizon INTEGER,
    frontier INTEGER,
    unsettled INTEGER NOT NULL DEFAULT 0,
    active INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE session (
    integration INTEGER NOT NULL,
    id BLOB NOT NULL,
    created INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    bot INTEGER NOT NULL,
    active INTEGER NOT NULL,
    score REAL,
    flags TEXT,
    places TEXT,
    name TEXT,
    PRIMARY KEY (integration, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_settled ON session (integration, created) WHERE settled = 1;
CREATE INDEX session_unsettled ON session (integration, created) WHERE settled = 0;
CREATE TABLE counter (
    integration INTEGER NOT NULL,
    name TEXT NOT NULL,
    label TEXT NOT NULL,
    value REAL NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (integration, name, label)
) STRICT, WITHOUT ROWID;
CREATE TABLE minute (
    integration INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    sessions INTEGER NOT NULL,
    PRIMARY KEY (integration, minute)
) STRICT, WITHOUT ROWID;
CREATE TABLE invalid (
    integration INTEGER NOT NULL,
    id BLOB NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY (integration, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE usage_day (
    integration INTEGER NOT NULL,
    day TEXT NOT NULL,
    metric TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (integration, day, metric)
) STRICT, WITHOUT ROWID;
"""

_ADDED = {4: PLACES, 5: OUTBOXES}
"""Tables that came with a later version than the first."""

SCHEMA = _FIRST + "".join(_ADDED.values())


def _tables(version: int) -> set[str]:
    """The tables that a state of that version has."""
    added = "".join(schema for since, schema in _ADDED.items() if since <= version)
    return set(re.findall(r"CREATE TABLE (\w+)", _FIRST + added))


class ForeignStateError(Exception):
    """The file at `state.path` is not ours to write: another program's, or of a newer version."""


class DamagedRowError(sqlite3.DatabaseError):
    """A row holds what was never written: damage that SQLite's own check does not see."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    sqlite_errorname = "SQLITE_CORRUPT"


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


def initialise(connection: sqlite3.Connection) -> None:
    """Lay the schema into an empty database."""
    connection.executescript(
        f"BEGIN; {SCHEMA} PRAGMA application_id = {APPLICATION_ID};"
        f" PRAGMA user_version = {VERSION}; COMMIT;"
    )
    connection.execute("INSERT INTO meta VALUES ('salt', ?)", (os.urandom(SALT_BYTES),))


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring an older state to our version, in one transaction. Raises sqlite3.Error."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == VERSION:
        return
    steps = "; ".join(UPGRADES[older] for older in range(version, VERSION))
    try:
        connection.executescript(f"BEGIN; {steps}; PRAGMA user_version = {VERSION}; COMMIT;")
    except sqlite3.Error as error:
        # Our own statements are right; so it is the rows that are not, such as flags without form.
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR:
            raise DamagedRowError("rows that cannot be upgraded") from None
        raise


def intact(connection: sqlite3.Connection) -> bool:
    """Whether SQLite finds no fault, and all of a version is there. Raises sqlite3.Error.

    Reads the whole file.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in {VERSION, *UPGRADES} or _tables(version) - tables:
        return False
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()
    salt = connection.execute("SELECT value FROM meta WHERE key = 'salt'").fetchone()
    return verdict == ("ok",) and salt is not None and len(bytes(salt[0])) == SALT_BYTES


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
