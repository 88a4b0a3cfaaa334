"""Command-line flags, made from the model; and messages about bad ones that repeat no value.

click's own messages print what they did not understand, which may be a key. Here only the name of a
flag is printed. Commands share the flags: what is given before a command's name and after it goes
into one layer, where the last wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Final

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from exporter.settings.describe import Setting, all_settings
from exporter.settings.errors import SettingsError
from exporter.settings.layers import Layer, Raw

_LAYER: Final = "exporter.settings.flags"


def read_flags(argv: Sequence[str]) -> Layer:
    """What these flags set. Raises SettingsError that names the first flag nobody knows."""
    command = click.Command("settings", params=list(setting_flags()))
    context = click.Context(command)
    try:
        command.parse_args(context, list(argv))
    except click.UsageError as error:
        raise refusal(error, command) from None
    return given_flags(context)


def given_flags(context: click.Context) -> Layer:
    """What the flags set, each under the spelling that was used; of a command and its group."""
    layer: Layer = context.meta.setdefault(_LAYER, {})
    return layer


@cache
def setting_flags() -> tuple[click.Option, ...]:
    """The flags of all settings, for any command that reads them."""
    return tuple(_setting_flags())


def _setting_flags() -> Iterator[click.Option]:
    for setting in all_settings():
        for spelling in setting.flags:
            # Only the first spelling is listed in --help; the others are accepted as well.
            listed = spelling == setting.flags[0]
            yield SettingFlag(setting, spelling, True if setting.is_bool else None, listed=listed)
            if setting.is_bool:
                negation = f"--no-{spelling.removeprefix('--')}"
                yield SettingFlag(setting, negation, False, listed=False)
    yield _NoKeyFlag("--api-key")
    yield _NoKeyFlag("--api_key")


class SettingFlag(click.Option):
    """One spelling of a setting's flag. Its value goes into the layer, not to the command.

    switch: what a flag without a value sets; None for a flag that takes one.
    """

    def __init__(
        self, setting: Setting, spelling: str, switch: bool | None, *, listed: bool
    ) -> None:
        self._setting = setting
        self._switch = switch
        super().__init__(
            [spelling, _parameter_name(spelling)],
            is_flag=None if switch is None else True,
            metavar=None if switch is not None else setting.path[-1].upper(),
            help=f"{setting.help} [default: {setting.default}]",
            hidden=not listed,
            expose_value=False,
            callback=_keep,
        )

    @property
    def title(self) -> str:
        """What the settings of its section stand under in `--help`."""
        section, dot, _ = self._setting.name.partition(".")
        return f"Settings: {section}" if dot else "Settings"

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The values that a shell can offer: the choices, or files."""
        if self._setting.choices:
            found = (it for it in self._setting.choices if it.startswith(incomplete))
            return [CompletionItem(choice) for choice in found]
        files = self._setting.path[-1] in ("path", "file", "ca_file", "config_file", "api_key_file")
        return [CompletionItem(incomplete, type="file")] if files else []

    def keep(self, context: click.Context, value: object) -> None:
        """Keep the value together with the spelling of the flag that gave it."""
        value = value if self._switch is None else self._switch
        given_flags(context)[self._setting.name] = Raw(self.opts[0], value)


class _NoKeyFlag(click.Option):
    """What many try first. It is refused with a word on what to do, whatever its value."""

    def __init__(self, spelling: str) -> None:
        super().__init__(
            [spelling, _parameter_name(spelling)],
            is_flag=False,
            flag_value="",
            is_eager=True,
            hidden=True,
            expose_value=False,
            callback=_keep,
        )

    def keep(self, context: click.Context, value: object) -> None:
        raise SettingsError(
            f"{self.opts[0]}: there is no such flag, since the key would show in process lists; "
            "set ISNOTAI_API_KEY or --api-key-file"
        )


def _keep(context: click.Context, option: click.Parameter, value: object) -> None:
    assert isinstance(option, SettingFlag | _NoKeyFlag)  # noqa: S101 - whose callback this is
    if context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE:
        option.keep(context, value)


def _parameter_name(spelling: str) -> str:
    """A name for click, which wants an identifier, and another one for each spelling."""
    return "flag" + spelling.replace("-", "_dash_").replace(".", "_dot_")


def refusal(error: click.UsageError, command: click.Command) -> SettingsError:
    """What is wrong with a command line, in a line that repeats no value."""
    match error:
        case click.NoSuchOption():
            return SettingsError(_unknown(error.option_name, command))
        case click.BadOptionUsage():
            flag = error.option_name
            switches = {name for it in _options(command) if it.is_flag for name in it.opts}
            return SettingsError(f"{flag}: {'takes no' if flag in switches else 'needs a'} value")
        case click.BadParameter(param=click.Option() as option):
            return SettingsError(f"{option.opts[0]}: {_wanted(option)}")
        case click.BadParameter(param=click.Argument() as argument):
            return SettingsError(f"{argument.name}: {_wanted(argument)}")
        case _:
            return SettingsError("unexpected argument; every setting is a --flag with its value")


def _options(command: click.Command) -> Iterator[click.Option]:
    return (it for it in command.params if isinstance(it, click.Option))


def _unknown(option_name: str, command: click.Command) -> str:
    flag = _shown(option_name)
    known = {name for it in _options(command) if not isinstance(it, _NoKeyFlag) for name in it.opts}
    if any(flag in setting.flags for setting in all_settings()):
        return f"{flag}: {command.name} reads no settings"
    near = get_close_matches(flag, sorted(known), n=1)
    return f"unknown flag {flag}" + (f", did you mean {near[0]}?" if near else "")


def _shown(flag: str) -> str:
    """The name of a flag that nobody knows, as far as it looks like one."""
    plain = re.fullmatch(r"-[A-Za-z]|--[A-Za-z0-9._-]{1,60}", flag)
    return flag if plain else f"{flag[:3]}…"


def _wanted(option: click.Parameter) -> str:
    match option.type:
        case click.Choice() as choice:
            return f"must be one of {', '.join(map(str, choice.choices))}"
        case click.types.IntParamType():
            return "must be a whole number"
        case click.types.FloatParamType():
            return "must be a number"
        case _:
            return "cannot be used like this"
