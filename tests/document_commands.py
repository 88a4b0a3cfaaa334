"""The commands that the documents show, and what each says of how it is tested.

A block of commands stands below one of these comments, or on a page that has the last of them:

- `<!-- run -->`: tests/tools/test_document_commands.py runs it;
- `<!-- run by FILE -->`: that test runs it, or what it stands for;
- `<!-- not run: why -->`;
- `<!-- run each line but those of: WORD … -->`, on the page: each line, but for those programs.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "deploy/**/README.md", ".github/**/*.md")
    for path in ROOT.glob(pattern)
)
_BLOCK = re.compile(r"(?:<!-- ([^>]*?) -->\n+)?^```(?:console|sh|bash)\n(.*?)^```", re.M | re.S)
_EACH_LINE = re.compile(r"<!-- run each line but those of: ([^>]*?) -->")


@dataclass(frozen=True)
class Commands:
    """A block, or a line, of a page. said: the comment above it; empty where there is none."""

    page: str
    line: int
    text: str
    said: str

    @property
    def name(self) -> str:
        """Where it stands, as a test's name."""
        return f"{self.page}:{self.line}"


def all_commands() -> Iterator[Commands]:
    """Every block of commands of every page; of pages that are run by line, every line."""
    for path in PAGES:
        text = path.read_text("utf-8")
        page = str(path.relative_to(ROOT))
        each = _EACH_LINE.search(text)
        for block in _BLOCK.finditer(text):
            line = text.count("\n", 0, block.start(2)) + 1
            if each is None:
                yield Commands(page, line, block[2], block[1] or "")
                continue
            for number, one in enumerate(block[2].splitlines()):
                left_out = one.split()[0] in each[1].split()
                said = f"not run: {each[0]}" if left_out else "run"
                yield Commands(page, line + number, one, said)
