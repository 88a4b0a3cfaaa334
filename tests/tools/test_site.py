"""The documents as a site: built strictly, and loading nothing from anywhere else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import browser

pytestmark = pytest.mark.tools

ROOT = Path(__file__).resolve().parents[2]


def build(folder: Path, docs: Path) -> subprocess.CompletedProcess[str]:
    """What `make site` does, into `folder`, with those documents."""
    text = (ROOT / "mkdocs.yml").read_text().replace("docs_dir: docs", f"docs_dir: {docs}")
    config = folder / "mkdocs.yml"
    config.write_text(text.replace("  - scripts/", f"  - {ROOT}/scripts/"))
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", config, "-d", folder / "site"],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_reader_of_the_site_is_told_to_nobody_else(tmp_path: Path) -> None:
    done = build(tmp_path, ROOT / "docs")
    assert done.returncode == 0, done.stderr

    pages = ("index.html", "reference/metrics.html")
    seen = browser.visit(
        *({"url": (tmp_path / "site" / page).as_uri(), "width": 1280} for page in pages)
    )

    for one in seen:
        assert len(one.requested) > 3
        assert [
            address for address in one.requested if not address.startswith(("file:", "data:"))
        ] == []


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    subprocess.run(["cp", "-r", ROOT / "docs", docs], check=True)
    page = docs / "glossary.md"
    page.write_text(page.read_text() + "\n[nowhere](nowhere.md)\n")

    done = build(tmp_path, docs)

    assert done.returncode != 0
    assert "nowhere.md" in done.stderr
