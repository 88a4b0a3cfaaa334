"""The store: all of a transaction or nothing, published after the commit, one process at a time."""

import asyncio
import itertools
import os
import signal
import sqlite3
import stat
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.ledger import engines, schema, statefile
from exporter.ledger.engine import Connection, DamagedStateError, ForeignStateError, StateError
from exporter.ledger.filelock import StateLockedError
from exporter.ledger.sqlite import SqliteEngine
from exporter.ledger.store import LOCK_SECONDS, Store
from exporter.log import configure, flush

TIME_OUT = 20.0

HOLDER = """
import sys
from pathlib import Path
from exporter.ledger.filelock import FileLock
lock = FileLock(Path(sys.argv[1]))
print("held" if lock.acquire() else "refused", flush=True)
sys.stdin.read()
"""

WRITER = """
import asyncio, sys
from pathlib import Path
from exporter.ledger.store import Store

async def write():
    store = Store(Path(sys.argv[1]), lambda: 0.0)
    await store.run(lambda c: c.execute("INSERT INTO meta VALUES ('committed', x'01')"))
    def hang(connection):
        connection.execute("INSERT INTO meta VALUES ('open', x'01')")
        print("open", flush=True)
        sys.stdin.read()
    await store.run(hang)

asyncio.run(write())
"""


