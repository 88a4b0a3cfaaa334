"""The terminal's streams closed, full, or not UTF-8, and Ctrl-C: never a traceback."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

PROGRAM = ("-m", "exporter")
FULL = Path("/dev/full")
SETTINGS = {"ISNOTAI_API_KEY": "aik_v1_" + "x" * 40, "ISNOTAI_WEB_LISTEN_ADDRESS": "127.0.0.1:0"}


def ended(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    prepare: Callable[[], None] | None = None,
    stdout: int | None = subprocess.PIPE,
    stderr: int | None = subprocess.PIPE,
    program: Sequence[str] = PROGRAM,
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, *program, *arguments],
        env=env or {},
        stdout=stdout,
        stderr=stderr,
        preexec_fn=prepare,
        timeout=60,
        check=False,
    )


HELP_OF_EACH = """
import sys
from exporter.cli import main
for command in ("", "backfill", "sessions", "simulate"):
    sys.argv[1:] = [*command.split(), "--help"]
    try:
        main()
    except SystemExit as ended:
        assert ended.code == 0
"""


@pytest.mark.parametrize(
    "encoding",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=["ascii", "latin-1"],
)
def test_help_is_shown_whatever_the_encoding(encoding: dict[str, str]) -> None:
    """The flags of the daemon are those of the other commands, too."""
    shown = ended(env=encoding, program=("-c", HELP_OF_EACH))

    assert shown.stderr == b""
    assert shown.returncode == 0
    for command in (b"", b" backfill", b" sessions", b" simulate"):
        assert b"Usage: isnotai-exporter" + command in shown.stdout
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


def closing(descriptors: tuple[int, ...]) -> Callable[[], None]:
    def close() -> None:
        for descriptor in descriptors:
            os.close(descriptor)

    return close


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_a_command_runs_with_any_stream_closed(closed: tuple[int, ...]) -> None:
    metrics = ended("metrics", prepare=closing(closed))

    assert metrics.returncode == 0
    assert (b"isnotai_up" in metrics.stdout) == (1 not in closed)


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_what_is_wrong_is_told_where_its_stream_is_open(closed: tuple[int, ...]) -> None:
    bad = ended("--region", "mars", env=SETTINGS, prepare=closing(closed))

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
            [sys.executable, *PROGRAM, "check"],
            env=settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
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
