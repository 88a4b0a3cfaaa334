"""A hook of mkdocs: links that leave `docs/` lead to the repository, where GitHub shows the files.

On GitHub itself the same links work as they stand.
"""

import re
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

_LINK = re.compile(r"\]\(((?:\.\./)+[^)\s#]*)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """The page with those links replaced; mkdocs calls it for each page."""
    return outward(markdown, page.file.src_uri, config.extra["repository"])


def outward(markdown: str, source: str, repository: str) -> str:
    """source: the page's path below `docs/`. repository: its address at GitHub."""
    folder = PurePosixPath("docs", source).parent

    def replaced(link: re.Match[str]) -> str:
        target = normpath(str(folder / link[1]))
        if target.startswith("docs/"):
            return link[0]
        return f"]({repository.rstrip('/')}/blob/main/{target}{link[2] or ''})"

    return _LINK.sub(replaced, markdown)
