"""The terminal's streams closed, full, or not UTF-8, and Ctrl-C: never a traceback."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "exporter")
FULL = Path("/dev/full")
SETTINGS = {"ISNOTAI_API_KEY": "aik_v1_" + "x" * 40, "ISNOTAI_WEB_LISTEN_ADDRESS": "127.0.0.1:0"}


def ended(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    prepare: Callable[[], None] | None = None,
    stdout: int | None = subprocess.PIPE,
    stderr: int | None = subprocess.PIPE,
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=env or {},
        stdout=stdout,
        stderr=stderr,
        preexec_fn=prepare,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "encoding",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=["ascii", "latin-1"],
)
@pytest.mark.parametrize("command", ["", "backfill", "sessions", "simulate"])
def test_help_is_shown_whatever_the_encoding(command: str, encoding: dict[str, str]) -> None:
    """The flags of the daemon are those of the other commands, too."""
    shown = ended(*([command] if command else []), "--help", env=encoding)

    assert shown.stderr == b""
    assert shown.returncode == 0
    assert b"Usage: isnotai-exporter" in shown.stdout
    assert b"\\" not in shown.stdout.replace(b"\\S", b"")


@pytest.mark.parametrize("arguments", [("metrics",), ("--version",), ("--help",)])
def test_a_full_disk_behind_stdout_is_one_line(arguments: tuple[str, ...]) -> None:
    with FULL.open("wb") as full:
        shown = ended(*arguments, stdout=full.fileno())

    assert shown.returncode == 1
    assert shown.stderr == (b"isnotai-exporter: cannot write the output: No space left on device\n")


def test_full_disks_behind_both_streams_still_give_the_exit_code() -> None:
    with FULL.open("wb") as full:
        assert ended("metrics", stdout=full.fileno(), stderr=full.fileno()).returncode == 1
        assert ended("--region", "mars", env=SETTINGS, stderr=full.fileno()).returncode == 2


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_a_command_runs_with_any_stream_closed(closed: tuple[int, ...]) -> None:
    def close() -> None:
        for descriptor in closed:
            os.close(descriptor)

    metrics = ended("metrics", prepare=close)
    bad = ended("--region", "mars", env=SETTINGS, prepare=close)

    assert metrics.returncode == 0
    assert (b"isnotai_up" in metrics.stdout) == (1 not in closed)
    assert bad.returncode == 2
    assert bad.stdout == b""
    assert (b"ISNOTAI" in bad.stderr or b"--region" in bad.stderr) == (2 not in closed)


@pytest.mark.parametrize("null", ["/dev/null", "/nowhere"])
def test_what_is_opened_later_never_gets_the_number_of_a_closed_stream(null: str) -> None:
    """Also in a file system that lacks the null device."""
    program = (
        f"import os, socket, sys; os.devnull = {null!r};"
        "from exporter.terminal import prepare_streams; prepare_streams();"
        "number = socket.socket().fileno(); assert sys.stdin.read() == '';"
        "raise SystemExit(number <= 2)"
    )

    def close() -> None:
        os.closerange(0, 3)

    shown = subprocess.run(
        [sys.executable, "-c", program], preexec_fn=close, timeout=30, check=False
    )
    assert shown.returncode == 0


def test_ctrl_c_in_a_command_is_one_line_and_130() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        settings = {**SETTINGS, "ISNOTAI_BASE_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        with subprocess.Popen(
            [*COMMAND, "check"], env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as checking:
            try:
                connection, _ = silent.accept()
                with connection:
                    assert connection.recv(1)
                    # It waits for an answer now.
                    checking.send_signal(signal.SIGINT)
                    _, written = checking.communicate(timeout=20)
            finally:
                checking.kill()

    assert checking.returncode == 130
    assert written.decode() == "isnotai-exporter: interrupted\n"
