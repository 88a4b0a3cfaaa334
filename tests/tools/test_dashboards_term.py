"""Each panel on a day of a simulated term, at the default intervals, by a real Prometheus.

What the exporter's own pipelines show of the simulated API in a day of virtual time, scraped once a
minute, is made into blocks, and so is what the rules make of it; each panel's query is then asked
over that day. None may be empty without a text that says why, and what the panels show is what
happened.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dashboards.generate.boards import dashboards
from dashboards.generate.variables import ALL
from tests.dashboards.trial import grafana, history, queries, ruled, stage, term
from tests.dashboards.trial.queries import Asked, Series

pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]

BOARDS = dashboards()
ASKED = [asked for board in BOARDS.values() for asked in queries.queries_of(board)]
EXTRAS_AT, PLAIN = "library", "campus"
"""The site that has on what is off by default, and the one that has not."""
STEP_SECONDS = 300
SETTLING_SECONDS = 3600
"""What looks back for an hour has little to show in the first."""

OFF_BY_DEFAULT = {
    "Highest use of a limit": "no limit set",
    "Forecast for the month's end": "no limit set",
    "First limit lasts for": "no limit set",
    "Limits": "no limit set",
    "Part of the limit": "no limit set",
    "Places, last hour": "no places are set",
    "Bots by place": "no places are set",
    "Events of bots": "details are switched off",
    "How long bots stay": "details are switched off",
    "The sample": "details are switched off",
    "Users": "users are switched off",
    "With bot sessions": "users are switched off",
    "Users over time": "users are switched off",
    "Users by risk": "users are switched off",
    "Highest bot score": "users are switched off",
    "Courses": "courses are switched off",
    "Numbers of the courses": "courses are switched off",
    "Findings by outcome": "findings are switched off",
    "Findings that wait": "findings are switched off",
}
"""What one site has on and the other has not; and what the panels say where it is off."""

EXPLAINED = {
    "OTLP exports": "OTLP is off",
    "Integrations polled": "no exporter keeps its state in PostgreSQL",
    "Lost commits": "no exporter keeps its state in PostgreSQL",
}
"""What is empty, since pipelines alone push nothing (test_dashboards.py sees that full), and share
their state with no other."""

SPARSE = {"Bots by place", "How long bots stay"}
"""What has no line in an hour without a bot, of which the small site has some."""

PERHAPS = {"Alerts firing": "none", "Alerts": "no alert is pending or firing"}
"""What is empty in good times."""


@dataclass(frozen=True)
class Shown:
    """A Prometheus that has the day."""

    url: str

    def answer(self, asked: Asked, integration: str = ALL) -> list[Series]:
        """What the panel gets over the day, with All chosen, or one integration."""
        expr = queries.filled_in(asked.target["expr"], "4m", "1d", integration)
        if asked.target["instant"]:
            return queries.instant(self.url, expr, term.END)
        begin = term.END - term.DAY_SECONDS
        return queries.ranged(self.url, expr, begin, term.END, STEP_SECONDS)

    def now(self, title: str, at: int = 0) -> dict[tuple[str, ...], float]:
        """The newest values of the panel with that title, by their labels' values."""
        mine = [asked for asked in ASKED if asked.panel["title"] == title]
        return {
            tuple(value for label, value in series.labels.items() if label != "__name__"): value
            for series in self.answer(mine[at])
            for _, value in series.points[-1:]
        }


@pytest.fixture(scope="module")
def shown(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    place = tmp_path_factory.mktemp("term")
    folder, config = place / "data", place / "config.yaml"
    config.write_text(term.EVERYTHING)
    day = term.Day(config=config, named=EXTRAS_AT)
    files = [list(lines) for lines in term.simulate(day)]
    for lines in files:
        history.write_blocks(tool("promtool"), lines, folder)
    made = ruled.lines(term.scraped(files), term.END - term.DAY_SECONDS, tool("rule-engine"))
    history.write_blocks(tool("promtool"), made, folder)
    with stage.prometheus(tool("prometheus"), folder, "") as url:
        yield Shown(url)


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.title)
def test_each_query_has_numbers_or_a_text_that_says_why_not(shown: Shown, asked: Asked) -> None:
    values = [value for series in shown.answer(asked) for _, value in series.points]

    if asked.panel["title"] in PERHAPS and not values:
        assert asked.panel["fieldConfig"]["defaults"]["noValue"] == PERHAPS[asked.panel["title"]]
    elif asked.panel["title"] in EXPLAINED:
        text = asked.panel["fieldConfig"]["defaults"]["noValue"]
        assert EXPLAINED[asked.panel["title"]] in text
        assert values == []
    else:
        assert any(math.isfinite(value) for value in values)


@pytest.mark.parametrize(
    "asked",
    [it for it in ASKED if it.panel["title"] in OFF_BY_DEFAULT],
    ids=lambda asked: asked.title,
)
def test_where_it_is_off_a_panel_is_empty_and_says_so(shown: Shown, asked: Asked) -> None:
    text = asked.panel["fieldConfig"]["defaults"]["noValue"]

    assert OFF_BY_DEFAULT[asked.panel["title"]] in text
    assert shown.answer(asked, PLAIN) == []


