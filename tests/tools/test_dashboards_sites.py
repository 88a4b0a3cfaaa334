"""Sites that share a label `integration`, on the dashboards: none hides another, none is mixed in.

Two clusters have two jobs each, one small and one large, and each job has the integration
`default`. Three hours of their series are made here, a real Prometheus answers the panels' queries,
and Grafana's own code makes the tables.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dashboards.generate.boards import dashboards
from tests.dashboards.trial import grafana, history, queries, stage
from tests.dashboards.trial.queries import Asked, Series

pytestmark = pytest.mark.tools

END = 1_790_000_000
MINUTES = 180
PANELS = {
    panel["title"]: (board["title"], panel)
    for board in dashboards().values()
    for panel in board["panels"]
}


@dataclass(frozen=True)
class Site:
    """A job of a cluster, in sessions a minute, and the share of bots among them."""

    cluster: str
    job: str
    rate: int
    bots: float
    used: int
    limit: int

    @property
    def key(self) -> tuple[str, str]:
        """What tells it apart here."""
        return self.cluster, self.job


SITES = (
    Site("east", "small", 1, 0.9, 950, 1000),
    Site("east", "big", 200, 0.01, 100_000, 1_000_000),
    Site("west", "small", 1, 0.6, 400, 2000),
    Site("west", "big", 200, 0.02, 300_000, 3_000_000),
)


def series(site: Site) -> Iterator[tuple[str, str, float, float]]:
    """Its series: name, labels, the value at first, what it gains a minute. No two sites' same."""
    month = site.used / site.limit
    yield "isnotai_sessions_total", "", 0, site.rate
    yield "isnotai_bot_sessions_total", "", 0, site.rate * site.bots
    yield "isnotai_analytics_sessions", ',window="24h"', site.rate * 1440, 0
    yield "isnotai_analytics_bot_ratio", ',window="24h"', site.bots, 0
    yield "isnotai_usage", ',metric="sessions",period="month"', site.used, 0
    yield "isnotai_quota_limit", ',metric="sessions"', site.limit, 0
    yield "isnotai_quota_used_ratio", ',metric="sessions"', month, 0
    yield "isnotai_usage_storage_bytes", "", site.used * 1000, 0
    yield "isnotai_session_coverage_ratio", "", 1 - site.bots / 100, 0
    if site.bots > 0.5:
        alert = ',alertname="NotAIBotShareSpike",severity="critical",alertstate="firing"'
        yield "ALERTS", alert, 1, 0


def lines() -> Iterator[str]:
    """An OpenMetrics file with all of it."""
    samples: dict[str, list[str]] = {}
    for site in SITES:
        own = f'cluster="{site.cluster}",job="{site.job}",integration="default"'
        for name, labels, first, gain in series(site):
            samples.setdefault(name, []).extend(
                f"{name}{{{own}{labels}}} {first + gain * at} {END + 60 * (at - MINUTES)}\n"
                for at in range(MINUTES + 1)
            )
    for name, made in samples.items():
        yield f"# TYPE {name} unknown\n"
        yield from made
    yield "# EOF\n"


@pytest.fixture(scope="module")
def url(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("sites") / "data"
    history.write_blocks(tool("promtool"), lines(), folder)
    with stage.prometheus(tool("prometheus"), folder, "") as address:
        yield address


def newest(url: str, title: str, *, at: int = 0) -> list[Series]:
    """The newest answer to a query of the panel with that title."""
    board, panel = PANELS[title]
    asked = Asked(board, panel, panel["targets"][at])
    return queries.instant(url, queries.filled_in(asked.target["expr"], "4m"), END)


def by_site(answer: list[Series]) -> dict[tuple[str, str], float]:
    """The newest values by cluster and job."""
    found = {
        (one.labels.get("cluster", ""), one.labels.get("job", "")): one.points[-1][1]
        for one in answer
    }
    assert len(found) == len(answer)
    return found


def rows(url: str, title: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows of a table as Grafana makes it, by cluster and job: heading to cell."""
    panel = PANELS[title][1]
    frames = grafana.frames(
        [(target["refId"], newest(url, title, at=at)) for at, target in enumerate(panel["targets"])]
    )
    request = {"transformations": panel["transformations"], "frames": frames}
    ((frame,),) = grafana.ask(tables=[request])["tables"]
    columns = {field["name"]: field["values"] for field in frame}
    made = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    found = {(row.get("Cluster", ""), row.get("Job", "")): row for row in made}
    assert len(found) == len(made), json.dumps(made)
    return found


def test_the_most_affected_is_the_small_site_under_attack(url: str) -> None:
    (only,) = newest(url, "Most affected, last hour")

    assert only.points[-1][1] == pytest.approx(0.9, abs=0.001)
    assert only.labels == {"cluster": "east", "job": "small", "integration": "default"}


@pytest.mark.parametrize(
    ("title", "value"),
    [
        ("Bots in ten minutes, by integration", lambda site: 10 * site.rate * site.bots),
        ("Bot share of the hour, by integration", lambda site: site.bots),
        ("Coverage by integration", lambda site: 1 - site.bots / 100),
        ("Storage", lambda site: site.used * 1000),
    ],
)
def test_each_site_has_a_line_of_its_own(
    url: str, title: str, value: Callable[[Site], float]
) -> None:
    found = by_site(newest(url, title))

    assert found == {site.key: pytest.approx(value(site), rel=0.01) for site in SITES}


@pytest.mark.parametrize(
    ("title", "cells"),
    [
        (
            "By integration",
            lambda site: {
                "Bots, 1 h": 60 * site.rate * site.bots,
                "Sessions, 1 h": 60 * site.rate,
                "Bot share, 1 h": site.bots,
            },
        ),
        (
            "Analytics by integration",
            lambda site: {"Sessions": site.rate * 1440, "Bot share": site.bots},
        ),
        (
            "Limits",
            lambda site: {
                "Month": site.used,
                "Limit": site.limit,
                "Used": site.used / site.limit,
            },
        ),
    ],
)
def test_each_site_has_a_row_of_its_own_and_nothing_of_another(
    url: str, title: str, cells: Callable[[Site], dict[str, float]]
) -> None:
    found = rows(url, title)

    assert set(found) == {site.key for site in SITES}
    for site in SITES:
        right = cells(site)
        shown = {heading: found[site.key][heading] for heading in right}
        assert shown == pytest.approx(right, rel=0.01), site.key


def test_the_same_alert_of_two_sites_is_two_alerts(url: str) -> None:
    (count,) = newest(url, "Alerts firing")

    assert count.points[-1][1] == 2
    assert set(rows(url, "Alerts")) == {("east", "small"), ("west", "small")}


def test_all_together_each_site_counts_once(url: str) -> None:
    (bots,) = newest(url, "Bots, last hour")
    (share,) = newest(url, "Bot share, all together")

    right = sum(60 * site.rate * site.bots for site in SITES)
    assert bots.points[-1][1] == pytest.approx(right, rel=0.01)
    assert share.points[-1][1] == pytest.approx(
        right / sum(60 * site.rate for site in SITES), rel=0.01
    )
