"""Checks commits before others see them: subjects, and that what users notice is in the changelog.

`python -m scripts.check_changes [BASE]` looks at the commits since BASE (default: origin/main).
`--message FILE` looks at one message, as git's commit-msg hook gives it.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

LONGEST_SUBJECT = 72
CHANGELOG = "CHANGELOG.md"
NOTICED = ("exporter/", "deploy/", "alerts/", "dashboards/")
"""What users run or load. Changes in it are in the changelog, or say that nobody notices them."""

UNNOTICED = "Changelog: none"
"""A line of a message that says so."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: its message, and the files that it changes."""

    message: str
    files: tuple[str, ...]

    @property
    def subject(self) -> str:
        return self.message.partition("\n")[0]


def subject_faults(message: str) -> Iterator[str]:
    """What is wrong with the first lines of a message."""
    subject, _, body = message.partition("\n")
    if not subject.strip():
        yield "the subject is missing"
    if len(subject) > LONGEST_SUBJECT:
        yield f"the subject has {len(subject)} characters, at most {LONGEST_SUBJECT}: {subject}"
    if subject.endswith("."):
        yield f"the subject ends with a full stop: {subject}"
    if body and not body.startswith("\n"):
        yield f"the second line is not empty: {subject}"


def faults(commits: Sequence[Commit]) -> Iterator[str]:
    """What is wrong with commits that are to be seen together."""
    for commit in commits:
        yield from subject_faults(commit.message)
    if any(CHANGELOG in commit.files for commit in commits):
        return
    for commit in commits:
        noticed = [name for name in commit.files if name.startswith(NOTICED)]
        if noticed and UNNOTICED not in commit.message.splitlines():
            yield (
                f"{CHANGELOG} has no word of this; if users notice nothing, say "
                f"`{UNNOTICED}` in the message: {commit.subject}"
            )


def read_commits(base: str) -> list[Commit]:
    """The commits since `base`, merges left out, oldest first."""
    return [
        Commit(
            _git("show", "--no-patch", "--format=%B", name).strip() + "\n",
            tuple(_git("show", "--name-only", "--format=", name).split("\n")),
        )
        for name in _git("rev-list", "--reverse", "--no-merges", f"{base}..HEAD").split()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Say what is wrong on stderr; the exit code, 1 where something is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("base", nargs="?", default="origin/main", help="[default: origin/main]")
    parser.add_argument("--message", type=Path, metavar="FILE", help="check this message alone")
    chosen = parser.parse_args(arguments)
    if chosen.message is not None:
        found = list(subject_faults(_without_comments(chosen.message.read_text("utf-8"))))
    else:
        found = list(faults(read_commits(chosen.base)))
    for fault in found:
        sys.stderr.write(f"{fault}\n")
    return 1 if found else 0


def _without_comments(message: str) -> str:
    return "\n".join(line for line in message.split("\n") if not line.startswith("#"))


def _git(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - without a shell
        ["git", *arguments],  # noqa: S607 - the git that runs the hook
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
