"""The command line as a whole: the daemon, and the commands, each imported when it is asked for."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import NoReturn, Protocol

import click
from click.shell_completion import shell_complete

from exporter import longlived
from exporter.commands.command import HELP, Command, Line
from exporter.settings.errors import SettingsError
from exporter.settings.flags import given_flags, setting_flags
from exporter.terminal import say

NAME = "isnotai-exporter"
COMPLETION = "_ISNOTAI_EXPORTER_COMPLETE"
"""The variable by which a shell asks for completions; click says how in its documents."""


class Entry(Protocol):
    """A command's module, which holds it as `command`, and its line of help."""

    @property
    def module(self) -> str: ...
    @property
    def summary(self) -> str: ...


class Commands(Command, click.Group):
    """Without a command: the daemon."""

    def __init__(self, entries: Mapping[str, Entry], version: str) -> None:
        self._entries = entries
        self._version = version
        shown = click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            help="Show the version and exit.",
            callback=self._show_version,
        )
        printed = click.Option(
            ["--print-config"],
            is_flag=True,
            help="Show every setting with its source, secrets blotted out, and exit.",
        )
        super().__init__(
            NAME,
            callback=_daemon,
            help="Prometheus and OpenTelemetry exporter for the Not AI API. "
            "Without a command: run the daemon.",
            params=[shown, printed, *setting_flags()],
            invoke_without_command=True,
            subcommand_metavar="[COMMAND]",
            context_settings=HELP,
        )

    def run(self, arguments: Sequence[str], environ: Mapping[str, str]) -> int:
        """Run what the arguments ask for; the exit code. Raises SettingsError.

        Not by click's own `main`, which would turn Ctrl-C and a broken pipe into codes of its own.
        """
        if instruction := environ.get(COMPLETION):
            return shell_complete(self, {}, NAME, COMPLETION, instruction)
        try:
            with self.make_context(NAME, list(arguments), obj=environ) as context:
                code: int = self.invoke(context)
                return code
        except click.exceptions.Exit as ended:
            return ended.exit_code

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self._entries.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = import_module(entry.module).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's. Raises SettingsError, which does not repeat what may be a key."""
        command = self.get_command(ctx, args[0])
        if command is None:
            self._refuse(args[0])
        return args[0], command, args[1:]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, from their entries, since none is imported; then the options."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self._entries.items()])
        super().format_options(ctx, formatter)

    def _refuse(self, name: str) -> NoReturn:
        near = get_close_matches(name, self._entries, n=1)
        if near:
            raise SettingsError(f"command: unknown, did you mean {near[0]}?")
        raise SettingsError(f"command: unknown, choose from {', '.join(self._entries)}")

    def _show_version(self, context: click.Context, option: object, value: bool) -> None:
        if value and not context.resilient_parsing:
            say(f"{NAME} {self._version}")
            raise SystemExit(0)


def _daemon(print_config: bool) -> int | None:
    context = click.get_current_context()
    line = Line(given_flags(context), context.obj)
    if context.invoked_subcommand is not None:
        if print_config:
            raise SettingsError("--print-config: shows the settings alone, without a command")
        return None
    if print_config:
        from exporter.commands import print_config as printing

        return printing.run(line)
    # Imported only where it is run: the other commands need little of it.
    from exporter.commands import daemon

    longlived.begun()
    return daemon.run(line)
