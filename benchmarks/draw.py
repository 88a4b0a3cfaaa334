"""Makes the tables and the plot of docs/performance.md from what the benchmarks wrote.

    python -m benchmarks.draw

peers.json, fleet.json and ingest.json lie beside this file; what one of them lacks is left out.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import throughput
from benchmarks.fleet import HEADER, Figures
from scripts.write_docs import made

HERE = Path(__file__).parent
DOCUMENT = HERE.parent / "docs" / "performance.md"
PICTURE = HERE.parent / "docs" / "images" / "performance.svg"

COLOURS = {
    "isnotai-exporter": "#1f77b4",
    "prometheus-client, live": "#d62728",
    "elasticsearch_exporter": "#2ca02c",
    "prometheus-pve-exporter": "#9467bd",
}
LEFT, TOP, WIDTH, HEIGHT = 80, 40, 560, 360


def rows_of(name: str) -> list[dict[str, Any]]:
    path = HERE / name
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    return rows


def peers_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Scrapes, each beside the live rendering of as many series in the same run."""
    lines = [
        (
            "| | series | form | upstream | scrapers | median (ms) | 99 % (ms) | processor (ms) | "
            "upstream requests | failed | live / this, median | processor |"
        ),
        "|---|---:|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        live = beside(row, rows)
        ratios = "|"
        if live:
            median, processor = (live[name] / row[name] for name in ("median", "processor"))
            ratios = f"{median:,.0f} × | {processor:,.0f} ×"
        lines.append(
            f"| {row['who']} | {row['series']:,} | {row['form']} | {row['upstream']} | "
            f"{row['scrapers']} | "
            f"{row['median']:,.2f} | {row['at_99']:,.2f} | {row['processor']:,.2f} | "
            f"{row['calls']:.1f} | {row['failed']} | {ratios} |"
        )
    return "\n".join(lines) + "\n"


def beside(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The live rendering nearest in size to one of ours; None for others."""
    if row["who"] != "isnotai-exporter" or row["upstream"] != "50 ms":
        return None
    live = [
        other
        for other in rows
        if other["who"] == "prometheus-client, live"
        and (other["scrapers"], other["form"]) == (row["scrapers"], row["form"])
    ]
    return min(live, key=lambda it: abs(math.log(it["series"] / row["series"])), default=None)


def fleet_table(rows: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join([HEADER, *(Figures(**row).row() for row in rows)]) + "\n"


def plot(rows: Sequence[Mapping[str, Any]]) -> str:
    """Median scrape by series, both axes logarithmic; as Prometheus asks, upstream at 50 ms."""
    usual = (1, "50 ms", "gzip")
    shown = [row for row in rows if (row["scrapers"], row["upstream"], row["form"]) == usual]
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 {TOP + HEIGHT + 70}" '
            'font-family="sans-serif" font-size="13">'
        ),
        f'<rect width="880" height="{TOP + HEIGHT + 70}" fill="#fff"/>',
        f'<text x="{LEFT}" y="24" font-size="16">A scrape at the median, one scraper</text>',
        *_axes(),
    ]
    for place, (who, colour) in enumerate(COLOURS.items()):
        points = sorted((row["series"], row["median"]) for row in shown if row["who"] == who)
        at = [(_x(series), _y(median)) for series, median in points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in at]
        y = TOP + 20 + 24 * place
        parts.append(f'<rect x="{LEFT + WIDTH + 20}" y="{y - 10}" width="12" height="12" '
                     f'fill="{colour}"/>')  # fmt: skip
        parts.append(f'<text x="{LEFT + WIDTH + 40}" y="{y}">{who}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(series: float) -> float:
    """From 1 to a million series."""
    return LEFT + WIDTH * math.log10(max(series, 1)) / 6


def _y(milliseconds: float) -> float:
    """From 0.1 ms to 10 s."""
    return TOP + HEIGHT - HEIGHT * (math.log10(max(milliseconds, 0.1)) + 1) / 5


def _axes() -> Iterator[str]:
    right, bottom = LEFT + WIDTH, TOP + HEIGHT
    for power in range(7):
        x = _x(10**power)
        yield f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}" stroke="#ddd"/>'
        yield f'<text x="{x}" y="{bottom + 20}" text-anchor="middle">{10**power:,}</text>'
    for power, label in enumerate(("0.1 ms", "1 ms", "10 ms", "100 ms", "1 s", "10 s")):
        y = _y(10 ** (power - 1))
        yield f'<line x1="{LEFT}" y1="{y}" x2="{right}" y2="{y}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{label}</text>'
    middle = LEFT + WIDTH / 2
    yield f'<text x="{middle}" y="{bottom + 44}" text-anchor="middle">series of a scrape</text>'


def main() -> None:
    peers, fleet = rows_of("peers.json"), rows_of("fleet.json")
    tables: dict[str, Callable[[], str]] = {}
    if peers:
        tables["peers"] = lambda: peers_table(peers)
        PICTURE.write_text(plot(peers))
    if fleet:
        tables["fleet"] = lambda: fleet_table(fleet)
    if (ingest := HERE / "ingest.json").exists():
        figures = throughput.Figures(**json.loads(ingest.read_text()))
        tables["ingest"] = figures.table
    text = made(DOCUMENT.read_text("utf-8"), tables)
    DOCUMENT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
