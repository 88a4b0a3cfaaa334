"""After a power loss the state is that of a commit: the last one whose log had reached the disk.

SQLite's log (WAL) is synced with each commit, so what a power loss can spoil lies behind the last
one: a tail that is cut, zeroed, garbage or still that of an older log, and while the log is folded
in, pages of the database. Each is laid beside a copy, and the next process reads it.
"""

import random
import sqlite3
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.api.times import MICROSECONDS
from exporter.ledger.engine import Connection
from exporter.ledger.sqlite import SqliteEngine
from exporter.ledger.store import Store
from tests.clocks import FakeClock
from tests.e2e.running import in_process
from tests.e2e.simulation import simulated
from tests.examples import examples
from tests.ledger import bench as benches
from tests.ledger.bench import Bench, MortalStore
from tests.ledger.killing import image, published
from tests.ledger.listing import Fake

HEADER = 32
FRAME_HEADER = 24
RULES: dict[str, Any] = {"overlap": 20.0, "settle_after": 120.0, "interval": 10.0}
POLLS = 12


@dataclass(frozen=True)
class Commit:
    """A commit: where the log ended then, and what the state was."""

    end: int
    image: str


@dataclass
class Disk:
    """What a process that was never stopped has written: database, log and the log before that.

    folded: the database after the log was folded in. right: the counters that the history ends
    with.
    """

    database: bytes
    log: bytes
    older: bytes
    folded: bytes
    commits: list[Commit]
    ends: list[int]
    clock: float
    sessions: dict[str, Fake]
    right: dict[str, float]

    @property
    def page_size(self) -> int:
        return int.from_bytes(self.log[8:12], "big")

    def whole(self, first_bad: int) -> Commit:
        """The last commit of which nothing lies behind `first_bad`."""
        return [commit for commit in self.commits if commit.end <= first_bad][-1]


def ends_of_frames(log: bytes) -> list[int]:
    """Where the frames of a log end that belong to it; older ones may follow.

    See "The WAL File Format" in SQLite's documentation.
    """
    size, salts = int.from_bytes(log[8:12], "big"), log[16:24]
    ends, at = [], HEADER
    while log[at + 8 : at + 16] == salts and at + FRAME_HEADER + size <= len(log):
        at += FRAME_HEADER + size
        ends.append(at)
    return ends


def busy(bench: Bench, number: int) -> None:
    """Sessions come, change and close; then the next poll is due."""
    here, now = bench.listing.sessions, bench.listing.now()
    for it in here.values():
        if it.status == "active" and now - it.created > 25 * MICROSECONDS:
            it.status, it.updated, it.score = "closed", now, (it.score or 0.0) + 0.4
            it.flags.append("webdriver")
    for which in range(3):
        name = f"s{number}-{which}"
        here[name] = Fake(name, now, now, now, score=which / 4, flags=["headless"])
    bench.clock.advance(RULES["interval"])


def settled(bench: Bench) -> dict[str, float]:
    for _ in range(8):
        bench.poll()
        bench.clock.advance(RULES["settle_after"])
    assert bench.state.unsettled == 0
    # A frontier stands where the last poll put it, which is when that was.
    return {key: value for key, value in published(bench).items() if key not in MOVING}


MOVING = ("frontier:", "horizon:")


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    path = tmp_path_factory.mktemp("power") / "state.db"
    log = path.with_name("state.db-wal")
    commits: list[Commit] = []

    class Recording(MortalStore):
        def _transact(self, work: Any, then: Any) -> Any:
            result = super()._transact(work, then)
            assert isinstance(self.engine, SqliteEngine)
            if recording:
                ends = ends_of_frames(log.read_bytes())
                commits.append(Commit(ends[-1] if ends else 0, image(self.engine.connection())))
            return result

    recording = False
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(benches, "MortalStore", Recording)
        bench = Bench(path, **RULES)
    try:
        for number in range(2 * POLLS):
            busy(bench, number)
            bench.poll()
        older = log.read_bytes()
        # From here on the log begins anew, and overwrites itself from its beginning.
        other = sqlite3.connect(path)
        assert other.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0
        commits.append(Commit(0, image(other)))
        other.close()
        database = path.read_bytes()
        recording = True
        for number in range(2 * POLLS, 3 * POLLS):
            busy(bench, number)
            bench.poll()
        recording = False
        written, clock = log.read_bytes(), bench.clock.now()
        ends = ends_of_frames(written)
        assert ends[-1] < len(written) == len(older)
        sessions = {key: copy(it) for key, it in bench.listing.sessions.items()}
        assert path.read_bytes() == database
        right = settled(bench)
    finally:
        bench.close()
    found = Disk(database, written, older, b"", commits, ends, clock, sessions, right)
    found.folded = folded(found, path.parent / "folded")
    return found


def folded(disk: Disk, folder: Path) -> bytes:
    """The database once the whole log is folded in."""
    folder.mkdir()
    path = laid(disk.database, disk.log, folder)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    connection.close()
    return path.read_bytes()


def laid(database: bytes, log: bytes, folder: Path) -> Path:
    """A state file with its log beside it."""
    path = folder / "state.db"
    for left in folder.iterdir():
        left.unlink()
    path.write_bytes(database)
    path.with_name("state.db-wal").write_bytes(log)
    return path


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


