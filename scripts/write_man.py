"""Makes the man page, docs/man/isnotai-exporter.1, from the command line itself.

It reads click's own model of the commands, so no option can be missing; what it says of exit codes
is what docs/commands.md does. `make docs` renews it; groff reads it in a test.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from exporter import __version__
from exporter.cli import COMMANDS
from exporter.commands.command import HELP
from exporter.commands.group import NAME, Commands
from exporter.settings.describe import all_settings
from exporter.settings.flags import SettingFlag
from scripts.write_docs import exit_codes

PAGE = Path(__file__).resolve().parents[1] / "docs/man/isnotai-exporter.1"


def page() -> str:
    """The whole page, as roff for man(7)."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    root = Commands(COMMANDS, __version__)
    context = click.Context(root, info_name=NAME, **HELP)
    yield f'.TH ISNOTAI-EXPORTER 1 "" "{NAME} {__version__}" "User Commands"'
    yield ".SH NAME"
    yield _text(f"{NAME} - Prometheus and OpenTelemetry exporter for the Not AI API")
    yield ".SH SYNOPSIS"
    yield r".B isnotai\-exporter"
    yield r"[\fIOPTIONS\fR] [\fICOMMAND\fR] [\fIOPTIONS\fR]"
    yield ".SH DESCRIPTION"
    yield _text(root.help or "")
    yield ".SH OPTIONS"
    yield from _options(root, context)
    yield ".SH COMMANDS"
    for name, entry in COMMANDS.items():
        yield f".SS {_text(name)}"
        command = root.get_command(context, name)
        assert command is not None  # noqa: S101 - it is listed
        paragraphs = (command.help or entry.summary).replace("\b", "").strip().split("\n\n")
        for number, paragraph in enumerate(paragraphs):
            if number:
                yield ".PP"
            yield from _paragraph(paragraph)
        yield from _options(command, click.Context(command, info_name=name, parent=context, **HELP))
    yield ".SH SETTINGS"
    yield _text("Flags win over variables, and those over the YAML file; see --config.file.")
    for setting in all_settings():
        yield ".TP"
        yield rf"\fB{_text(', '.join(setting.flags[:1]) or setting.name)}\fR"
        variable = f" Variable {setting.variable}." if setting.variable else ""
        yield _text(f"{_sentence(setting.help)}.{variable} [{setting.default}]")
    yield ".SH EXIT STATUS"
    yield from _definitions(
        (str(code), f"{_sentence(meaning)}.".replace("`", ""))
        for code, meaning in exit_codes().items()
    )
    yield ".SH SEE ALSO"
    yield r"\fBprometheus\fR(1), \fBpromtool\fR(1)"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    """A command's own options; the settings have a section of their own."""
    records = (
        option.get_help_record(context)
        for option in command.get_params(context)
        if not isinstance(option, SettingFlag)
    )
    yield from _definitions(record for record in records if record is not None)


def _definitions(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, meaning in pairs:
        yield ".TP"
        yield rf"\fB{_text(name)}\fR"
        yield _text(meaning)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _paragraph(text: str) -> Iterator[str]:
    lines = text.split("\n")
    if all(line.startswith("    ") for line in lines if line):
        yield from (".nf", *(_text(line.strip()) for line in lines if line), ".fi")
    else:
        yield _text(" ".join(lines))


def _text(text: str) -> str:
    """Text for roff: no line of it is a request, and hyphens stay what they are typed as."""
    plain = re.sub(r"\s+", " ", text).strip().replace("\\", r"\e").replace("-", r"\-")
    plain = plain.replace("–", r"\(en").replace("…", "...").replace("×", r"\(mu")
    return rf"\&{plain}" if plain.startswith((".", "'")) else plain


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
