"""PostgreSQL: a state that replicas share.

Nothing outlasts a transaction on the server (no prepared statement, no session setting, no
LISTEN), so PgBouncer may hand each to another connection. Every wait is bounded: the server gives
up a statement, and a transaction that stands idle; we give up a server that does not answer.
"""

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain, islice
from time import monotonic
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from exporter.ledger import postgres_schema
from exporter.ledger.database import Database
from exporter.ledger.engine import (
    Connection,
    DamagedRowError,
    ForeignStateError,
    MissingStateError,
    Rows,
    StateError,
)
from exporter.log import get_logger
from exporter.redaction import redact

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 10
"""The server gives up a statement that takes longer."""

IDLE_SECONDS = 5
"""The server ends a transaction that waits so long for us: a process that was stopped in the middle
of one must not keep others from its rows."""

MOST_ROWS = 1000
"""Rows in one statement; a tenth of what its parameters would allow."""

_ONE_ROW = re.compile(r"\bVALUES (\(\?(?:, \?)*\))")

ANSWER_SECONDS = 15.0
"""A server that has not answered by then is given up, with the connection."""

_log = get_logger(__name__)

_HARMLESS = (
    psycopg.IntegrityError,
    psycopg.DataError,
    psycopg.ProgrammingError,
    psycopg.NotSupportedError,
    DamagedRowError,
)
"""What leaves a connection, and all that is committed, as it was."""


class _SilentError(psycopg.OperationalError):
    """The server does not answer."""


class _Connection(psycopg.Connection[Any]):
    """A connection whose waits end, also where the peer is gone without a word."""

    def wait(self, gen: Any, *arguments: Any, **named: Any) -> Any:
        return super().wait(_bounded(gen, monotonic() + ANSWER_SECONDS), *arguments, **named)


def _bounded(gen: Any, deadline: float) -> Generator[Any, Any, Any]:
    """The same generator, which fails once the time is over; psycopg looks in every 0.1 s."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if monotonic() > deadline:
                raise _SilentError(f"no answer for {ANSWER_SECONDS:g} s")
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value


@cache
def _translated(statement: str) -> bytes:
    return statement.replace("?", "%s").encode()


class _Transaction:
    """The open transaction of a connection."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, parameters: Sequence[Any] = (), /) -> Rows:
        return self._connection.execute(_translated(statement), parameters)

    def executemany(self, statement: str, parameters: Iterable[Sequence[Any]], /) -> Rows:
        row = _ONE_ROW.search(statement)
        if row is None:
            cursor = self._connection.cursor()
            cursor.executemany(_translated(statement), parameters)
            return cursor
        # Many rows in one statement take far less time than as many statements.
        before, after = statement[: row.start(1)], statement[row.end(1) :]
        changed, remaining = 0, iter(parameters)
        while rows := list(islice(remaining, MOST_ROWS)):
            whole = f"{before}{', '.join([row[1]] * len(rows))}{after}".replace("?", "%s")
            done = self._connection.execute(whole.encode(), tuple(chain.from_iterable(rows)))
            changed += done.rowcount
        return _Changed(changed)


class _Changed:
    """What statements of several rows gave: how many rows they changed."""

    def __init__(self, rowcount: int) -> None:
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def fetchone(self) -> Any:
        return None

    def fetchall(self) -> list[Any]:
        return []


