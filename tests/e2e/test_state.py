"""The daemon and its state file: kept over restarts, survived where it cannot be written, moved
aside where it is damaged, left alone where it is another's."""

import asyncio
import ctypes
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic

import pytest

from exporter.ledger import schema, statefile
from exporter.ledger.store import LOCK_SECONDS
from tests.e2e.running import Scrape, client_of, in_process, process
from tests.e2e.simulation import simulated
from tests.e2e.state import State

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def more_sessions_than(number: float) -> Callable[[Scrape], bool]:
    return lambda scrape: (scrape.value("isnotai_sessions_total") or 0) > number


def without_privileges() -> None:
    """Let file modes bind this process also where root runs it."""
    libc = ctypes.CDLL(None, use_errno=True)
    drop_from_bounding_set, override, read_search = 24, 1, 2
    for capability in (override, read_search):
        libc.prctl(drop_from_bounding_set, capability, 0, 0, 0)


async def test_counts_go_on_where_they_stood_after_a_kill(state: State) -> None:
    # The exporter's own counters start anew, that of invalid items among them.
    async with simulated(invalid_share=0.0) as api:
        variables = {**api.variables, **state.variables}
        async with process(variables) as daemon, client_of(daemon) as exporter:
            before = await exporter.until(more_sessions_than(api.truth().sessions))
            daemon.process.send_signal(signal.SIGKILL)
            await daemon.ended()

        async with in_process(variables) as exporter:
            after = await exporter.until(more_sessions_than(0))
            assert after.counted().sessions >= before.counted().sessions
            api.pause()
            await exporter.until_counted(api.truth)


async def test_a_full_disk_stops_the_counters_at_the_last_commit_and_nothing_else(
    tmp_path: Path,
) -> None:
    async with simulated() as api:
        variables = {**api.variables, "ISNOTAI_STATE_PATH": str(tmp_path / "state.db")}
        async with process(variables) as daemon, client_of(daemon) as exporter:
            await exporter.until(more_sessions_than(api.truth().sessions))

            # No file may grow, nor be written at all: as a full disk, to this process alone.
            resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

            full = await exporter.until(failed_polls("sessions", 2))
            still = await exporter.until(failed_polls("sessions", 4))
            assert still.counted() == full.counted()
            assert still.value("isnotai_up") == 1
            assert await exporter.healthy()
            failures = [event for event in daemon.events() if event["event"] == "poll_failed"]
            assert {event["resource"] for event in failures} == {"sessions"}
            assert all("not committed" in event["error"] for event in failures)

            resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, UNLIMITED)
            api.pause()

            await exporter.until_counted(api.truth)


def failed_polls(name: str, number: int) -> Callable[[Scrape], bool]:
    def failed(scrape: Scrape) -> bool:
        failures = scrape.value("isnotai_resource_consecutive_failures", resource=name)
        return (failures or 0) >= number

    return failed


async def test_a_state_that_may_not_be_written_is_no_reason_to_exit(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    async with simulated(rate=2.0, invalid_share=0.0) as api:
        variables = {**api.variables, "ISNOTAI_STATE_PATH": str(folder / "state.db")}
        async with in_process(variables) as exporter:
            await exporter.until(more_sessions_than(0))
        for file in folder.iterdir():
            file.chmod(0o400)
        folder.chmod(0o500)

        started = process(variables, prepare=without_privileges)
        async with started as daemon, client_of(daemon) as exporter:
            scrape = await exporter.until(
                lambda scrape: failed_polls("sessions", 1)(scrape) and scrape.value("isnotai_up")
            )
            assert scrape.value("isnotai_resource_up", resource="stats") == 1
            assert await exporter.healthy()
            assert "state_unavailable" in {event["event"] for event in daemon.events()}

            folder.chmod(0o700)
            for file in folder.iterdir():
                file.chmod(0o600)
            api.pause()

            await exporter.until_counted(api.truth)


# -- two on one file

ONE_SECOND_LOCK = """
import sys
from exporter.ledger import store
store.LOCK_SECONDS = 1.0
from exporter.cli import main
sys.exit(main())
"""


async def ended_soon(variables: Mapping[str, str]) -> tuple[int | None, str]:
    """Exit code and stderr of a daemon that waits a second for the lock."""
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ONE_SECOND_LOCK, env=dict(variables), stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30):
            _, errors = await started.communicate()
    finally:
        if started.returncode is None:
            started.kill()
            await started.communicate()
    return started.returncode, errors.decode()


