"""A state in PostgreSQL: made once, never another's, and never trusted after a lost answer."""

import asyncio
import io
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporter.ledger import postgres as engines
from exporter.ledger import postgres_schema
from exporter.ledger.database import Database
from exporter.ledger.engine import Connection, ForeignStateError, StateError
from exporter.ledger.inspect import look
from exporter.ledger.store import Store
from exporter.log import flush
from exporter.metrics.catalogue import SESSIONS
from tests.dashboards.trial.stage import wait_until
from tests.ledger.bench import Bench, add, polls, rows_of
from tests.tools.postgres import PASSWORD, QUOTED, Cluster, running_cluster
from tests.tools.relay import relayed

pytestmark = pytest.mark.tools


def put(key: str) -> Callable[[Connection], None]:
    def work(transaction: Connection) -> None:
        transaction.execute("INSERT INTO meta VALUES (?, ?)", (key, b"1"))

    return work


def keys(transaction: Connection) -> set[str]:
    rows = transaction.execute("SELECT key FROM meta").fetchall()
    return {key for (key,) in rows} - {"salt", "version", "application"}


async def test_stores_that_start_together_make_the_tables_once(postgres: Cluster) -> None:
    server = postgres.server()
    stores = [Store(server, lambda: 0.0) for _ in range(6)]
    await asyncio.gather(*(store.acquire(lambda: 0.0) for store in stores))
    await asyncio.gather(*(store.run(put(f"k{n}")) for n, store in enumerate(stores)))

    assert await stores[0].read(keys) == {f"k{n}" for n in range(6)}
    for store in stores:
        await store.close()


async def test_tables_of_a_newer_version_are_refused_untouched(postgres: Cluster) -> None:
    server = postgres.server()
    store = Store(server, lambda: 0.0)
    await store.acquire(lambda: 0.0)
    await store.run(
        lambda it: it.execute("UPDATE meta SET value = ? WHERE key = 'version'", (b"99",))
    )
    await store.close()
    before = rows_of(server)

    newer = Store(server, lambda: 0.0)
    with pytest.raises(ForeignStateError, match="newer version"):
        await newer.acquire(lambda: 0.0)
    with pytest.raises(StateError, match="newer version"):
        await newer.run(put("a"))
    await newer.close()

    assert rows_of(server) == before


async def test_another_programs_schema_is_refused_untouched(postgres: Cluster) -> None:
    server = postgres.server()
    postgres.ask(f'CREATE SCHEMA "{server.schema}"')
    postgres.ask(f'CREATE TABLE "{server.schema}".meta (key text, value bytea)')

    store = Store(server, lambda: 0.0)
    with pytest.raises(ForeignStateError, match="another program"):
        await store.acquire(lambda: 0.0)
    await store.close()

    assert rows_of(server) == b""


