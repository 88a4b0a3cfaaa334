"""The tables of a state file, and how an older file gets those of our version.

Nothing here reads or writes what is counted.
"""

import os
import re
import sqlite3

from exporter.ledger.engine import SALT_BYTES, DamagedRowError

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