async def test_a_second_daemon_on_the_file_gives_up_with_1_and_the_first_counts_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.db"
    async with simulated() as api:
        variables = {**api.variables, "ISNOTAI_STATE_PATH": str(path)}
        async with process(variables) as first, client_of(first) as exporter:
            await exporter.until(more_sessions_than(0))

            code, errors = await ended_soon(variables)

            line = f"isnotai-exporter: state.path: another exporter holds {path}"
            assert (code, errors.splitlines()[-1]) == (1, line)
            api.pause()
            await exporter.until_counted(api.truth)


@pytest.mark.soak
async def test_a_second_daemon_waits_half_a_minute_before_it_gives_up(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    async with simulated(rate=1.0) as api:
        variables = {**api.variables, "ISNOTAI_STATE_PATH": str(path)}
        async with process(variables) as first, client_of(first) as exporter:
            await exporter.until(more_sessions_than(0))
            async with process(variables) as second, client_of(second) as waiting:
                began = monotonic()
                assert await waiting.healthy()

                assert await second.ended(LOCK_SECONDS + 15) == 1

                assert monotonic() - began >= LOCK_SECONDS - 3
                assert f"another exporter holds {path}" in second.output
            assert await exporter.healthy()


async def test_a_second_daemon_takes_over_when_the_first_ends(tmp_path: Path) -> None:
    async with simulated(invalid_share=0.0) as api:
        variables = {**api.variables, "ISNOTAI_STATE_PATH": str(tmp_path / "state.db")}
        async with (
            process(variables) as first,
            client_of(first) as exporter,
            process(variables) as second,
            client_of(second) as heir,
        ):
            before = await exporter.until(more_sessions_than(api.truth().sessions))
            waiting = await heir.scrape()
            assert waiting.value("isnotai_sessions_total") is None
            assert not waiting.value("isnotai_polls_total")
            first.process.terminate()
            assert await first.ended() == 0

            after = await heir.until(more_sessions_than(0))

            assert after.counted().sessions >= before.counted().sessions
            api.pause()
            await heir.until_counted(api.truth)


# -- files that are damaged, and files of others


def harm_pages(content: bytes) -> bytes:
    return content[:4096] + os.urandom(len(content) - 4096)


def harm_header(content: bytes) -> bytes:
    return bytes(60) + content[60:]


def cut(content: bytes) -> bytes:
    return content[:5000]


@pytest.mark.parametrize("harm", [harm_pages, harm_header, cut])
async def test_a_damaged_state_of_ours_is_moved_aside_and_counting_goes_on(
    tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "state.db"
    async with simulated() as api:
        variables = {**api.variables, "ISNOTAI_STATE_PATH": str(path)}
        async with in_process(variables) as exporter:
            await exporter.until(more_sessions_than(0))
        damaged = harm(path.read_bytes())
        path.write_bytes(damaged)

        async with process(variables) as daemon, client_of(daemon) as exporter:
            entry = await daemon.until_logged("state_damaged")
            await exporter.until(more_sessions_than(0))
            api.pause()
            # It begins anew, and all that it had counted is still within its lookback.
            await exporter.until_counted(api.truth)

        assert (entry["level"], entry["path"]) == ("error", str(path))
        aside = Path(entry["moved_to"])
        assert aside.parent == tmp_path
        assert aside.name.startswith("state.db.damaged-")
        assert aside.read_bytes() == damaged


def notes(path: Path) -> str:
    path.write_text("somebody's notes, longer than a header\n" * 10)
    return "not a state file of this exporter"


def other_database(path: Path) -> str:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    return "another program's database"


def newer_schema(path: Path) -> str:
    statefile.create(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    return f"newer version (schema {schema.VERSION + 1}, ours {schema.VERSION})"


@pytest.mark.parametrize("lay", [notes, other_database, newer_schema])
async def test_a_file_that_is_not_ours_to_write_ends_it_with_2_and_is_not_touched(
    tmp_path: Path, lay: Callable[[Path], str]
) -> None:
    path = tmp_path / "state.db"
    said = lay(path)
    before = path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode
    async with simulated(rate=1.0) as api:
        async with process({**api.variables, "ISNOTAI_STATE_PATH": str(path)}) as daemon:
            code = await daemon.ended(30)

        assert code == 2
        assert daemon.lines[-1].startswith("isnotai-exporter: state.path: ")
        assert said in daemon.lines[-1]
        assert api.asked() == 0
    assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode) == before
    assert [file.name for file in tmp_path.iterdir()] == ["state.db"]