async def test_an_older_version_is_upgraded_once_and_whole_or_not_at_all(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = postgres.server()
    store = Store(server, lambda: 0.0)
    await store.run(put("before"))
    await store.close()
    version = postgres_schema.VERSION
    monkeypatch.setattr(postgres_schema, "VERSION", version + 1)

    steps = ("CREATE TABLE added (n bigint)", "nonsense")
    monkeypatch.setattr(postgres_schema, "UPGRADES", {version: steps})
    failing = Store(server, lambda: 0.0)
    with pytest.raises(StateError, match="SyntaxError"):
        await failing.run(keys)
    await failing.close()
    with pytest.raises(StateError, match="older version"), look(server):
        pass

    monkeypatch.setattr(postgres_schema, "UPGRADES", {version: steps[:1]})
    stores = [Store(server, lambda: 0.0) for _ in range(4)]
    found = await asyncio.gather(*(store.run(keys) for store in stores))

    assert found == [{"before"}] * 4
    for store in stores:
        await store.close()


async def test_a_user_who_may_make_no_schema_is_content_with_one_that_is_there(
    postgres: Cluster,
) -> None:
    server = postgres.server()
    user = server.schema + "_user"
    postgres.ask(f"CREATE USER {user} PASSWORD 'harmless'")
    url = postgres.url().replace(f"owner:{QUOTED}", f"{user}:harmless")
    store = Store(replace(server, url=url), lambda: 0.0)
    with pytest.raises(StateError, match="InsufficientPrivilege"):
        await store.run(put("a"))
    postgres.ask(f'CREATE SCHEMA "{server.schema}" AUTHORIZATION {user}')

    await store.run(put("a"))

    assert await store.read(keys) == {"a"}
    await store.close()


async def test_nothing_outlasts_a_transaction_behind_pgbouncer(postgres: Cluster) -> None:
    with postgres.bouncer() as port:
        server = postgres.server(port)
        stores = [Store(server, lambda: 0.0) for _ in range(5)]
        for turn in range(20):
            await asyncio.gather(*(store.run(put(f"{turn}-{n}")) for n, store in enumerate(stores)))

        assert len(await stores[0].read(keys)) == 100
        for store in stores:
            await store.close()
    left = postgres.ask("SELECT count(*) FROM pg_tables WHERE tablename = 'meta'")
    schemas = postgres.ask(
        "SELECT count(DISTINCT schemaname) FROM pg_tables WHERE tablename = 'meta'"
    )
    assert left == schemas


async def test_a_server_that_starts_anew_is_met_again_at_the_next_work(postgres: Cluster) -> None:
    store = Store(postgres.server(), lambda: 0.0)
    await store.run(put("a"))
    generation = store.generation
    postgres.stop()
    try:
        with pytest.raises(StateError, match="database"):
            await store.run(put("b"))
        with pytest.raises(StateError, match="database"):
            await store.run(put("b"))
    finally:
        postgres.start()
    await store.run(put("c"))

    assert await store.read(keys) == {"a", "c"}
    assert store.generation > generation
    await store.close()


def test_a_commit_whose_answer_was_lost_is_neither_lost_nor_doubled(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(postgres.server())
    bench.poll()
    add(bench, "first")
    polls(bench, 1)
    commit = engines.PostgresEngine.commit

    def unanswered(engine: engines.PostgresEngine) -> None:
        commit(engine)
        engine.close()
        raise psycopg.OperationalError("the connection is lost")

    add(bench, "second")
    add(bench, "third")
    with monkeypatch.context() as patched:
        patched.setattr(engines.PostgresEngine, "commit", unanswered)
        with pytest.raises(StateError):
            polls(bench, 1)
    add(bench, "fourth")
    with suppress(StateError):
        polls(bench, 1)
    polls(bench, 2)

    assert bench.counts()["sessions"] == 4
    bench.close()


async def test_a_server_that_says_nothing_any_more_is_given_up(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "ANSWER_SECONDS", 0.5)
    with relayed(postgres.port) as relay:
        store = Store(postgres.server(relay.port), lambda: 0.0)
        await store.run(put("a"))
        relay.swallow()
        async with asyncio.timeout(30):
            with pytest.raises(StateError, match="database"):
                await store.run(put("b"))
    await store.close()


async def test_a_transaction_that_stands_idle_does_not_keep_its_rows(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "IDLE_SECONDS", 1)
    server = postgres.server()
    stopped, other = Store(server, lambda: 0.0), Store(server, lambda: 0.0)
    await stopped.run(put("a"))
    idle = threading.Event()

    def held(transaction: Connection) -> None:
        transaction.execute("UPDATE meta SET value = ? WHERE key = 'a'", (b"2",))
        idle.set()
        assert locked.wait(30)

    locked = threading.Event()
    task = asyncio.create_task(stopped.run(held))
    await asyncio.to_thread(idle.wait, 30)
    async with asyncio.timeout(30):
        await other.run(lambda it: it.execute("UPDATE meta SET value = ? WHERE key = 'a'", (b"3",)))
    locked.set()
    with pytest.raises(StateError):
        await task
    for store in (stopped, other):
        await store.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace(QUOTED, "wrong-password-of-theirs"),
        lambda url: url.replace("/postgres", "/missing"),
        lambda url: url.replace("127.0.0.1", "host.invalid"),
        lambda url: url + "?passwort=" + QUOTED,
        lambda url: url + "?sslmode=" + QUOTED,
        lambda url: "postgresql://owner:" + PASSWORD + "@127.0.0.1/postgres",
    ],
)
async def test_no_error_and_no_log_line_holds_the_password(
    postgres: Cluster, change: Callable[[str], str], lines: io.StringIO
) -> None:
    server = Database("nowhere", change(postgres.url()))
    store = Store(server, lambda: 0.0)
    said = [repr(server), str(server)]
    for attempt in (store.acquire(lambda: 0.0), store.run(put("a"))):
        with pytest.raises(StateError) as caught:
            await attempt
        said.append(str(caught.value))
    await store.close()
    flush()

    for secret in (PASSWORD, QUOTED, "wrong-password-of-theirs"):
        assert secret not in "".join(said) + lines.getvalue()


async def test_the_file_of_the_url_is_read_again_at_each_connection(
    postgres: Cluster, tmp_path: Path
) -> None:
    path = tmp_path / "url"
    server: Any = replace(postgres.server(), url=None, url_file=path)
    store = Store(server, lambda: 0.0)
    with pytest.raises(StateError, match=r"state\.url_file cannot be read"):
        await store.run(put("a"))
    path.write_text("no URL")
    with pytest.raises(StateError, match="holds no URL"):
        await store.run(put("a"))
    path.write_text(postgres.url() + "\n")

    await store.run(put("a"))

    assert await store.read(keys) == {"a"}
    await store.close()


def test_where_a_standby_takes_over_without_the_last_commits_no_counter_falls(
    lines: io.StringIO,
) -> None:
    with (
        running_cluster() as primary,
        relayed(primary.port) as replication,
        running_cluster(follows=replication.port) as standby,
    ):
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        url = f"postgresql://owner:{QUOTED}@{hosts}/postgres?target_session_attrs=read-write"
        bench = Bench(Database("state", url))
        bench.poll()
        for number in range(5):
            add(bench, f"kept-{number}", score=0.9, flags=["headless"])
        polls(bench, 1)
        wait_until("the standby to have it", lambda: sessions_in(standby) == 5)
        replication.swallow()
        for number in range(3):
            add(bench, f"lost-{number}", score=0.9)
        polls(bench, 1)
        assert shown_sessions(bench) == sessions_in(primary) == 8

        primary.stop()
        standby.promote()

        for _ in range(3):
            with suppress(StateError):
                polls(bench, 1)
            assert shown_sessions(bench) == 8
        flush()
        assert bench.ledger.losses == 1
        assert '"event": "state_lost_commits"' in lines.getvalue()
        assert bench.counts()["sessions"] == 8

        add(bench, "later")
        polls(bench, 1)
        assert shown_sessions(bench) == bench.counts()["sessions"] == sessions_in(standby) == 9
        bench.close()


def sessions_in(cluster: Cluster) -> int:
    """How many are counted there."""
    query = "SELECT coalesce(sum(value), 0) FROM state.counter WHERE name = 'sessions'"
    return int(cluster.ask(query)[0][0])


def shown_sessions(bench: Bench) -> float:
    """The sessions as a scrape shows them."""
    (value,) = (it.value for it in bench.ledger.samples(gauges=False) if it.metric is SESSIONS)
    assert isinstance(value, float)
    return value
