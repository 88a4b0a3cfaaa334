"""Command-line flags, made from the model; and a parser whose complaints repeat no value.

argparse's own message for an unknown flag prints everything that it did not understand, which may
be a key. Here only the flag's name is printed. Subcommands share the flags through `add_flags`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Final, Never

from exporter.settings.describe import Setting, all_settings
from exporter.settings.errors import SettingsError
from exporter.settings.layers import Layer, Raw

_DEST: Final = "setting:"
_KEY_FLAGS: Final = ("--api-key", "--api_key")


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises SettingsError, of one line and without values."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["allow_abbrev"] = False
        self._flag_names: set[str] = set()
        self._unparsed: tuple[str, ...] = ()
        super().__init__(*args, **kwargs)

    def add_argument(self, *names: str, **options: Any) -> argparse.Action:
        """As argparse's, and remember the flag, to name the nearest one to a typo."""
        if options.get("help") != argparse.SUPPRESS or not set(names) & set(_KEY_FLAGS):
            self._flag_names.update(names)
        return super().add_argument(*names, **options)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str], namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse, or raise SettingsError that names the first flag nobody knows."""
        self._unparsed = tuple(args)
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self._refuse(unknown)
        return parsed

    def error(self, message: str) -> Never:
        """Raise SettingsError; argparse calls this with messages that may repeat a value."""
        argument, _, problem = message.removeprefix("argument ").partition(": ")
        if not message.startswith("argument "):
            raise SettingsError(re.sub(r"'[^']*'", "…", message))
        flag = argument.split("/")[0]
        if problem.startswith("ignored explicit argument"):
            raise SettingsError(f"{flag}: takes no value")
        if problem.startswith("invalid choice"):
            self._refuse_flag_before(problem)
            choices = problem.rpartition("(")[2].rstrip(")")
            raise SettingsError(f"{flag}: unknown, {choices}")
        if problem.startswith("expected"):
            raise SettingsError(f"{flag}: needs a value")
        raise SettingsError(f"{flag}: cannot be used like this")

    def _refuse_flag_before(self, problem: str) -> None:
        """What looks like a bad command may be the value of a flag that nobody knows."""
        for flag, argument in pairwise(self._unparsed):
            unknown = flag.startswith("--") and _flag_of(flag) not in self._flag_names
            if unknown and problem.startswith(f"invalid choice: {argument!r}"):
                self._refuse([flag])

    def _refuse(self, unknown: Iterable[str]) -> Never:
        flags = [_flag_of(text) for text in unknown if text.startswith("-")]
        if not flags:
            raise SettingsError("unexpected argument; every setting is a --flag with its value")
        near = get_close_matches(flags[0], sorted(self._flag_names), n=1)
        raise SettingsError(
            f"unknown flag {flags[0]}" + (f", did you mean {near[0]}?" if near else "")
        )


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser one flag per setting, with its help and default."""
    for setting in all_settings():
        if setting.flags:
            _add_flag(parser, setting)
    parser.add_argument(
        *_KEY_FLAGS, action=_NoKeyFlag, nargs="?", help=argparse.SUPPRESS, dest="no_key_flag"
    )


def flag_layer(parsed: argparse.Namespace) -> Layer:
    """What the flags set, each under the spelling that was used."""
    values = vars(parsed)
    return {
        setting.name: values[_DEST + setting.name]
        for setting in all_settings()
        if _DEST + setting.name in values
    }


def _add_flag(parser: argparse.ArgumentParser, setting: Setting) -> None:
    # Only the first spelling is listed in --help; the others are for the fingers.
    shown, *others = setting.flags
    options: dict[str, Any] = {"dest": _DEST + setting.name, "default": argparse.SUPPRESS}
    summary = f"{setting.help} [default: {setting.default}]".replace("%", "%%")
    if setting.is_bool:
        negations = [f"--no-{flag.removeprefix('--')}" for flag in setting.flags]
        parser.add_argument(shown, action=_Switch, const=True, nargs=0, help=summary, **options)
        for flag in (*others, *negations):
            parser.add_argument(
                flag,
                action=_Switch,
                const=not flag.startswith("--no-"),
                nargs=0,
                help=argparse.SUPPRESS,
                **options,
            )
        return
    metavar = setting.path[-1].upper()
    parser.add_argument(shown, action=_Keep, metavar=metavar, help=summary, **options)
    if others:
        parser.add_argument(*others, action=_Keep, help=argparse.SUPPRESS, **options)


def _flag_of(text: str) -> str:
    """The name in `--name=value` or `-nvalue`, without the value."""
    if not text.startswith("--"):
        return text[:2]
    name = text.partition("=")[0]
    return name if re.fullmatch(r"--[A-Za-z0-9._-]{1,60}", name) else f"{name[:3]}…"


class _Keep(argparse.Action):
    """Keeps the value together with the spelling of the flag that gave it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, Raw(option_string or self.dest, values))


class _Switch(_Keep):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        super().__call__(parser, namespace, self.const, option_string)


class _NoKeyFlag(argparse.Action):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        raise SettingsError(
            f"{option_string}: there is no such flag, since the key would show in process lists; "
            "set ISNOTAI_API_KEY or --api-key-file"
        )