# -- what a power loss makes of a log, from an offset on


def cut(disk: Disk, at: int, length: int) -> bytes:
    return disk.log[:at]


def zeroed(disk: Disk, at: int, length: int) -> bytes:
    return disk.log[:at] + bytes(len(disk.log[at : at + length])) + disk.log[at + length :]


def garbage(disk: Disk, at: int, length: int) -> bytes:
    noise = random.Random(at).randbytes(len(disk.log[at : at + length]))  # noqa: S311 - only noise
    return disk.log[:at] + noise + disk.log[at + length :]


def never_written(disk: Disk, at: int, length: int) -> bytes:
    return disk.log[:at] + disk.older[at : at + length] + disk.log[at + length :]


DAMAGES = (cut, zeroed, garbage, never_written)
Damage = Callable[[Disk, int, int], bytes]
each_damage = pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)


def first_difference(log: bytes, whole: bytes) -> int:
    pairs = zip(log, whole, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(log), len(whole)))


def check(disk: Disk, log: bytes, folder: Path, *, go_on: bool, database: bytes = b"") -> None:
    """The next process finds the last commit before the damage; and counting on, all is right."""
    path = laid(database or disk.database, log, folder)
    bench = Bench(path, clock=FakeClock(disk.clock), **RULES)
    try:
        assert bench.store is not None
        found = bench.run(bench.store.run(image))
        assert found == disk.whole(first_difference(log, disk.log)).image
        assert bench.store.generation == 0
        if go_on:
            bench.listing.sessions = disk.sessions
            assert settled(bench) == pytest.approx(disk.right)
    finally:
        bench.close()
    assert {file.name for file in folder.iterdir()} == {"state.db", "state.db.lock"}


def offsets(disk: Disk, every: int, within: int) -> Iterator[int]:
    """The ends of each `every`-th frame, and as many places in it."""
    size = FRAME_HEADER + disk.page_size
    for end in [HEADER, *disk.ends][::every]:
        yield end
        yield from (end + 1 + part * (size - 2) // within for part in range(within))


def test_the_log_that_is_cut_holds_many_commits_of_many_frames(disk: Disk) -> None:
    ends = [commit.end for commit in disk.commits]
    assert ends == sorted(ends)
    assert len(set(ends)) > POLLS
    assert len(disk.ends) >= 4 * len(set(ends))
    assert len({commit.image for commit in disk.commits}) == len(set(ends))


@each_damage
def test_a_log_torn_at_some_frames_leaves_the_last_whole_commit(
    disk: Disk, folder: Path, damage: Damage
) -> None:
    for at in offsets(disk, every=9, within=1):
        check(disk, damage(disk, at, len(disk.log)), folder, go_on=False)


@pytest.mark.soak
@each_damage
def test_a_log_torn_at_every_frame_leaves_the_last_whole_commit(
    disk: Disk, folder: Path, damage: Damage
) -> None:
    for at in offsets(disk, every=1, within=5):
        check(disk, damage(disk, at, len(disk.log)), folder, go_on=False)


@settings(max_examples=examples(25), deadline=None)
@given(data=st.data())
def test_from_whatever_a_power_loss_leaves_it_counts_on_to_the_right_end(
    disk: Disk, data: st.DataObject
) -> None:
    damage = data.draw(st.sampled_from(DAMAGES))
    at = data.draw(st.integers(0, disk.ends[-1]))
    # The sectors behind it may have reached the disk all the same.
    length = data.draw(st.sampled_from([512, 4096, len(disk.log)]))
    with TemporaryDirectory() as name:
        check(disk, damage(disk, at, length), Path(name), go_on=True)


@settings(max_examples=examples(20), deadline=None)
@given(data=st.data())
def test_a_database_torn_while_the_log_is_folded_in_is_mended_from_the_log(
    disk: Disk, data: st.DataObject
) -> None:
    size = disk.page_size
    last = disk.folded.ljust(len(disk.database), b"\0")
    pages = [
        data.draw(st.sampled_from([disk.database[at : at + size], last[at : at + size]]))
        for at in range(0, len(last), size)
    ]
    with TemporaryDirectory() as name:
        check(disk, disk.log, Path(name), go_on=False, database=b"".join(pages))


async def test_each_commit_of_the_daemon_is_on_the_disk_when_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is what all else here takes for granted."""
    modes: set[tuple[str, int, int]] = set()
    transact = Store._transact

    def seen(store: Store, work: Any, then: Any) -> Any:
        def looked(connection: Connection) -> Any:
            names = ("journal_mode", "synchronous", "wal_autocheckpoint")
            modes.add(tuple(connection.execute(f"PRAGMA {it}").fetchone()[0] for it in names))
            return work(connection)

        return transact(store, looked, then)

    monkeypatch.setattr(Store, "_transact", seen)
    async with simulated(rate=2.0) as api:
        variables = {**api.variables, "ISNOTAI_STATE_PATH": str(tmp_path / "state.db")}
        async with in_process(variables) as exporter:
            await exporter.until(lambda scrape: scrape.value("isnotai_sessions_total"))

    full = 2
    assert modes == {("wal", full, 1000)}
