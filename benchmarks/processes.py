"""Processes that are measured from outside: how they start, and what the kernel says of them.

Needs Linux's /proc.
"""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

MIB = 1024 * 1024
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def told(module: str, *arguments: object) -> Iterator[tuple[int, dict[str, Any]]]:
    """A module of ours that serves; its process id, and what its first line says, as JSON."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.pid, json.loads(process.stdout.readline())
        finally:
            process.terminate()


def free_port() -> int:
    """A port on which nobody listened a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processor_seconds(pid: int) -> float:
    """Processor seconds that a process took so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory(pid: int, which: Literal["VmRSS", "VmHWM"] = "VmRSS") -> int:
    """Bytes of resident memory: VmRSS now, VmHWM the most that there ever were."""
    found = re.search(rf"{which}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0
