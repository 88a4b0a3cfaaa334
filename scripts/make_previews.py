"""Makes docs/images/dashboard-*.png: previews of the dashboards, from their queries' real results.

Needs the tools of `make tools`, Grafana's packages (`make grafana-code`) and Chromium. The numbers
are those of a day of a simulated term, which the exporter's own pipelines read at the default
intervals in virtual time; Prometheus answers the panels' queries over it. Chromium draws the page,
light and dark, which asks the network for nothing. The same code gives the same numbers.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.dashboards.trial import history, picture, ruled, stage, term

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools" / "bin"
PAGE = ROOT / "previews"
MODULES = PAGE / "node_modules"
UPLOT = MODULES / "uplot" / "dist"
ESBUILD = MODULES / ".bin" / "esbuild"
IMAGES = ROOT / "docs" / "images"
WIDTH = 1600
ROW_PIXELS = 36
HEAD_PIXELS = 92
THEMES = ("dark", "light")


def format_code() -> str:
    """What writes numbers: a part of @grafana/data, in one script."""
    command = [str(ESBUILD), "format.js", "--bundle", "--minify", "--format=iife"]
    command += ["--global-name=Grafana", '--define:process.env.NODE_ENV="production"']
    done = subprocess.run(  # noqa: S603 - from the lock
        command, cwd=PAGE, check=True, capture_output=True, text=True, timeout=120
    )
    return done.stdout


def page(content: dict[str, object], theme: str, formats: str) -> str:
    """The page that draws itself, with all it needs inside. formats: of `format_code`."""
    template = (PAGE / "page.html").read_text()
    parts = {
        "/*UPLOT_CSS*/": (UPLOT / "uPlot.min.css").read_text(),
        "/*STYLE*/": (PAGE / "style.css").read_text(),
        "/*FORMAT*/": formats.replace("</", "<\\/"),
        "/*UPLOT*/": (UPLOT / "uPlot.iife.min.js").read_text(),
        "/*CONTENT*/": "const CONTENT = " + json.dumps(content).replace("</", "<\\/") + ";",
        "/*DRAW*/": (PAGE / "draw.js").read_text(),
    }
    template = template.replace('<html lang="en">', f'<html lang="en" class="{theme}">')
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
        subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - our own
    if not target.is_file():
        raise RuntimeError(f"Chromium made no {target.name}")


def draw(url: str, folder: Path, into: Path, chromium: str, formats: str) -> None:
    """Each dashboard in each theme, from the answers of the Prometheus at `url`."""
    for path in sorted((ROOT / "dashboards" / "grafana").glob("*.json")):
        content = picture.page_of(json.loads(path.read_text()), url, term.END)
        rows = max(panel["place"]["y"] + panel["place"]["h"] for panel in content["panels"])
        for theme in THEMES:
            html = folder / f"{path.stem}-{theme}.html"
            html.write_text(page(content, theme, formats))
            name = f"dashboard-{path.stem.removeprefix('notai-')}-{theme}.png"
            photograph(chromium, html, into / name, rows * ROW_PIXELS + HEAD_PIXELS)
            print(f"made {name}", flush=True)  # noqa: T201 - the command's own voice


def main() -> int:
    """Make all previews; the exit code: 2 where something that is needed is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=IMAGES, help="the folder for the pictures")
    into: Path = parser.parse_args().into.resolve()
    into.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    needed = [TOOLS / name for name in ("prometheus", "promtool", "rule-engine")]
    needed += [UPLOT / "uPlot.iife.min.js", ESBUILD]
    missing = [str(path.relative_to(ROOT)) for path in needed if not path.exists()]
    if chromium is None or missing:
        what = ", ".join([*missing, *([] if chromium else ["chromium"])])
        sys.stderr.write(f"missing: {what}; see the top of this file\n")
        return 2
    formats = format_code()
    with tempfile.TemporaryDirectory() as folder:
        data, config = Path(folder) / "data", Path(folder) / "config.yml"
        config.write_text(term.EVERYTHING)
        files = [list(lines) for lines in term.simulate(term.Day(config=config))]
        since = term.END - term.DAY_SECONDS
        made = ruled.lines(term.scraped(files), since, TOOLS / "rule-engine")
        for lines in (*files, made):
            history.write_blocks(TOOLS / "promtool", lines, data)
        with stage.prometheus(TOOLS / "prometheus", data, "") as url:
            draw(url, Path(folder), into, chromium, formats)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
