"""The command import-state, as far as it comes without a database."""

from pathlib import Path

import pytest

from exporter import cli


def test_without_a_database_it_says_what_is_not_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["import-state", str(tmp_path / "state.db")]

    assert cli.main(arguments, {"ISNOTAI_API_KEY": "k" * 32}) == 2

    assert "state.url: is not set" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
