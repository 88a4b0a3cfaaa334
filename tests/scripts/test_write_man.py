"""The man page is the command line's own, and up to date."""

from exporter.cli import COMMANDS
from exporter.settings.describe import all_settings
from scripts.write_docs import exit_codes
from scripts.write_man import PAGE, page


def test_the_page_is_what_the_code_makes() -> None:
    assert PAGE.read_text("utf-8") == page(), "run make docs"


def test_it_has_every_command_setting_and_exit_code() -> None:
    text = page().replace("\\-", "-")

    assert [name for name in COMMANDS if f".SS {name}\n" not in text] == []
    assert [it.name for it in all_settings() if it.variable and it.variable not in text] == []
    assert all(f"\\fB{code}\\fR" in text for code in exit_codes())
