"""Each command that a document shows is run by a test, or says why it is not."""

import re

import pytest

from tests.document_commands import ROOT, Commands, all_commands

COMMANDS = tuple(all_commands())


@pytest.mark.parametrize("commands", COMMANDS, ids=lambda one: one.name)
def test_each_command_is_run_or_says_why_not(commands: Commands) -> None:
    by = re.fullmatch(r"run by (tests/\S+\.py)", commands.said)
    why = re.fullmatch(r"not run: \S.+", commands.said, re.DOTALL)

    assert commands.said == "run" or by or why, f"{commands.name} says {commands.said!r}"
    if by:
        assert (ROOT / by[1]).is_file()


def test_most_pages_have_some_that_are_run() -> None:
    assert len({one.page for one in COMMANDS if one.said == "run"}) >= 7
