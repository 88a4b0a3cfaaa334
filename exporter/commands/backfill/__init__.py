"""Backfill: writes the past for Prometheus, as a file that promtool makes blocks of.

`span` says which past, `counter` counts it step by step, `checkpoint` keeps what was counted for
the next try, and `command` reads the sessions and writes the file.
"""

from exporter.commands.backfill.command import command

__all__ = ["command"]
