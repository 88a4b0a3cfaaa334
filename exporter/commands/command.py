"""What a command of the command line is: its own options, the flags of the settings, its errors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from exporter import longlived
from exporter.settings.flags import SettingFlag, given_flags, refusal, setting_flags
from exporter.settings.layers import Layer
from exporter.terminal import say


@dataclass(frozen=True, slots=True)
class Line:
    """What a command was called with: what the flags of the settings set, and the environment."""

    flags: Layer
    environ: Mapping[str, str]


class Command(click.Command):
    """A command whose complaints are one line, and whose help shows its own options first."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's. Raises SettingsError, of one line and without values."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise refusal(error, self) from None

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """As click's, but written as all output is."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's own options, then the settings, section by section."""
        groups: dict[str, list[tuple[str, str]]] = {"Options": []}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record is not None and isinstance(option, click.Option):
                title = option.title if isinstance(option, SettingFlag) else "Options"
                groups.setdefault(title, []).append(record)
        for title, records in groups.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def _show_help(context: click.Context, option: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        say(context.get_help())
        context.exit()


def make_command(
    name: str,
    run: Callable[..., int],
    text: str,
    options: Sequence[click.Parameter] = (),
    *,
    settings: bool = True,
) -> Command:
    """A command that calls `run` with its Line and its own options, for the exit code.

    text: what `--help` says of it. settings: whether it reads the settings, and has their flags.
    """

    def call(**chosen: Any) -> int:
        longlived.begun()
        context = click.get_current_context()
        return run(Line(given_flags(context), context.obj), **chosen)

    flags = list(setting_flags()) if settings else []
    return Command(name, callback=call, help=text, params=[*options, *flags], context_settings=HELP)


HELP: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
