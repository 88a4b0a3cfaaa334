"""Completion, as a real bash does it."""

import subprocess
import sys
from pathlib import Path

import pytest

from exporter import cli


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell], {}) == 0

    assert f"_ISNOTAI_EXPORTER_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_without_a_shell_it_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion"], {}) == 2
    assert "bash, zsh, fish" in capsys.readouterr().err


def test_a_mistyped_shell_is_told_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", "bsh"], {}) == 2
    assert capsys.readouterr().err == "isnotai-exporter: shell: must be one of bash, zsh, fish\n"


COMPLETED = {
    "isnotai-exporter aud": ["audit"],
    "isnotai-exporter check --off": ["--offline"],
    "isnotai-exporter check --region e": ["eu"],
    "isnotai-exporter completion z": ["zsh"],
}


def test_bash_completes_commands_flags_and_values(tmp_path: Path) -> None:
    command = tmp_path / "isnotai-exporter"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m exporter "$@"\n')
    command.chmod(0o755)
    script = [f'eval "$({command} completion bash)"']
    for words in COMPLETED:
        script += [
            f"COMPREPLY=(); COMP_WORDS=({words}); COMP_CWORD={len(words.split()) - 1}",
            f"_isnotai_exporter_completion {command}",
            'echo "${COMPREPLY[*]}"',
        ]

    completed = subprocess.run(
        ["bash", "-c", "\n".join(script)], capture_output=True, text=True, timeout=60, check=True
    )

    assert [line.split() for line in completed.stdout.splitlines()] == list(COMPLETED.values())
