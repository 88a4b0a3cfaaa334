"""The command line: which command, which settings, which exit code, and nothing else.

Each command is a module of its own, imported only when it is asked for, so that the daemon starts
fast and stays small. Nothing heavy is imported before signals can be borne.
"""

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from exporter import __version__
from exporter.commands import terminal

BAD_SETTINGS = 2
ENDING = frozenset({"backfill", "check", "healthcheck", "metrics", "sessions", "simulate"})
"""Commands with an end of their own, which a signal may cut short: for them 0 would be a lie."""


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run the command that `argv` names; its exit code. 2: the settings or the flags are bad."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if argv is None:
        terminal.prepare_streams()
        if not ENDING & set(arguments):
            _bear_early_signals()
    variables = os.environ if environ is None else environ
    return terminal.run(lambda: _command(arguments, variables))


def _command(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    from exporter.settings.errors import SettingsError

    try:
        return _run(_parser(arguments).parse_args(arguments), environ)
    except SettingsError as error:
        terminal.complain(error)
        return BAD_SETTINGS


def _bear_early_signals() -> None:
    """Let no signal of the first half second look like a crash; the daemon's loop takes over."""

    def end(number: int, frame: object) -> None:
        # Not SystemExit, which an import under way may swallow; nothing is open yet.
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    from exporter.settings.flags import Parser, add_flags

    parser = Parser(
        prog="isnotai-exporter",
        description="Prometheus and OpenTelemetry exporter for the Not AI API. "
        "Without a command: run the daemon.",
    )
    parser.add_argument("--version", action="version", version=f"isnotai-exporter {__version__}")
    add_flags(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    backfill = commands.add_parser("backfill", help="write past sessions for Prometheus to a file")
    add_flags(backfill)
    if "backfill" in arguments:
        from exporter.commands.backfill import add_arguments as add_backfill_arguments

        add_backfill_arguments(backfill)
    check = commands.add_parser("check", help="test settings, key and endpoints; print the cost")
    add_flags(check)
    demo = commands.add_parser("demo", help="run the daemon against the built-in simulator")
    add_flags(demo)
    healthcheck = commands.add_parser("healthcheck", help="ask a running exporter for its health")
    add_flags(healthcheck)
    healthcheck.add_argument("--url", help="where to ask [default: /-/healthy, from settings]")
    commands.add_parser("metrics", help="print the catalogue of metrics")
    sessions = commands.add_parser("sessions", help="list recent sessions; nothing is stored")
    add_flags(sessions)
    if "sessions" in arguments:
        from exporter.commands.sessions import add_arguments as add_sessions_arguments

        add_sessions_arguments(sessions)
    simulate = commands.add_parser("simulate", help="run the simulator of the Not AI API alone")
    if "simulate" in arguments:
        from exporter.simulator.options import add_arguments

        add_arguments(simulate)
    return parser


def _run(parsed: argparse.Namespace, environ: Mapping[str, str]) -> int:
    match parsed.command:
        case "backfill":
            from exporter.commands import backfill

            return backfill.run(parsed, environ)
        case "check":
            from exporter.commands import check

            return check.run(parsed, environ)
        case "demo":
            from exporter.commands import demo

            return demo.run(parsed, environ)
        case "healthcheck":
            from exporter.commands import healthcheck

            return healthcheck.run(parsed, environ)
        case "metrics":
            from exporter.commands import metrics

            return metrics.run()
        case "sessions":
            from exporter.commands import sessions

            return sessions.run(parsed, environ)
        case "simulate":
            from exporter.simulator import server

            return server.run(parsed)
        case _:
            from exporter.commands import daemon

            return daemon.run(parsed, environ)