@asynccontextmanager
async def opened(path: Path | None, kind: type[Store] = Store) -> AsyncIterator[Store]:
    times = itertools.count(1_790_000_000)
    store = kind(path, lambda: float(next(times)))
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def process(script: str, path: Path, first_word: str) -> AsyncIterator[Process]:
    """Another process that runs `script`, from its first word on."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(path), stdin=PIPE, stdout=PIPE
    )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(TIME_OUT):
            assert (await child.stdout.readline()).decode().strip() == first_word
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        async with asyncio.timeout(TIME_OUT):
            await child.communicate()


def put(key: str) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        connection.execute("INSERT INTO meta VALUES (?, x'01')", (key,))

    return work


def keys(connection: Connection) -> set[str]:
    return {key for (key,) in connection.execute("SELECT key FROM meta WHERE key != 'salt'")}


def keys_in(path: Path) -> set[str]:
    """What another connection sees: only what is committed."""
    connection = sqlite3.connect(path)
    try:
        return keys(connection)
    finally:
        connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


# -- transactions


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), OverflowError("x")])
async def test_whatever_work_fails_with_leaves_nothing_of_it(
    path: Path, error: Exception, in_memory: bool
) -> None:
    def work(connection: Connection) -> None:
        put("b")(connection)
        raise error

    async with opened(None if in_memory else path) as store:
        await store.run(put("a"))
        with pytest.raises(type(error)):
            await store.run(work)

        assert await store.run(keys) == {"a"}


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO meta VALUES ('a', x'02')", "INSERT INTO missing VALUES (1)", "nonsense"],
)
async def test_a_statement_that_fails_is_a_state_error_and_undoes_the_whole(
    path: Path, statement: str, in_memory: bool
) -> None:
    def work(connection: Connection) -> None:
        put("b")(connection)
        connection.execute(statement)

    async with opened(None if in_memory else path) as store:
        await store.run(put("a"))
        committed = store.last_commit
        with pytest.raises(StateError, match="not committed: SQLITE_"):
            await store.run(work)

        assert store.last_commit == committed
        assert await store.run(keys) == {"a"}


async def test_what_follows_a_commit_follows_it(path: Path) -> None:
    seen: list[set[str]] = []

    def after(result: set[str]) -> set[str]:
        seen.append(keys_in(path))
        return result | {"then"}

    def work(connection: Connection) -> set[str]:
        put("a")(connection)
        assert keys_in(path) == set()
        return {"worked"}

    async with opened(path) as store:
        assert await store.run_then(work, after) == {"worked", "then"}

    assert seen == [{"a"}]


async def test_nothing_follows_a_transaction_that_failed(path: Path) -> None:
    def work(connection: Connection) -> None:
        put("a")(connection)
        put("a")(connection)

    async with opened(path) as store:
        with pytest.raises(StateError):
            await store.run_then(work, lambda result: pytest.fail("published"))


async def test_a_commit_is_published_also_where_the_caller_was_cancelled(path: Path) -> None:
    started, go_on, published = threading.Event(), threading.Event(), threading.Event()

    def work(connection: Connection) -> None:
        put("a")(connection)
        started.set()
        assert go_on.wait(TIME_OUT)

    async with opened(path) as store:
        task = asyncio.create_task(store.run_then(work, lambda result: published.set()))
        await asyncio.to_thread(started.wait, TIME_OUT)
        task.cancel()
        await asyncio.wait([task])
        go_on.set()

        assert task.cancelled()
        assert await asyncio.to_thread(published.wait, TIME_OUT)
        assert await store.run(keys) == {"a"}


async def test_work_of_many_is_done_one_after_the_other(path: Path) -> None:
    def add(connection: Connection) -> int:
        (before,) = connection.execute("SELECT count(*) FROM meta").fetchone()
        put(f"key {before}")(connection)
        return int(before)

    async with opened(path) as store:
        before = await asyncio.gather(*(store.run(add) for _ in range(20)))

        assert before == list(range(1, 21))


async def test_the_time_of_the_last_commit_moves_with_commits_only(path: Path) -> None:
    async with opened(path) as store:
        assert store.last_commit is None
        await store.run(put("a"))
        first = store.last_commit
        with pytest.raises(StateError):
            await store.run(put("a"))
        assert store.last_commit == first
        await store.run(put("b"))

        assert first is not None
        assert store.last_commit > first


async def test_a_commit_is_on_the_disk_when_it_returns(path: Path) -> None:
    def pragmas(connection: Connection) -> tuple[str, int]:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        (full,) = connection.execute("PRAGMA synchronous").fetchone()
        return mode, full

    async with opened(path) as store:
        assert await store.run(pragmas) == ("wal", 2)


async def test_all_files_of_the_state_are_for_us_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        async with opened(path) as store:
            await store.run(put("a"))
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)

    names = {f"state.db{suffix}" for suffix in ("", "-wal", "-shm", ".lock")}
    assert modes == dict.fromkeys(names, 0o600)


async def test_a_state_in_memory_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened(None) as store:
        store.examine()
        await store.acquire(lambda: 0.0)
        await store.run(put("a"))

        assert store.last_commit is not None
        assert list(tmp_path.iterdir()) == []


# -- one process at a time, and kills


async def test_a_second_process_is_kept_out_for_as_long_as_the_first_lives(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("warning", "json")
    clock = itertools.count(0.0, LOCK_SECONDS / 3)
    async with process(HOLDER, path, "held") as holder, opened(path) as store:
        with pytest.raises(StateLockedError, match=r"state\.db"):
            await store.acquire(lambda: next(clock))
        # Said at once, and once, so that nobody wonders for half a minute.
        flush()
        assert capsys.readouterr().err.count('"event": "state_in_use"') == 1
        with pytest.raises(StateError, match="another exporter"):
            await store.run(put("a"))
        assert not path.exists()

        holder.send_signal(signal.SIGKILL)
        await store.acquire(lambda: 0.0)
        await store.run(put("a"))

        async with process(HOLDER, path, "refused"):
            await store.run(put("b"))
    async with process(HOLDER, path, "held"):
        assert keys_in(path) == {"a", "b"}


async def test_after_a_kill_in_mid_transaction_the_last_commit_stands(path: Path) -> None:
    async with process(WRITER, path, "open") as writer:
        writer.send_signal(signal.SIGKILL)
        async with asyncio.timeout(TIME_OUT):
            await writer.wait()

    async with opened(path) as store:
        assert await store.run(keys) == {"committed"}


# -- files that are not ours, and damaged ones


@pytest.mark.parametrize("version", [None, schema.VERSION + 1])
async def test_a_foreign_or_newer_file_is_refused_and_never_touched(
    path: Path, version: int | None
) -> None:
    if version is None:
        path.write_text("somebody's notes, longer than a header\n" * 10)
    else:
        statefile.create(path)
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
    before = path.read_bytes()

    async with opened(path) as store:
        with pytest.raises(ForeignStateError):
            store.examine()
        with pytest.raises(ForeignStateError):
            await store.acquire(lambda: 0.0)
        with pytest.raises(StateError, match=r"state\.path"):
            await store.run(put("a"))

    assert path.read_bytes() == before
    assert {file.name for file in path.parent.iterdir()} <= {"state.db", "state.db.lock"}


def harm_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)


def harm_header(path: Path) -> None:
    path.write_bytes(b"\x00" * 60 + path.read_bytes()[60:])


def cut(path: Path) -> None:
    os.truncate(path, 5000)


def drop_a_table(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP TABLE session")
    connection.close()


@pytest.mark.parametrize("harm", [harm_pages, harm_header, cut, drop_a_table])
async def test_a_damaged_state_is_moved_aside_and_a_new_one_takes_its_place(
    path: Path, harm: Callable[[Path], None]
) -> None:
    async with opened(path) as store:
        await store.run(put("a"))
    harm(path)
    damaged = path.read_bytes()

    async with opened(path) as store:
        store.examine()
        with pytest.raises(DamagedStateError):
            await store.run(put("b"))
        assert store.generation == 1
        await store.run(put("c"))
        assert store.generation == 1

    assert keys_in(path) == {"c"}
    (aside,) = path.parent.glob("state.db.damaged-??????????")
    assert aside.read_bytes() == damaged


async def test_damage_found_while_running_takes_the_log_along(path: Path) -> None:
    def spoil(connection: Connection) -> None:
        raise corrupt

    corrupt = sqlite3.DatabaseError("database disk image is malformed")
    corrupt.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    corrupt.sqlite_errorname = "SQLITE_CORRUPT"
    async with opened(path) as store:
        await store.run(put("a"))
        # Another connection keeps the log from being folded in when ours closes.
        other = sqlite3.connect(path)
        assert keys(other) == {"a"}
        with pytest.raises(DamagedStateError):
            await store.run(spoil)
        await store.run(put("b"))
        other.close()

        assert await store.run(keys) == {"b"}
    (log,) = path.parent.glob("state.db.damaged-*-wal")
    assert log.with_name(log.name.removesuffix("-wal")).exists()


async def test_an_old_log_beside_no_state_is_not_read_into_the_new_one(path: Path) -> None:
    async with opened(path) as store:
        await store.run(put("a"))
        log = path.with_name("state.db-wal").read_bytes()
    path.unlink()
    path.with_name("state.db-wal").write_bytes(log)

    async with opened(path) as store:
        assert await store.run(keys) == set()


# -- no room, no right, no folder


class Crowded(SqliteEngine):
    """A disk that is full while `full` is set, and may not be written while `frozen`."""

    full = False
    frozen = False

    def open_file(self, path: Path) -> sqlite3.Connection:
        connection = super().open_file(path)
        if self.full:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")
        if self.frozen:
            connection.execute("PRAGMA query_only = ON")
        return connection


def much(connection: Connection) -> None:
    put("b")(connection)
    connection.execute("INSERT INTO meta VALUES ('much', zeroblob(100000))")


@pytest.mark.parametrize(("trouble", "name"), [("full", "FULL"), ("frozen", "READONLY")])
async def test_while_the_disk_takes_nothing_the_last_commit_stands_and_then_it_goes_on(
    path: Path, trouble: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(path) as store:
        await store.run(put("a"))
    monkeypatch.setattr(engines, "SqliteEngine", Crowded)
    async with opened(path) as store:
        setattr(store.engine, trouble, True)
        for _ in range(3):
            with pytest.raises(StateError, match=name) as caught:
                await store.run_then(much, lambda result: pytest.fail("published"))
            assert not isinstance(caught.value, DamagedStateError)
            assert keys_in(path) == {"a"}

        setattr(store.engine, trouble, False)
        await store.run(much)

        assert await store.run(keys) == {"a", "b", "much"}
        assert store.generation == 0


async def test_a_folder_that_comes_later_is_waited_for_without_an_exit(tmp_path: Path) -> None:
    path = tmp_path / "later" / "state.db"
    async with opened(path) as store:
        store.examine()
        with pytest.raises(StateError, match="cannot be opened"):
            await store.acquire(lambda: 0.0)
        with pytest.raises(StateError, match="cannot be opened"):
            await store.run(put("a"))

        path.parent.mkdir()
        await store.run(put("a"))

        assert keys_in(path) == {"a"}
