"""What commits must be like before others see them."""

import subprocess
from pathlib import Path

import pytest

from scripts.check_changes import Commit, faults, main

LONG = "Fix " + "x" * 69


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("Fix the walk\n\nIt ended too early.\n", None),
        (f"{LONG[:72]}\n", None),
        (f"{LONG}\n", "73 characters, at most 72"),
        ("Fix the walk.\n", "full stop"),
        ("Fix the walk\nIt ended too early.\n", "second line is not empty"),
        ("\n\nIt ended too early.\n", "the subject is missing"),
        ("# a comment of git\nFix the walk\n# another\n", None),
    ],
)
def test_a_message_is_checked_as_git_hands_it_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], message: str, fault: str | None
) -> None:
    path = tmp_path / "COMMIT_EDITMSG"
    path.write_text(message)

    assert main(["--message", str(path)]) == (0 if fault is None else 1)
    assert (fault or "") in capsys.readouterr().err


CODE = Commit("Fix the walk\n", ("exporter/api/walk.py",))


@pytest.mark.parametrize(
    ("commits", "missing"),
    [
        ([CODE], True),
        ([Commit("Fix the walk\n", ("exporter/api/walk.py", "CHANGELOG.md"))], False),
        ([CODE, Commit("Say so\n", ("CHANGELOG.md",))], False),
        ([Commit("Cut a function\n\nChangelog: none\n", ("exporter/api/walk.py",))], False),
        ([Commit("Test the walk\n", ("tests/api/test_walk.py",))], False),
    ],
)
def test_what_users_notice_is_in_the_changelog(commits: list[Commit], missing: bool) -> None:
    assert any("CHANGELOG.md" in fault for fault in faults(commits)) is missing


def test_only_the_commits_since_the_base_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *who, *arguments], check=True, capture_output=True)

    git("init")
    git("commit", "--allow-empty", "-m", LONG)
    git("tag", "base")
    git("commit", "--allow-empty", "-m", "Fix the walk")
    assert main(["base"]) == 0

    git("commit", "--allow-empty", "-m", f"{LONG}y")
    assert main(["base"]) == 1
    assert f"{LONG}y" in capsys.readouterr().err