@pytest.mark.parametrize(
    "asked",
    [it for it in ASKED if it.panel["type"] == "timeseries" and it.panel["title"] not in SPARSE],
    ids=lambda asked: asked.title,
)
def test_a_line_over_time_has_no_holes_at_the_default_intervals(shown: Shown, asked: Asked) -> None:
    """An outage of the API and a pod that moves are on the day; neither hides an hour."""
    steps = {
        when
        for series in shown.answer(asked)
        for when, value in series.points
        if math.isfinite(value)
    }
    if not steps:
        assert asked.panel["title"] in EXPLAINED
        return
    first = max(min(steps), term.END - term.DAY_SECONDS + SETTLING_SECONDS)
    wanted = {
        when
        for when in range(round(first), round(term.END) + 1)
        if (term.END - when) % STEP_SECONDS == 0
    }
    missing = wanted - steps
    # While the API does not answer, its gauges go after five intervals, and coverage for longer.
    most = 0.06 if asked.panel["title"].startswith("Coverage") else 0.02
    assert len(missing) <= most * len(wanted), sorted(missing)[:5]


def test_the_integration_under_attack_stands_first_though_it_is_small(shown: Shown) -> None:
    ((labels, share),) = shown.now("Most affected, last hour").items()
    (all_together,) = shown.now("Bot share, all together").values()

    library = ("library", term.JOB, term.NAMESPACE)
    assert labels == library
    assert share > 0.5
    assert all_together < 0.4
    ten, hour = shown.now("By integration", 0), shown.now("By integration", 1)
    assert ten[library] < 10 < 100 < hour[library]


def test_the_wave_is_above_the_alerts_own_line_and_marked_as_an_alert(shown: Shown) -> None:
    begin, end = (term.END - before for before in term.Day().wave)
    (of_sites, of_alert) = (it for it in ASKED if it.panel["title"] == "Evidence against chance")
    ((_, line),) = shown.answer(of_alert)[0].points[-1:]
    courses = {one.labels["integration"]: one.points for one in shown.answer(of_sites)}

    highest = {
        name: max(value for when, value in points if begin < when < end + 600)
        for name, points in courses.items()
        if any(begin < when < end + 600 for when, _ in points)
    }
    assert highest["library"] > 5 * line
    assert highest.get("campus", 0.0) < line
    (board, *_) = BOARDS.values()
    alerts = next(it["expr"] for it in board["annotations"]["list"] if it["name"] == "Alerts")
    marked = queries.ranged(shown.url, queries.filled_in(alerts, "4m"), begin, end, 60)
    critical = [
        one
        for one in marked
        if one.labels["integration"] == "library" and one.labels["severity"] == "critical"
    ]
    assert critical
    assert min(one.points[0][0] for one in critical) - begin <= 1800


def test_a_server_that_is_behind_is_not_taken_for_counting_that_is(shown: Shown) -> None:
    skews = shown.now("Clock skew")
    assert min(skews.values()) == pytest.approx(-900, abs=2)

    for title in ("Data is behind by", "Behind by"):
        (behind,) = shown.now(title).values()
        assert 0 < behind < 600, title


def test_a_pod_that_moves_halves_no_hour(shown: Shown) -> None:
    (asked,) = (
        it
        for it in ASKED
        if it.panel["title"] == "Sessions an hour, against last week" and it.target["refId"] == "A"
    )
    course = dict(shown.answer(asked)[0].points)
    moved = term.END - term.Day().move
    after, before, later = (
        course[min(course, key=lambda when: abs(when - (moved + offset)))]
        for offset in (1500, -900, 5400)
    )

    assert after > 0.75 * min(before, later)


def test_the_tables_have_the_columns_that_are_meant_by_grafanas_own_code(shown: Shown) -> None:
    panels = [panel for board in BOARDS.values() for panel in board["panels"]]
    tables = [
        panel
        for panel in panels
        if panel["type"] == "table" and panel["title"] not in EXPLAINED | PERHAPS | OFF_BY_DEFAULT
    ]
    requests = [
        {
            "transformations": panel["transformations"],
            "frames": grafana.frames(
                [
                    (target["refId"], shown.answer(Asked("", panel, target)))
                    for target in panel["targets"]
                ]
            ),
        }
        for panel in tables
    ]

    for panel, made in zip(tables, grafana.ask(tables=requests)["tables"], strict=True):
        (frame,) = made
        headings: dict[str, Any] = panel["transformations"][-1]["options"]["renameByName"]
        # No site of that day has a cluster, and so no column.
        meant = [heading for label, heading in headings.items() if label != "cluster"]
        assert [field["name"] for field in frame] == meant, panel["title"]
        rows = {len(field["values"]) for field in frame}
        assert len(rows) == 1
        assert rows != {0}
        for field in frame:
            assert any(value is not None for value in field["values"]), json.dumps(field["name"])
