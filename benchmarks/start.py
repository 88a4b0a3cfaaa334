"""How soon the daemon answers after its start, and how much memory it holds.

Starts a simulator in one process and the daemon in another, with OTLP off, some times over. Prints
the time from the start of the process to the first 200 of /-/healthy, and the resident memory
(now, and the most it ever was) after the daemon has polled everything for a while. Needs Linux's
/proc for the memory.
"""

import argparse
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from benchmarks.processes import MIB, free_port, memory, told

POLLS = {
    f"ISNOTAI_POLL_{resource}_INTERVAL": "1s"
    for resource in ("SESSIONS", "STATS", "ANALYTICS", "USAGE", "INTEGRATION", "HEALTH")
}
START_SECONDS = 30.0


@contextmanager
def simulator(rate: float) -> Iterator[dict[str, str]]:
    """A simulator in a process of its own; the variables that lead a daemon to it."""
    arguments = ("simulate", "--tier", "enterprise", "--rate", rate, "--exit-with-parent")
    with told("exporter", *arguments) as (_, where):
        yield {"ISNOTAI_BASE_URL": where["url"], "ISNOTAI_API_KEY": where["key"]}


@contextmanager
def daemon(variables: dict[str, str], port: int) -> Iterator[tuple[int, float]]:
    """A daemon; its process id, and the seconds to its first healthy answer."""
    environ = {**variables, "ISNOTAI_WEB_LISTEN_ADDRESS": f"127.0.0.1:{port}"}
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "exporter", "--log.level=error"], env=environ
    ) as process:
        try:
            while not _get(port, "/-/healthy").startswith(b"HTTP/1.1 200"):
                if time.perf_counter() - began > START_SECONDS or process.poll() is not None:
                    raise RuntimeError("the daemon did not start")
                time.sleep(0.005)
            yield process.pid, time.perf_counter() - began
        finally:
            process.terminate()


def _get(port: int, path: str) -> bytes:
    """The answer's bytes; none while nobody listens."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode())
            return b"".join(iter(lambda: connection.recv(65536), b""))
    except OSError:
        return b""


def _sessions(port: int) -> float:
    found = re.search(rb"^isnotai_sessions_total\{.*\} (\S+)$", _get(port, "/metrics"), re.M)
    return float(found[1]) if found else 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--starts", type=int, default=5, help="how often to start the daemon")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long it polls at last")
    parser.add_argument("--rate", type=float, default=5.0, help="sessions per second")
    options = parser.parse_args(arguments)
    with simulator(options.rate) as variables, TemporaryDirectory() as folder:
        variables |= POLLS
        variables |= {"ISNOTAI_SESSIONS_LOOKBACK": "1h", "ISNOTAI_STATE_PATH": f"{folder}/state"}
        starts = []
        for _ in range(options.starts - 1):
            with daemon(variables, free_port()) as (_, seconds):
                starts.append(seconds)
        port = free_port()
        with daemon(variables, port) as (pid, seconds):
            starts.append(seconds)
            time.sleep(options.seconds)
            now, most = memory(pid) / MIB, memory(pid, "VmHWM") / MIB
            sessions = _sessions(port)
    print(
        f"first healthy answer  {statistics.median(starts):.2f} s at the median, "
        f"{min(starts):.2f} to {max(starts):.2f} s over {len(starts)} starts (bound: 1.5 s)"
    )
    print(
        f"resident memory       {now:.1f} MiB after {options.seconds:g} s and "
        f"{sessions:.0f} sessions, {most:.1f} MiB at most (bound: 60 MiB)"
    )


if __name__ == "__main__":
    main()
