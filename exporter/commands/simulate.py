"""Runs the simulator of the Not AI API alone, on loopback unless told otherwise."""

from typing import Any

from exporter.commands.command import Line, make_command
from exporter.simulator import server
from exporter.simulator.options import OPTIONS


def run(line: Line, **chosen: Any) -> int:
    """Serve until a signal; the exit code."""
    return server.run(chosen)


command = make_command("simulate", run, __doc__, OPTIONS, settings=False)
