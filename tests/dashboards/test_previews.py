"""The previews: one picture a dashboard, drawn by a page that asks the network for nothing."""

import json
import re
from pathlib import Path

import pytest

from dashboards.generate.boards import files

ROOT = Path(__file__).resolve().parents[2]
PREVIEWS = ROOT / "previews"


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", sorted(files()))
def test_each_dashboard_has_a_picture(name: str, theme: str) -> None:
    short = name.removeprefix("notai-").removesuffix(".json")
    picture = (ROOT / "docs" / "images" / f"dashboard-{short}-{theme}.png").read_bytes()

    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20]) == 1600


def test_the_page_loads_nothing_from_anywhere() -> None:
    for name in ("page.html", "draw.js", "style.css"):
        text = (PREVIEWS / name).read_text()
        assert not re.search(r"https?://|\bsrc=|\bimport\b|fetch\(|url\(", text), name


def test_the_page_says_that_it_is_a_preview() -> None:
    assert "Preview: drawn from the queries' results" in (PREVIEWS / "draw.js").read_text()


def test_the_lock_names_hashes_and_no_address() -> None:
    lock = json.loads((PREVIEWS / "package-lock.json").read_text())

    packages = [package for path, package in lock["packages"].items() if path]
    assert packages
    for package in packages:
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package
