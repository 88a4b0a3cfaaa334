"""Whatever the settings file holds, it gives settings or one line, never a traceback."""

from pathlib import Path

import pytest
from hypothesis import given

from exporter.settings import SettingsError, load
from exporter.settings.describe import all_settings
from tests.examples import some
from tests.settings.odd_yaml import ODD_VALUES, odd_files

KEYS = [tuple(setting.name.split(".")) for setting in all_settings() if setting.in_file]
ENTRY = ("name", "api_key_file", "api_key_env", "region", "base_url")
VARIABLES = {"ISNOTAI_API_KEY": "aik_v1_" + "x" * 40}


def read(path: Path, content: bytes) -> str:
    """What the user is told of a file with that content; nothing where it is accepted."""
    path.write_bytes(content)
    try:
        load([], {**VARIABLES, "ISNOTAI_CONFIG_FILE": str(path)})
    except SettingsError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("key", KEYS, ids=".".join)
def test_an_odd_value_of_any_key_is_one_line_or_accepted(
    tmp_path: Path, key: tuple[str, ...]
) -> None:
    for value in some(ODD_VALUES, KEYS.index(key)):
        text = value
        for step in reversed(key[1:]):
            text = f"{{{step}: {text}}}"
        assert "\n" not in read(tmp_path / "odd.yml", f"{key[0]}: {text}\n".encode())


@pytest.mark.parametrize("key", ENTRY)
def test_an_odd_value_in_an_entry_of_integrations_is_one_line(tmp_path: Path, key: str) -> None:
    for value in ODD_VALUES:
        content = f"integrations: [{{{key}: {value}}}]\n".encode()
        assert "\n" not in read(tmp_path / "odd.yml", content)


@given(odd_files(KEYS))
def test_any_file_is_one_line_or_accepted(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    assert "\n" not in read(tmp_path_factory.getbasetemp() / "odd.yml", content)
