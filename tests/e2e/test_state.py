"""The daemon and its state file: kept over restarts, and survived where it cannot be written."""

import ctypes
import resource
import signal
from collections.abc import Callable
from pathlib import Path

from tests.e2e.running import Scrape, client_of, in_process, process
from tests.e2e.simulation import simulated

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def more_sessions_than(number: float) -> Callable[[Scrape], bool]:
    return lambda scrape: (scrape.value("isnotai_sessions_total") or 0) > number


def without_privileges() -> None:
    """Let file modes bind this process also where root runs it."""
    libc = ctypes.CDLL(None, use_errno=True)
    drop_from_bounding_set, override, read_search = 24, 1, 2
    for capability in (override, read_search):
        libc.prctl(drop_from_bounding_set, capability, 0, 0, 0)


async def test_counts_go_on_where_they_stood_after_a_kill(tmp_path: Path) -> None:
    # The exporter's own counters start anew, that of invalid items among them.
    async with simulated(invalid_share=0.0) as api:
        variables = {**api.variables, "ISNOTAI_STATE_PATH": str(tmp_path / "state.db")}
        async with process(variables) as daemon, client_of(daemon) as exporter:
            before = await exporter.until(more_sessions_than(api.truth().sessions))
            daemon.process.send_signal(signal.SIGKILL)
            await daemon.ended()

        async with in_process(variables) as exporter:
            after = await exporter.until(more_sessions_than(0))
            assert after.counted().sessions >= before.counted().sessions
            api.pause()
            await exporter.until_counted(api.truth)

    assert (tmp_path / "state.db").stat().st_mode & 0o777 == 0o600


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