class PostgresEngine:
    """One connection to the server, made when it is used, and anew after each trouble.

    generation: raised when a connection is given up. Whether a commit that got no answer was made,
    and what a server that took over holds, only the database knows.
    """

    errors: tuple[type[Exception], ...] = (psycopg.Error, DamagedRowError)

    def __init__(self, server: Database) -> None:
        self.generation = 0
        self._server = server
        self._connection: _Connection | None = None
        local = (
            f'SET LOCAL search_path = "{server.schema}"',
            f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'",
            f"SET LOCAL lock_timeout = '{STATEMENT_SECONDS}s'",
            f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'",
        )
        self._begin = "; ".join(("BEGIN ISOLATION LEVEL READ COMMITTED", *local)).encode()
        only_read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        self._look = "; ".join((only_read, *local)).encode()

    def examine(self) -> None:
        """The server is asked once the daemon answers."""

    def acquire(self) -> bool:
        """See whether the tables are ours; nobody holds all of them.

        Raises ForeignStateError, StateError.
        """
        try:
            self._open()
        except psycopg.Error as error:
            self.roll_back()
            raise self.fault(error) from None
        return True

    def begin(self, *, snapshot: bool = False) -> Connection:
        begin = self._look if snapshot else self._begin
        if self._connection is not None:
            try:
                self._connection.execute(begin)
            except psycopg.OperationalError:
                # It was lost while nothing was under way, as when the server was started anew.
                self.close()
            else:
                return _Transaction(self._connection)
        try:
            connection = self._open()
        except ForeignStateError as error:
            raise StateError(str(error)) from None
        connection.execute(begin)
        return _Transaction(connection)

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """The state as it was last committed, for one look; nothing is made or upgraded.

        Raises StateError where there is no state of our version, or it cannot be read.
        """
        try:
            self._connection = connect(self._server.read())
            self._connection.execute(self._look)
            transaction = _Transaction(self._connection)
            version = postgres_schema.version_of(transaction, self._server.schema)
            if version != postgres_schema.VERSION:
                said = "is of an older version" if version else "is not there yet"
                raise MissingStateError(f"{self._server}: {said}; the daemon makes it at its start")
            yield transaction
        except self.errors as error:
            raise self.fault(error) from error
        except ForeignStateError as error:
            raise StateError(str(error)) from None
        finally:
            self.close()

    def commit(self) -> None:
        if self._connection is None:
            raise psycopg.OperationalError("the connection was lost")
        try:
            # A wait for a standby that the server gave up would count as a commit.
            done = self._connection.execute(b"SET LOCAL statement_timeout = 0; COMMIT")
            while done.nextset():
                pass
            if done.statusmessage != "COMMIT":
                raise psycopg.OperationalError("the transaction was rolled back")
        except psycopg.Error:
            # Nobody knows what became of it.
            self.close()
            raise

    def roll_back(self) -> None:
        connection = self._connection
        if connection is None:
            return
        if connection.info.transaction_status in (
            TransactionStatus.INTRANS,
            TransactionStatus.INERROR,
        ):
            try:
                connection.execute(b"ROLLBACK")
            except psycopg.Error:
                self.close()
        elif connection.info.transaction_status != TransactionStatus.IDLE:
            self.close()

    def fault(self, error: Exception) -> StateError:
        if not isinstance(error, _HARMLESS):
            self.close()
        return StateError(f"the database: {_words(error)}")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self.generation += 1

    def release(self) -> None:
        """Nobody holds all of a database."""

    def _open(self) -> _Connection:
        """A new connection, to tables of our version.

        Raises StateError, ForeignStateError, psycopg.Error.
        """
        if self._connection is not None:
            return self._connection
        connection = connect(self._server.read())
        self._connection = connection
        try:
            connection.execute(self._look)
            version = postgres_schema.version_of(_Transaction(connection), self._server.schema)
            connection.execute(b"ROLLBACK")
            if version < postgres_schema.VERSION:
                connection.execute(self._begin)
                postgres_schema.prepare(_Transaction(connection), self._server.schema)
                self.commit()
                _log.info("state_made", schema=self._server.schema, version=postgres_schema.VERSION)
        except (psycopg.Error, ForeignStateError):
            self.close()
            raise
        return connection


def connect(url: str) -> _Connection:
    """A connection to the server of that URL. Raises StateError, psycopg.Error."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        # Not its text, which may hold a part of the password.
        raise StateError("state.url: is not a URL as libpq reads it") from None
    usual: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "isnotai-exporter",
        "client_encoding": "utf8",
        # The first of several hosts that can be written to.
        **({"target_session_attrs": "read-write"} if "," in str(given.get("host", "")) else {}),
    }
    chosen: dict[str, Any] = {
        key: value for key, value in {**usual, **given}.items() if value is not None
    }
    return _Connection.connect(autocommit=True, prepare_threshold=None, **chosen)


def _words(error: Exception) -> str:
    """What happened, without what was in a row, and without secrets."""
    if isinstance(error, DamagedRowError):
        return f"holds {error}: a row that was never written here"
    state = getattr(error, "sqlstate", None)
    if state:
        return f"{type(error).__name__} ({state})"
    first = str(error).strip().split("\n", 1)[0]
    return redact.text(first) or type(error).__name__
