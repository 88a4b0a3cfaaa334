"""One tiny file per mistake; its first line is the complaint that it must cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.settings import SettingsError, load

FILES = sorted((Path(__file__).parent / "invalid").glob("*.yml"))
KEY = "aik_v1_" + "x" * 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_mistake_in_the_file_gives_one_exact_line(path: Path) -> None:
    environ = {"ISNOTAI_CONFIG_FILE": str(path), "TEAM_A_KEY": KEY, "TEAM_BAD_KEY": "hunter22 two"}
    if not path.stem.startswith(("api-key", "integrations")):
        environ["ISNOTAI_API_KEY"] = KEY

    with pytest.raises(SettingsError) as caught:
        load([], environ)

    expected = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    assert str(caught.value) == f"{path}: {expected}"
    assert "hunter22" not in str(caught.value)
    assert KEY not in str(caught.value)


def test_there_are_files_to_try() -> None:
    assert len(FILES) > 70
