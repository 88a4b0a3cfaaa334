"""Makes docs/images/dashboard-*.png: previews of the dashboards, from their queries' real results.

Needs the tools of `make tools`, uPlot (`npm ci` in previews/) and Chromium. A daemon reads the
simulator for a short while; a day of the past is invented after its pace and the simulator's day
curve, made into blocks by promtool and queried through Prometheus. Chromium draws the page, which
asks the network for nothing.
"""

import argparse
import http.server
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a script, from anywhere

from tests.dashboards.trial import history, picture, stage  # noqa: E402 - after the path is set

TOOLS = ROOT / ".tools" / "bin"
PAGE = ROOT / "previews"
UPLOT = PAGE / "node_modules" / "uplot" / "dist"
IMAGES = ROOT / "docs" / "images"
PACE_SECONDS = 25.0
WEEK_SECONDS = 7 * 86_400
WIDTH = 1600
ROW_PIXELS = 36
HEAD_PIXELS = 92

SIMULATOR = (
    *("--tier", "enterprise", "--rate", "10", "--port", "0", "--exit-with-parent", "--flat"),
    *("--late-share", "0.04", "--late-max", "12s", "--bot-share", "0.12"),
    *("--lifetime-min", "2s", "--lifetime-max", "6s", "--history", "6h"),
)
SETTINGS = {
    **stage.SETTINGS,
    "ISNOTAI_INTEGRATION": "campus",
    "ISNOTAI_SESSIONS_MAX_FLAGS": "100",
    "ISNOTAI_BUDGET_SHARE": "0.25",
    "ISNOTAI_QUOTA_LIMITS": "api_calls=1000,sessions=400000,events=40000000",
}
FAULTS = {"status_5xx": 0.12, "status_429": 0.02, "garbage": 0.03, "retry_after_seconds": 0.1}


class _Collector(http.server.BaseHTTPRequestHandler):
    """An OTLP receiver that takes everything and keeps nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def collector() -> Iterator[str]:
    """The receiver's URL, for as long as the block lasts."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def seen_pace() -> history.Pace:
    """What a real daemon exposes, and how fast it counts."""
    with (
        collector() as otlp,
        stage.exporter(stage.free_port(), otlp, SETTINGS, SIMULATOR) as running,
    ):
        running.set_faults(FAULTS)
        first, began = running.scrape(), time.time()
        stage.wait_until("a pace", lambda: time.time() - began >= PACE_SECONDS)
        second, ended = running.scrape(), time.time()
    return history.Pace(first, second, ended - began, ended)


def invented_day(pace: history.Pace, at: float) -> Iterator[str]:
    """A day before `at` of all series, and the same hours a week before of what is compared."""
    day = history.Span(at - 27 * 3600, at, 120)
    week = history.Span(at - WEEK_SECONDS - 27 * 3600, at - WEEK_SECONDS, 120)
    compared = ("isnotai_sessions_total", "isnotai_bot_sessions_total")
    return history.openmetrics(pace, "exporter:10984", [day], {name: [week] for name in compared})


def page(content: dict[str, object]) -> str:
    """The page that draws itself, with all it needs inside."""
    template = (PAGE / "page.html").read_text()
    parts = {
        "/*UPLOT_CSS*/": (UPLOT / "uPlot.min.css").read_text(),
        "/*STYLE*/": (PAGE / "style.css").read_text(),
        "/*UPLOT*/": (UPLOT / "uPlot.iife.min.js").read_text(),
        "/*CONTENT*/": "const CONTENT = " + json.dumps(content).replace("</", "<\\/") + ";",
        "/*DRAW*/": (PAGE / "draw.js").read_text(),
    }
    for mark, text in parts.items():
        template = template.replace(mark, text)
    return template


def photograph(chromium: str, html: Path, target: Path, height: int) -> None:
    """Let Chromium draw the page into a PNG. Raises CalledProcessError, RuntimeError."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            chromium,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            f"--user-data-dir={profile}",
            f"--window-size={WIDTH},{height}",
            "--force-device-scale-factor=1",
            "--hide-scrollbars",
            "--virtual-time-budget=3000",
            f"--screenshot={target}",
            html.as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603
    if not target.is_file():
        raise RuntimeError(f"Chromium made no {target.name}")


def main() -> int:
    """Make all previews; the exit code: 2 where something that is needed is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=IMAGES, help="the folder for the pictures")
    into: Path = parser.parse_args().into.resolve()
    chromium = shutil.which("chromium")
    needed = [TOOLS / "prometheus", TOOLS / "promtool", UPLOT / "uPlot.iife.min.js"]
    missing = [str(path.relative_to(ROOT)) for path in needed if not path.exists()]
    if chromium is None or missing:
        what = ", ".join([*missing, *([] if chromium else ["chromium"])])
        print(f"missing: {what}; see the top of this file", file=sys.stderr)  # noqa: T201
        return 2
    pace = seen_pace()
    at = float(int(time.time()))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        history.write_blocks(TOOLS / "promtool", invented_day(pace, at), data)
        with stage.prometheus(TOOLS / "prometheus", data, "") as url:
            for path in sorted((ROOT / "dashboards" / "grafana").glob("*.json")):
                content = picture.page_of(json.loads(path.read_text()), url, at)
                html = Path(folder) / f"{path.stem}.html"
                html.write_text(page(content))
                places = [panel["place"] for panel in content["panels"]]
                rows = max(place["y"] + place["h"] for place in places)
                target = into / f"dashboard-{path.stem.removeprefix('notai-')}.png"
                photograph(chromium, html, target, rows * ROW_PIXELS + HEAD_PIXELS)
                print(f"made {target.name}")  # noqa: T201 - the command's own voice
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
