"""A real PostgreSQL of our own, in a temporary folder, and PgBouncer before it.

The server refuses root, so both run as another user where we are root.
"""

import getpass
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporter.ledger.database import Database
from tests.dashboards.trial.stage import wait_until
from tests.ports import free_port

PASSWORD = "pass:w@rd/of+the-owner"
"""With all that has to be written otherwise in a URL."""

QUOTED = "pass%3Aw%40rd%2Fof%2Bthe-owner"

SECONDS = 60.0

_numbers = count()


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs, which Debian keeps off the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places = [*map(str, folders), os.environ.get("PATH", ""), "/usr/sbin"]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        pytest.fail(f"{name} is not installed: run make debian-tools", pytrace=False)
    return found


def another_user() -> dict[str, Any]:
    """Whom to run it as, for subprocess: nobody else where we are not root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("postgres")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class Cluster:
    """A server that listens on a port of the loopback. Its owner has a password."""

    def __init__(self, folder: Path, follows: int | None = None) -> None:
        """follows: the port of the server whose standby this is, and whose log it streams."""
        self.folder = folder
        self.port = free_port()
        self.log = folder / "log"
        self._as = another_user()
        # As the one who runs it, where that is somebody else.
        if self._as:
            os.chown(folder, self._as["user"], self._as["group"])
        if follows is None:
            self._make()
        else:
            source = f"postgresql://owner:{QUOTED}@127.0.0.1:{follows}/"
            data = str(folder / "data")
            self._run(program("pg_basebackup"), "-d", source, "-D", data, "-R", "-c", "fast")

    def _make(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD + "\n")
        secret.chmod(0o644)
        data = str(self.folder / "data")
        self._run(
            *(program("initdb"), "-D", data, "-U", "owner", "-A", "scram-sha-256"),
            *("--pwfile", str(secret), "--no-sync", "-E", "UTF8", "--no-locale"),
        )
        secret.unlink()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 60,
            "shared_buffers": "16MB",
            "fsync": "on",
        }
        given = " ".join(f"-c {name}={value or chr(39) * 2}" for name, value in settings.items())
        data, log = str(self.folder / "data"), str(self.log)
        self._run(program("pg_ctl"), "-w", "-D", data, "-l", log, "-o", given, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it as it is told; `immediate` is a crash, after which the log is replayed."""
        self._run(program("pg_ctl"), "-w", "-D", str(self.folder / "data"), "-m", mode, "stop")

    def promote(self) -> None:
        """Have it follow no more, and take what is written."""
        self._run(program("pg_ctl"), "-w", "-D", str(self.folder / "data"), "promote")

    def url(self, port: int | None = None) -> str:
        return f"postgresql://owner:{QUOTED}@127.0.0.1:{port or self.port}/postgres"

    def server(self, port: int | None = None) -> Database:
        """A place for a state: a schema of its own that nobody has made yet."""
        return Database(f"state_{next(_numbers)}", self.url(port))

    def ask(self, statement: str) -> list[Any]:
        """What a statement of a test gives, on a connection of its own."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def never_alone(self) -> Iterator[None]:
        """Whoever kills this process leaves no server behind."""
        stop = (program("pg_ctl"), "-D", str(self.folder / "data"), "-m", "immediate", "stop")
        script = 'tail --pid="$0" -f /dev/null; exec "$@"'
        with subprocess.Popen(
            ["sh", "-c", script, str(os.getpid()), *stop],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **self._as,
        ) as watch:
            try:
                yield
            finally:
                os.killpg(watch.pid, signal.SIGTERM)

    @contextmanager
    def bouncer(self) -> Iterator[int]:
        """PgBouncer in transaction mode, with few connections behind it: its port."""
        port, folder = free_port(), self.folder / f"bouncer-{next(_numbers)}"
        folder.mkdir()
        users, ini = folder / "users.txt", folder / "bouncer.ini"
        users.write_text(f'"owner" "{PASSWORD}"\n')
        ini.write_text(
            "[databases]\n"
            f"postgres = host=127.0.0.1 port={self.port}\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = scram-sha-256\nauth_file = {users}\n"
            "pool_mode = transaction\ndefault_pool_size = 2\nserver_round_robin = 1\n"
        )
        for path in (users, ini):
            path.chmod(0o644)
        command = [program("pgbouncer"), str(ini)]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._as
        ) as process:
            try:
                wait_until("PgBouncer to answer", lambda: self._answers(port))
                yield port
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(SECONDS)

    def _answers(self, port: int) -> bool:
        try:
            psycopg.connect(self.url(port), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            **self._as,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace"))


@contextmanager
def running_cluster(follows: int | None = None) -> Iterator[Cluster]:
    """A server that is started, and gone with its folder afterwards; follows: as of a cluster."""
    # Not under pytest's own, which nobody else may enter.
    folder = Path(tempfile.mkdtemp(prefix=f"isnotai-postgres-{getpass.getuser()}-"))
    folder.chmod(0o755)
    try:
        cluster = Cluster(folder, follows)
        cluster.start()
        try:
            with cluster.never_alone():
                yield cluster
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                cluster.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A server for all tests of a run; each takes a schema of its own."""
    with running_cluster() as cluster:
        yield cluster
