"""Records what commands print, on the simulator with a fixed seed, as pictures for the documents.

Each command runs in a pseudo-terminal, as a user would see it, against a simulator that runs beside
it; `audit` and `check` beside a daemon. Rich draws what was printed as SVG. Times are those of the
recording, so pictures differ from one run to the next; `make recordings` renews them.
"""

import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tests.dashboards.trial.stage import fetch, samples, wait_until
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs/images"
WIDTH = 110
COMMAND_SECONDS = 120
READY_SECONDS = 60
EXPORTER = (sys.executable, "-m", "exporter")
SIMULATOR = ("--seed", "7", "--rate", "0.4", "--tier", "pro", "--port", "0", "--exit-with-parent")

RECORDINGS: Mapping[str, tuple[str, ...]] = {
    "check": ("check", "--stats.include=total_*,nope_*"),
    "sessions": ("sessions", "--bot-only", "--since=30m", "--limit=12"),
    "backfill": ("backfill", "--from=5h", "--output=past.om", "--allow-overlap"),
    "audit": ("audit", "--since=30m"),
}
"""By the picture's name, the command that it shows."""

# SGR stays, for rich reads it; the rest is what rich's progress sends.
_PIECE = re.compile(r"\r|\n|\x1b\[(?P<count>[0-9;?]*)(?P<final>[A-HJKSTfhlnsu])")


def recorded(
    arguments: tuple[str, ...], environ: Mapping[str, str], folder: Path
) -> tuple[int, str]:
    """The exit code of a command, and what it left on a terminal, colours included."""
    main, side = pty.openpty()
    size = {"COLUMNS": str(WIDTH), "LINES": "50", "TERM": "xterm-256color"}
    with subprocess.Popen(  # noqa: S603 - our own
        [*EXPORTER, *arguments],
        cwd=folder,
        env={**environ, **size},
        stdin=subprocess.DEVNULL,
        stdout=side,
        stderr=side,
    ) as running:
        os.close(side)
        written = b"".join(_read(main))
        code = running.wait(COMMAND_SECONDS)
    os.close(main)
    return code, settled(written.decode())


def _read(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # how Linux says that nobody writes any more
            return
        if not piece:
            return
        yield piece


def settled(written: str) -> str:
    """What is left on the screen: lines that progress drew and erased again are not.

    It knows as much of a terminal as rich's progress uses: carriage return, newline, cursor up and
    erase line.
    """
    lines, row, fresh = [""], 0, False
    start = 0
    for piece in [*_PIECE.finditer(written), None]:
        text = written[start : piece.start() if piece else len(written)]
        if text:
            lines[row] = text if fresh else lines[row] + text
            fresh = False
        if piece is None:
            break
        start = piece.end()
        if piece[0] == "\r":
            fresh = True
        elif piece[0] == "\n":
            row += 1
            fresh = False
            if row == len(lines):
                lines.append("")
        elif piece["final"] == "A":
            row = max(0, row - int(piece["count"] or 1))
        elif piece["final"] == "K":
            lines[row] = ""
    return "\n".join(lines).strip("\n")


def draw(name: str, arguments: tuple[str, ...], printed: str) -> str:
    """The SVG of one recording."""
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    console.print(Text(f"$ isnotai-exporter {' '.join(arguments)}", style="bold"))
    # The last line of a picture lacks its lower edge, so nothing stands there.
    console.print(Text.from_ansi(printed + "\n"))
    # Without the fonts that rich would load from elsewhere.
    form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(
        title="isnotai-exporter", unique_id=f"terminal-{name}", code_format=form
    )


@contextmanager
def stage(folder: Path) -> Iterator[Mapping[str, str]]:
    """A simulator and a daemon, and the variables by which a command meets both."""
    with subprocess.Popen(  # noqa: S603 - our own
        [*EXPORTER, "simulate", *SIMULATOR], stdout=subprocess.PIPE, text=True
    ) as simulator:
        assert simulator.stdout is not None  # noqa: S101 - a pipe was asked for
        told = json.loads(simulator.stdout.readline())
        environ = {
            "ISNOTAI_BASE_URL": told["url"],
            "ISNOTAI_API_KEY": told["key"],
            "ISNOTAI_INTEGRATION": "campus",
            "ISNOTAI_STATE_PATH": str(folder / "state.db"),
            "PYTHONPATH": str(ROOT),
        }
        port = free_port()
        serving = {
            **environ,
            "ISNOTAI_WEB_LISTEN_ADDRESS": f"127.0.0.1:{port}",
            "ISNOTAI_SESSIONS_LOOKBACK": "40m",
            "ISNOTAI_POLL_SESSIONS_INTERVAL": "2s",
            "ISNOTAI_LOG_LEVEL": "error",
        }
        with subprocess.Popen(EXPORTER, env=serving) as daemon:  # noqa: S603 - our own
            try:
                counted = partial(_has_counted, port)
                wait_until("the daemon to count its lookback", counted, READY_SECONDS)
                yield environ
            finally:
                daemon.terminate()
                simulator.terminate()


def _has_counted(port: int) -> bool:
    """Whether the daemon has counted its lookback. Raises OSError."""
    scrape = samples(fetch(f"http://127.0.0.1:{port}/metrics"))
    values = {name: value for (name, _), value in scrape.items()}
    return values.get("isnotai_session_frontier_timestamp_seconds", 0.0) > time.time() - 300


def main() -> None:
    """Record all, into docs/images."""
    with tempfile.TemporaryDirectory() as name, stage(Path(name)) as environ:
        for picture, arguments in RECORDINGS.items():
            code, printed = recorded(arguments, environ, Path(name))
            if code != 0:
                raise RuntimeError(f"{picture} ended with {code}:\n{printed}")
            path = IMAGES / f"terminal-{picture}.svg"
            path.write_text(draw(picture, arguments, printed), encoding="utf-8")
            sys.stderr.write(f"recorded {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
