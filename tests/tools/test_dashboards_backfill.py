"""Backfilled history on the dashboards: simulator, backfill, promtool, Prometheus, the panels."""

import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from dashboards.generate.boards import dashboards
from tests.dashboards.trial import queries, stage

pytestmark = pytest.mark.tools

SIMULATOR = ("--rate", "0.2", "--bot-share", "0.3", "--history", "5h", "--port", "0", "--flat")
COUNTERS = (
    r"isnotai_(?:bot_)?sessions_total|isnotai_(?:bot_)?session_flags_total"
    r"|isnotai_session_bot_score_\w+"
)
RULES = Path(__file__).resolve().parents[2] / "alerts" / "prometheus" / "recording.yaml"
BOARDS = dashboards()
ASKED = [
    asked
    for board in BOARDS.values()
    for asked in queries.queries_of(board)
    if set(re.findall(r"\bisnotai_\w+", asked.target["expr"]))
    and all(re.fullmatch(COUNTERS, it) for it in re.findall(r"\bisnotai_\w+", asked.target["expr"]))
]
"""What is made of the counters that `backfill` writes, and of nothing else."""


@dataclass(frozen=True)
class Past:
    """A Prometheus that has nothing but what was backfilled; text: the file, end: its end."""

    url: str
    text: str
    end: float


def backfilled(tool: Callable[[str], Path], folder: Path, *options: str) -> tuple[Path, str]:
    """Blocks of a simulated past, and the file that they were made of."""
    file, data = folder / "past.om", folder / "data"
    exporter = [sys.executable, "-m", "exporter"]
    with stage.running([*exporter, "simulate", "--exit-with-parent", *SIMULATOR]) as simulator:
        assert simulator.stdout is not None
        told = json.loads(simulator.stdout.readline())
        environ = {
            **os.environ,
            "ISNOTAI_BASE_URL": told["url"],
            "ISNOTAI_API_KEY": told["key"],
            "ISNOTAI_BUDGET_SHARE": "1",
        }
        subprocess.run(
            [*exporter, "backfill", "--from", "4h", "--output", str(file), *options],
            env=environ,
            check=True,
            timeout=240,
        )
    subprocess.run(
        [str(tool("promtool")), "tsdb", "create-blocks-from", "openmetrics", str(file), str(data)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return data, file.read_text()


def end_of(text: str) -> float:
    """The last time in a file, Unix seconds."""
    return max(float(line.split()[-1]) for line in text.splitlines() if line[0] != "#")


@pytest.fixture(scope="module")
def past(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    data, text = backfilled(tool, tmp_path_factory.mktemp("backfill"))
    end = end_of(text)
    with stage.prometheus(tool("prometheus"), data, "") as url:
        yield Past(url, text, end)


def test_the_series_have_neither_job_nor_instance(past: Past) -> None:
    assert "isnotai_sessions_total{" in past.text
    assert not re.search(r'\b(job|instance)="', past.text)
    assert time.time() - past.end < 3600


def test_each_board_has_panels_that_live_by_these_counters() -> None:
    assert len(ASKED) >= 25


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.title)
def test_each_panel_shows_the_past(past: Past, asked: queries.Asked) -> None:
    expr = queries.filled_in(asked.target["expr"], "4m", "3h")
    if "offset 1w" in expr:
        # There is no last week; it must be a query all the same.
        assert queries.instant(past.url, expr, past.end) == []
        return

    if asked.target["instant"]:
        answer = queries.instant(past.url, expr, past.end)
    else:
        answer = queries.ranged(past.url, expr, past.end - 3 * 3600, past.end, 300)

    assert any(math.isfinite(value) for series in answer for _, value in series.points)


def test_the_bots_of_the_range_are_those_of_the_file(past: Past) -> None:
    (asked,) = (it for it in ASKED if it.panel["title"] == "Bots, selected range")
    counted = [
        (float(when), float(value))
        for value, when in re.findall(
            r"^isnotai_bot_sessions_total\{[^}]*\} (\S+) (\S+)$", past.text, re.MULTILINE
        )
    ]
    begin = past.end - 3 * 3600
    right = counted[-1][1] - next(value for when, value in counted if when >= begin)

    ((_, shown),) = queries.instant(
        past.url, queries.filled_in(asked.target["expr"], "4m", "3h"), past.end
    )[0].points[-1:]

    assert right > 300
    assert shown == pytest.approx(right, rel=0.05)


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board["title"])
def test_the_integration_can_be_chosen_and_its_job_is_all(
    past: Past, board: dict[str, object]
) -> None:
    text = json.dumps(board)
    chosen = {}
    for selector, label in re.findall(r'"definition": "label_values\((.+?), (\w+)\)"', text):
        plain = queries.filled_in(selector.replace('\\"', '"'), "4m")
        asked = urlencode({"match[]": plain})
        chosen[label] = json.loads(stage.fetch(f"{past.url}/api/v1/label/{label}/values?{asked}"))

    assert chosen["integration"]["data"] == ["default"]
    assert chosen["job"]["data"] == chosen["instance"]["data"] == []


def test_with_the_targets_labels_it_is_the_same_site_and_the_rules_have_a_past(
    tool: Callable[[str], Path], tmp_path: Path
) -> None:
    labels = ("--label", "job=isnotai", "--label", "instance=localhost:10984")
    data, text = backfilled(tool, tmp_path, *labels)
    end = end_of(text)
    with stage.prometheus(tool("prometheus"), data, "") as url:
        (counted,) = queries.instant(url, "isnotai_sessions_total", end)
        subprocess.run(
            [
                *(str(tool("promtool")), "tsdb", "create-blocks-from", "rules", "--url", url),
                *("--start", f"{end - 2 * 3600:.0f}", "--end", f"{end:.0f}"),
                *("--output-dir", str(data), str(RULES)),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
    # New blocks are there at a start; a Prometheus that runs finds them within minutes.
    with stage.prometheus(tool("prometheus"), data, "") as url:
        recorded = queries.instant(url, '{__name__=~"job_integration:isnotai_.+"}', end)

    assert counted.labels["job"] == "isnotai"
    assert counted.labels["instance"] == "localhost:10984"
    assert {one.labels["job"] for one in recorded} == {"isnotai"}
    assert any(math.isfinite(one.points[-1][1]) for one in recorded)
