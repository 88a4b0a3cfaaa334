"""The command line: which command, which settings, which exit code, and nothing else.

Each command is a module of its own, imported only when it is asked for, so that the daemon starts
fast and stays small. Nothing heavy is imported before signals are handled.
"""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exporter import __version__, longlived, terminal

BAD_SETTINGS = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: the module that holds it, as `command`, and its line of help.

    ends: it has an end of its own, which a signal may cut short: for it, 0 would be a lie.
    """

    module: str
    summary: str
    ends: bool = True


COMMANDS: Mapping[str, Entry] = {
    "audit": Entry(
        "exporter.commands.audit", "compare the ledger with the API, session by session"
    ),
    "backfill": Entry("exporter.commands.backfill", "write past sessions for Prometheus to a file"),
    "backtest": Entry(
        "exporter.commands.backtest", "when the shipped alerts would have fired in the past"
    ),
    "check": Entry("exporter.commands.check", "test settings, key and endpoints; print the cost"),
    "completion": Entry(
        "exporter.commands.completion", "print what makes a shell complete commands and flags"
    ),
    "demo": Entry(
        "exporter.commands.demo", "run the daemon against the built-in simulator", ends=False
    ),
    "healthcheck": Entry("exporter.commands.healthcheck", "ask a running exporter for its health"),
    "import-state": Entry(
        "exporter.commands.import_state", "take a state file over into the database of state.url"
    ),
    "metrics": Entry("exporter.commands.metrics", "print the catalogue of metrics"),
    "sessions": Entry("exporter.commands.sessions", "list recent sessions; nothing is stored"),
    "simulate": Entry("exporter.commands.simulate", "run the simulator of the Not AI API alone"),
}


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run the command that `argv` names; its exit code. 2: the settings or the flags are bad."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if argv is None:
        terminal.prepare_streams()
        longlived.begin()
        # Only a guess, for the time until the arguments are parsed.
        if not any(name in arguments for name, entry in COMMANDS.items() if entry.ends):
            _handle_early_signals()
    variables = os.environ if environ is None else environ
    return terminal.run(lambda: _command(arguments, variables))


def _command(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    from exporter.commands.group import Commands
    from exporter.settings.errors import SettingsError

    try:
        return Commands(COMMANDS, __version__).run(arguments, environ)
    except SettingsError as error:
        terminal.complain(error)
        return BAD_SETTINGS


def _handle_early_signals() -> None:
    """Let no signal of the first half second look like a crash; the daemon's loop takes over."""

    def end(number: int, frame: object) -> None:
        # Not SystemExit, which an import under way may swallow; nothing is open yet.
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
