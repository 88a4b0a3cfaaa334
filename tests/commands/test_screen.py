"""Colours and marks: only where they can be shown, and never at the daemon's expense."""

import subprocess
import sys

import pytest

from exporter.commands import screen
from exporter.commands.screen import BAD, GOOD, mark, styled, wrapped


def test_the_daemon_never_imports_rich() -> None:
    program = (
        "import sys; import exporter.cli, exporter.commands.group, exporter.commands.daemon;"
        "raise SystemExit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0


def test_off_a_terminal_there_is_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    assert (mark(GOOD), mark(BAD)) == ("✓", "✗")
    assert styled(("a [bold]b[/bold] :smile:", "red")) == "a [bold]b[/bold] :smile:"


def test_colours_can_be_forced_and_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")

    coloured = styled(("[red]", "bold red"), (" plain", ""))
    assert coloured.startswith("\x1b[")
    assert "[red]" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31" not in styled(("x", "red"))


def test_a_long_line_hangs_below_its_text_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "stats.include nope_* matches nothing → there are bots_high, bots_total"
    assert wrapped(text, 15, 15) == text

    monkeypatch.setattr(screen, "width", lambda: 50)

    assert wrapped(text, 15, 15).splitlines() == [
        "stats.include nope_* matches",
        " " * 15 + "nothing → there are bots_high,",
        " " * 15 + "bots_total",
    ]
    monkeypatch.setattr(screen, "width", lambda: 20)
    assert wrapped(text, 15, 15) == text
