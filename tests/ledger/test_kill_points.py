"""Killed at any line of a poll or any step of SQLite, it loses nothing and counts nothing twice.

The polls read what an outage left: new, changed, settled, late and lost sessions, one that does not
decode, flags beyond the bound, ids to forget, a refused cursor; and in `gap` a part that fell out
of the history. All of it is in slices, and each slice in several commits. `first` is a first start.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.examples import ALL

ROOT = Path(__file__).parents[2]

RIGHT = {
    # 24 of the backlog, 4 bots, 3 odd ones, 4 fresh, 2 old, and the open, missed and late one.
    "backlog": {
        "sessions:": 40,
        "bots:": 13,
        "late:": 1,
        "flag:headless": 26,
        "flag:no-mouse": 7,
        "flag:webdriver": 5,
        "flag:other": 3,
        "score_sum:": 23.3,
        "remembered as invalid:": 1,
        "unsettled:": 0,
    },
    # 15 old and 3 open ones.
    "first": {
        "sessions:": 18,
        "bots:": 15,
        "flag:headless": 3,
        "score_sum:": 12.9,
        "remembered as invalid:": 1,
        "unsettled:": 0,
    },
    # The late one, and what became of the open one, lie in the part that can no longer be read.
    "gap": {
        "sessions:": 39,
        "bots:": 11,
        "flag:headless": 26,
        "flag:no-mouse": 7,
        "flag:fourth": 3,
        "flag:other": 4,
        "gap:": 43_254.55,
        "score_sum:": 21.75,
        "remembered as invalid:": 1,
        "unsettled:": 0,
    },
}

every = pytest.mark.parametrize(
    ("stage", "kind"), [(stage, kind) for stage in RIGHT for kind in ("line", "step")]
)
each = pytest.mark.parametrize(
    ("stage", "kind"), [("backlog", "line"), ("first", "step"), ("gap", "step")]
)
"""Each stage and each kind."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where the system has that: what kill -9 leaves does not depend on any disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own within it
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as name:
        yield Path(name)


def killed(
    folder: Path, stage: str, kind: str, stride: int, processes: int
) -> list[dict[str, Any]]:
    """The reports of processes that together kill at each `stride`-th point, and round commits."""
    running = []
    for first in range(processes):
        place = folder / str(first)
        place.mkdir()
        numbers = (str(first * stride), str(stride * processes))
        command = [sys.executable, "-m", "tests.ledger.killing", str(place), stage, kind, *numbers]
        running.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
    try:
        told = [process.communicate(timeout=3500)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0] * processes
    return [json.loads(text.splitlines()[-1]) for text in told]


def check(report: dict[str, Any], stage: str) -> None:
    assert report["faults"] == []
    assert {name: report["ended"].get(name) for name in RIGHT[stage]} == pytest.approx(RIGHT[stage])
    scored = sum(count for name, count in report["ended"].items() if name.startswith("score:"))
    assert scored == RIGHT[stage]["sessions:"]


def unseen(stage: str, kind: str) -> int:
    """States between which SQLite takes no step: the first it makes, and the last of `gap`."""
    return int((stage, kind) in {("first", "step"), ("gap", "step")})


@(every if ALL else each)
def test_killed_here_and_there_in_a_poll_it_loses_and_doubles_nothing(
    folder: Path, stage: str, kind: str
) -> None:
    (report,) = killed(folder, stage, kind, stride=701, processes=1)

    check(report, stage)
    assert report["kills"] >= 30
    assert report["commits"] >= 7
    assert report["found"] == report["commits"] - unseen(stage, kind)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@every
def test_killed_at_every_point_of_a_poll_it_loses_and_doubles_nothing(
    folder: Path, stage: str, kind: str
) -> None:
    reports = killed(folder, stage, kind, stride=1, processes=2)

    for report in reports:
        check(report, stage)
        assert report["found"] == report["commits"] - unseen(stage, kind)
    kills = sum(report["kills"] for report in reports)
    assert kills >= reports[0]["points"]
    print(f"{stage}: killed at {kills} of {kind}s, {reports[0]['seconds']} s")  # noqa: T201 - shown with -s
