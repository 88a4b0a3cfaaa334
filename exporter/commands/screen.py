"""What a command's text looks like on a terminal: its width, its colours, its marks.

Rich lays out and colours; the text still goes through `exporter.terminal`, so that a full disk, a
closed pipe or another encoding is handled in one place. Off a terminal there is no colour, and no
width that lines are cut to. NO_COLOR and FORCE_COLOR are obeyed.
"""

import sys
from io import StringIO
from textwrap import wrap
from typing import Final

from rich.console import Console
from rich.text import Text

from exporter.terminal import say

GOOD: Final = "good"
WARN: Final = "warning"
BAD: Final = "bad"

_MARKS: Final = {GOOD: ("✓", "green"), WARN: ("!", "yellow"), BAD: ("✗", "bold red")}
_ENDLESS: Final = 10_000


def width() -> int | None:
    """Columns of the terminal; None where the output goes elsewhere."""
    return Console().width if sys.stdout.isatty() else None


def styled(*parts: tuple[str, str]) -> str:
    """(text, style) pairs as one line, coloured where colours can be shown.

    The text is never read as markup, whatever the API put into it.
    """
    colours = Console().color_system
    if colours is None:
        return "".join(text for text, _ in parts)
    file = StringIO()
    painter = Console(file=file, width=_ENDLESS, force_terminal=True, highlight=False)
    painter.print(Text.assemble(*parts), end="", soft_wrap=True)
    return file.getvalue()


def wrapped(text: str, begun: int, hanging: int) -> str:
    """`text` over as many lines as the terminal's width asks for; elsewhere as it is.

    begun: columns that stand before it already. hanging: columns before all further lines.
    """
    columns = width()
    if columns is None or columns < 2 * hanging:
        return text
    lines = wrap(
        text, columns, initial_indent=" " * begun, subsequent_indent=" " * hanging,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return "\n".join(lines)[begun:]


def mark(level: str) -> str:
    """✓, ! or ✗."""
    return styled(_MARKS[level])


def tell(level: str, text: str) -> None:
    """A line with its mark."""
    say(f"{mark(level)} {text}")
