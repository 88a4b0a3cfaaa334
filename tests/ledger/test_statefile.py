"""The state file: whose it is, how it comes to be, and that only what is ours is ever touched."""

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from exporter.ledger import schema, statefile
from exporter.ledger.engine import ForeignStateError
from exporter.ledger.filelock import FileLock

DYING = """
import os, sys
from pathlib import Path
from exporter.ledger import statefile

folder, code = Path(sys.argv[1]), statefile.create.__code__

def die_at(number):
    left = number
    def trace(frame, event, argument):
        nonlocal left
        if frame.f_code is not code:
            return None
        if event == "line":
            if left == 0:
                os._exit(9)
            left -= 1
        return trace
    return trace

for number in range(200):
    path = folder / f"{number}.db"
    child = os.fork()
    if child == 0:
        sys.settrace(die_at(number))
        statefile.create(path)
        os._exit(0)
    died = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    print(number, statefile.examine(path))
    if not died:
        break
"""


def write_database(path: Path, application_id: int, version: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.execute(f"PRAGMA application_id = {application_id}")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.commit()
    connection.close()


def test_a_new_state_is_ours_intact_and_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    before = os.umask(0)
    try:
        statefile.create(path)
    finally:
        os.umask(before)

    assert statefile.examine(path) == "ours"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["state.db"]
    connection = sqlite3.connect(path)
    assert schema.intact(connection)
    connection.close()


def test_each_state_has_a_salt_of_its_own(tmp_path: Path) -> None:
    salts = set()
    for name in ("a", "b"):
        statefile.create(tmp_path / name)
        connection = sqlite3.connect(tmp_path / name)
        salts.add(connection.execute("SELECT value FROM meta WHERE key = 'salt'").fetchone()[0])
        connection.close()

    assert {len(salt) for salt in salts} == {16}
    assert len(salts) == 2


def test_killed_at_any_line_it_leaves_a_whole_state_or_none(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", DYING, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    found = [line.split()[1] for line in ran.stdout.splitlines()]
    assert len(found) > 10
    assert found[0] == "absent"
    assert found[-1] == "ours"
    for number, condition in enumerate(found):
        path = tmp_path / f"{number}.db"
        if condition == "absent":
            statefile.create(path)
        connection = sqlite3.connect(path)
        assert schema.intact(connection)
        connection.close()
        assert not path.with_name(f"{path.name}.new").exists()


def test_what_a_deleted_state_left_beside_it_is_not_replayed(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    for suffix in statefile.BESIDE:
        (tmp_path / f"state.db{suffix}").write_bytes(b"old")

    statefile.create(path)

    assert [file.name for file in tmp_path.iterdir()] == ["state.db"]


@pytest.mark.parametrize("content", [None, b""])
def test_no_file_and_an_empty_one_are_absent(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "state.db"
    if content is not None:
        path.write_bytes(content)

    assert statefile.examine(path) == "absent"


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_without_our_mark_are_foreign(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.db"
    path.write_bytes(content)

    with pytest.raises(ForeignStateError, match=r"state\.path"):
        statefile.examine(path)

    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("application_id", "version", "said"),
    [
        (0, 0, "another program's database"),
        (0x1234, 1, "another program's database"),
        (schema.APPLICATION_ID, schema.VERSION + 1, "newer version"),
    ],
)
def test_another_database_and_a_newer_state_are_foreign_and_untouched(
    tmp_path: Path, application_id: int, version: int, said: str
) -> None:
    path = tmp_path / "state.db"
    write_database(path, application_id, version)
    before = path.read_bytes()

    with pytest.raises(ForeignStateError, match=said):
        statefile.examine(path)

    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["state.db"]


def test_our_mark_without_the_rest_of_the_header_is_a_damaged_state(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    statefile.create(path)
    path.write_bytes(b"\x00" * 16 + path.read_bytes()[16:])

    assert statefile.examine(path) == "damaged"


def test_a_pipe_a_device_and_a_folder_are_not_taken_for_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    for path in (pipe, Path(os.devnull), tmp_path):
        with pytest.raises(ForeignStateError, match="not a file"):
            statefile.examine(path)


@pytest.mark.parametrize(
    "harm",
    [
        "DROP TABLE counter",
        "DROP TABLE meta",
        "DELETE FROM meta WHERE key = 'salt'",
        "PRAGMA user_version = 0",
    ],
)
def test_a_state_without_a_table_salt_or_version_is_not_intact(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "state.db"
    statefile.create(path)
    connection = sqlite3.connect(path, isolation_level=None)
    assert schema.intact(connection)

    connection.execute(harm)

    assert not schema.intact(connection)
    connection.close()


def test_a_damaged_state_is_moved_with_all_that_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    content = {suffix: f"content{suffix}".encode() for suffix in ("", *statefile.BESIDE)}
    for suffix, data in content.items():
        (tmp_path / f"state.db{suffix}").write_bytes(data)

    target = statefile.set_aside(path, "17")

    assert target == tmp_path / "state.db.damaged-17"
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        f"state.db.damaged-17{suffix}": data for suffix, data in content.items()
    }


def test_a_state_damaged_twice_in_a_second_replaces_no_older_one(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    for content in (b"first", b"second", b"third"):
        path.write_bytes(content)
        assert statefile.set_aside(path, "17").read_bytes() == content

    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        "state.db.damaged-17": b"first",
        "state.db.damaged-17-2": b"second",
        "state.db.damaged-17-3": b"third",
    }


def test_a_lock_is_for_one_and_free_after_it_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    first, second = FileLock(path), FileLock(path)

    assert first.acquire()
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
    second.release()

    assert stat.S_IMODE((tmp_path / "state.db.lock").stat().st_mode) & 0o077 == 0


def test_files_that_others_may_read_are_ours_alone_again(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    statefile.create(path)
    first = statefile.connect(path)
    first.execute("PRAGMA journal_mode = WAL")
    first.execute("CREATE TABLE more (x)")
    files = [path, *(tmp_path / f"state.db{suffix}" for suffix in ("-wal", "-shm"))]
    for file in files:
        file.chmod(0o664)

    with structlog.testing.capture_logs() as lines:
        second = statefile.connect(path)

    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3
    assert [(line["event"], line["mode"]) for line in lines] == [("state_was_readable", "0664")] * 3
    first.close()
    second.close()


def test_a_file_that_is_not_ours_to_change_is_said_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    statefile.create(path)
    path.chmod(0o660)

    def refused(self: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refused)
    with structlog.testing.capture_logs() as lines:
        statefile.connect(path).close()

    assert [line["event"] for line in lines] == ["state_stays_readable"]


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "state.db.lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic links"):
        FileLock(tmp_path / "state.db").acquire()

    assert not (tmp_path / "elsewhere").exists()


def test_a_lock_in_a_folder_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileLock(tmp_path / "missing" / "state.db").acquire()


def test_a_link_leads_to_the_file_that_is_locked_and_made(tmp_path: Path) -> None:
    """As a volume is often reached: the link is there before the file is."""
    (tmp_path / "volume").mkdir()
    real = tmp_path / "volume" / "state.db"
    link = tmp_path / "state.db"
    link.symlink_to(real)

    statefile.create(statefile.resolve(link))

    assert link.is_symlink()
    assert statefile.examine(link) == "ours"
    assert list((tmp_path / "volume").iterdir()) == [real]


def test_two_names_of_one_file_have_one_lock(tmp_path: Path) -> None:
    first, second, link = tmp_path / "a.db", tmp_path / "b.db", tmp_path / "c.db"
    statefile.create(first)
    second.hardlink_to(first)
    link.symlink_to(first)
    locks = [FileLock(statefile.resolve(path)) for path in (first, second, link)]

    assert [lock.acquire() for lock in locks] == [True, False, False]
    locks[0].release()
    assert locks[1].acquire()
    assert not locks[2].acquire()
    locks[1].release()


def test_the_lock_is_kept_on_the_file_that_takes_the_place_of_another(tmp_path: Path) -> None:
    path, other = tmp_path / "state.db", tmp_path / "other.db"
    statefile.create(path)
    mine = FileLock(path)
    assert mine.acquire()
    path.unlink()
    statefile.create(path)
    assert mine.hold()
    other.hardlink_to(path)

    assert not FileLock(other).acquire()
    mine.release()


def test_a_file_that_is_mounted_alone_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "the state.db"
    path.touch()
    mounts = tmp_path / "mountinfo"
    escaped = str(path).replace(" ", "\\040")
    mounts.write_text(f"36 35 98:0 /x {escaped} rw,noatime master:1 - ext4 /dev/root rw\n")
    monkeypatch.setattr(statefile, "MOUNTS", mounts)

    with pytest.raises(ForeignStateError, match="mounted by itself: mount its folder"):
        statefile.examine(path)

    assert statefile.examine(tmp_path / "other.db") == "absent"
    monkeypatch.setattr(statefile, "MOUNTS", tmp_path / "nowhere")
    assert statefile.examine(path) == "absent"
