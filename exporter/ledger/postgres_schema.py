"""The tables of a state in PostgreSQL, and how an older state gets those of our version.

All of it happens in one transaction under a lock, so that replicas that start together do it once.
"""

import os

from exporter.ledger.engine import SALT_BYTES, Connection, ForeignStateError

VERSION = 2

APPLICATION = b"isnotai-exporter"
"""Marks a schema as ours."""

LOCK = 0x4E414958
"""The advisory lock of whoever makes or upgrades the tables: held for that transaction only."""

UPGRADES: dict[int, tuple[str, ...]] = {
    1: ("ALTER TABLE replica ADD COLUMN tiers text NOT NULL DEFAULT '{}'",),
}
"""What leads from each version to the next."""

TABLES = (
    "CREATE TABLE meta (key text PRIMARY KEY, value bytea NOT NULL)",
    """CREATE TABLE integration (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL UNIQUE,
        first_start double precision NOT NULL,
        begun double precision NOT NULL,
        origin bigint,
        horizon bigint,
        frontier bigint,
        unsettled bigint NOT NULL DEFAULT 0,
        active bigint NOT NULL DEFAULT 0
    )""",
    """CREATE TABLE session (
        integration bigint NOT NULL,
        id bytea NOT NULL,
        created bigint NOT NULL,
        settled smallint NOT NULL,
        bot smallint NOT NULL,
        active smallint NOT NULL,
        score double precision,
        flags text,
        places text,
        name text,
        PRIMARY KEY (integration, id)
    )""",
    "CREATE INDEX session_settled ON session (integration, created) WHERE settled = 1",
    "CREATE INDEX session_unsettled ON session (integration, created) WHERE settled = 0",
    """CREATE TABLE counter (
        integration bigint NOT NULL,
        name text NOT NULL,
        label text NOT NULL,
        value double precision NOT NULL,
        created double precision NOT NULL,
        PRIMARY KEY (integration, name, label)
    ) WITH (fillfactor = 50)""",
    """CREATE TABLE minute (
        integration bigint NOT NULL,
        minute bigint NOT NULL,
        sessions bigint NOT NULL,
        PRIMARY KEY (integration, minute)
    )""",
    """CREATE TABLE invalid (
        integration bigint NOT NULL,
        id bytea NOT NULL,
        seen bigint NOT NULL,
        PRIMARY KEY (integration, id)
    )""",
    """CREATE TABLE usage_day (
        integration bigint NOT NULL,
        day text NOT NULL,
        metric text NOT NULL,
        value bigint NOT NULL,
        PRIMARY KEY (integration, day, metric)
    )""",
    """CREATE TABLE place_value (
        integration bigint NOT NULL,
        id bytea NOT NULL,
        place text NOT NULL,
        users bigint NOT NULL,
        seen bigint NOT NULL,
        name text,
        PRIMARY KEY (integration, id)
    )""",
    """CREATE TABLE place_user (
        integration bigint NOT NULL,
        value bytea NOT NULL,
        id bytea NOT NULL,
        PRIMARY KEY (integration, value, id)
    )""",
    """CREATE TABLE detail (
        integration bigint NOT NULL,
        id bytea NOT NULL,
        session text NOT NULL,
        settled double precision NOT NULL,
        PRIMARY KEY (integration, id)
    )""",
    "CREATE INDEX detail_settled ON detail (integration, settled)",
    """CREATE TABLE finding (
        integration bigint NOT NULL,
        id text NOT NULL,
        settled double precision NOT NULL,
        body text NOT NULL,
        PRIMARY KEY (integration, id)
    )""",
    "CREATE INDEX finding_settled ON finding (integration, settled)",
    # Who polls what. A replica's leases last as long as its own row; each names its epoch.
    """CREATE TABLE replica (
        id text PRIMARY KEY,
        kind text NOT NULL,
        spent text NOT NULL,
        tiers text NOT NULL DEFAULT '{}',
        seen timestamptz NOT NULL,
        expires timestamptz NOT NULL
    ) WITH (fillfactor = 50)""",
    """CREATE TABLE lease (
        integration text PRIMARY KEY,
        holder text,
        last text,
        epoch bigint NOT NULL DEFAULT 0,
        version bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 50)""",
)


def version_of(connection: Connection, schema: str) -> int:
    """Which version of our tables lies in the schema; 0: none. Raises ForeignStateError."""
    rows = connection.execute(
        "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = ?", (schema,)
    )
    tables = {name for (name,) in rows}
    if not tables:
        return 0
    marks: dict[str, bytes] = {}
    if "meta" in tables:
        marks = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    if marks.get("application") != APPLICATION:
        raise ForeignStateError(f"state.schema: {schema} holds another program's tables")
    version = int(marks.get("version", b"0"))
    if version > VERSION:
        raise ForeignStateError(
            f"state.schema: {schema} was written by a newer version "
            f"(schema {version}, ours {VERSION})"
        )
    return version


def prepare(connection: Connection, schema: str) -> None:
    """Make the tables, or bring older ones to our version. Raises ForeignStateError.

    The schema's name is a plain one, as the settings see to.
    """
    connection.execute("SELECT pg_advisory_xact_lock(?)", (LOCK,))
    version = version_of(connection, schema)
    if version == VERSION:
        return
    if not version:
        there = connection.execute(
            "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ?", (schema,)
        )
        if there.fetchone() is None:
            # Not "if not exists", which wants the right to make one also where there is one.
            connection.execute(f'CREATE SCHEMA "{schema}"')
        steps: list[str] = list(TABLES)
        marks = {
            "application": APPLICATION,
            "version": str(VERSION).encode(),
            "salt": os.urandom(SALT_BYTES),
        }
    else:
        steps = [step for older in range(version, VERSION) for step in UPGRADES[older]]
        marks = {"version": str(VERSION).encode()}
    for step in steps:
        connection.execute(step)
    connection.executemany(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        list(marks.items()),
    )
