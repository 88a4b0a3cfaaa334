"""Polls that are killed at one point after another, and what the next process makes of the rest.

Run as a process of its own (`python -m tests.ledger.killing`), which forks once for each point,
while it has no thread. A point is a line of the exporter's code, or a step of SQLite's virtual
machine; there the forked process sends itself SIGKILL. What is counted in the end is compared with
the same history without a kill. Nothing here asserts: it prints a report.
"""

import json
import os
import shutil
import signal
import sqlite3
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import blake2b
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any, Literal, cast

import exporter
from exporter.api import walk
from exporter.collect.sessions import collector
from exporter.collect.sessions import walk as session_walk
from exporter.ledger import engines, schema
from exporter.ledger.engine import Connection
from exporter.ledger.sqlite import SqliteEngine
from tests.clocks import FakeClock
from tests.ledger.bench import Bench, MortalStore
from tests.ledger.stages import RULES, STAGES, StartingPoint

Kind = Literal["line", "step"]

TABLES = (
    "meta",
    "integration",
    "counter",
    "session",
    "minute",
    "invalid",
    "place_value",
    "place_user",
    "detail",
    "finding",
)
TRACED = {
    *map(str, (Path(exporter.__file__).parent / "ledger").glob("*.py")),
    *map(str, Path(collector.__file__).parent.glob("*.py")),
    walk.__file__,
}
RESTARTS_AFTER = 45.0
"""Seconds from the start of the doomed process to that of the next."""

REQUESTS_TAKE = 2.0
"""Seconds by which more or fewer requests before it may move what left the history."""

SETTLING_POLLS = 8
ENDLESS = 1 << 60
ABSENT = "no state"

ROUND_A_COMMIT = range(-1, 2)
"""Points before and after a COMMIT begins, in which what is published may run ahead of it."""

BATCH_ITEMS = 12
"""So few are committed at once, that kills fall between the commits of one slice, too."""


def put(owner: object, name: str, value: object) -> None:
    """Replace what has that name, in this process. Raises AttributeError where nothing has."""
    getattr(owner, name)
    setattr(owner, name, value)


def image(connection: Connection) -> str:
    """A digest of every row."""
    digest = blake2b(digest_size=12)
    for table in TABLES:
        rows = connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")  # noqa: S608 - a constant
        digest.update(repr(rows.fetchall()).encode())
    return digest.hexdigest()


def image_at(path: Path, place: Path) -> str:
    """The image of a state file as it lies there, which is left as it is."""
    if not path.exists():
        return ABSENT
    place.mkdir(exist_ok=True)
    seen = Path(shutil.copy(path, place))
    log = path.with_name(f"{path.name}-wal")
    if log.exists():
        shutil.copy(log, place)
    connection = sqlite3.connect(seen)
    try:
        return image(connection)
    finally:
        connection.close()
        shutil.rmtree(place)


def invalid_rows(connection: Connection) -> int:
    (rows,) = connection.execute("SELECT count(*) FROM invalid").fetchone()
    return int(rows)


def published(bench: Bench) -> dict[str, float]:
    """What a scrape would show of the ledger now: every count, and the frontier."""
    state = bench.ledger.state if hasattr(bench, "ledger") else None
    if state is None:
        return {}
    counts = {f"{name}:{label}": value for (name, label), value in state.counts.items()}
    return {**counts, "frontier:": state.frontier or 0, "horizon:": state.horizon or 0}


def invalid_items(bench: Bench) -> float:
    """What this process has published of items that do not decode; the next starts anew."""
    return bench.telemetry.invalid_items.value("sessions") if hasattr(bench, "telemetry") else 0.0


class Predictable:
    """The module `os`, of which two processes get the same random bytes."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def urandom(self, size: int) -> bytes:
        return bytes(size)


class Doomed(Bench):
    """A process that tells what it has published, and dies at a point.

    point: how many lines or steps come before. tell: takes the last words.
    """

    def __init__(self, kind: Kind, point: int, tell: int, *args: Any, **more: Any) -> None:
        self.left = point
        self.at_commit: list[int] = []
        self._tell = tell
        self._dying = threading.Lock()
        doomed = self

        class Watched(SqliteEngine):
            def open_file(self, path: Path) -> sqlite3.Connection:
                connection = super().open_file(path)
                changes = connection.total_changes

                def executed(statement: str) -> None:
                    nonlocal changes
                    if statement == "COMMIT" and connection.total_changes > changes:
                        changes = connection.total_changes
                        doomed.at_commit.append(doomed.left)

                connection.set_trace_callback(executed)
                if kind == "step":
                    connection.set_progress_handler(doomed._pass, 1)
                return connection

        put(engines, "SqliteEngine", Watched)
        if kind == "line":
            threading.settrace(self._trace)
            sys.settrace(self._trace)
        super().__init__(*args, **more)

    def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line":
            self._pass()
        return self._trace

    def _pass(self) -> int:
        if self.left == 0:
            self._dying.acquire()  # one thread alone has the last word
            words = {"published": published(self), "invalid": invalid_items(self)}
            os.write(self._tell, json.dumps(words).encode())
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
        return 0


def doomed_polls(
    stage: StartingPoint, path: Path, kind: Kind, point: int, tell: int
) -> tuple[int, list[int]]:
    """Two polls, the first of which finds all that the outage left.

    Gives how many points they passed, and how many before each commit.
    """
    put(session_walk, "BATCH_ITEMS", BATCH_ITEMS)
    put(schema, "os", Predictable())  # the salt
    clock = FakeClock(stage.clock)
    bench = Doomed(kind, point, tell, path, clock=clock, lookback=stage.lookback, **RULES)
    bench.listing.sessions = stage.sessions
    bench.listing.refuse = lambda number: number == stage.refused
    bench.poll()
    bench.clock.advance(10)
    bench.poll()
    bench.close()
    sys.settrace(None)
    threading.settrace(None)
    return point - bench.left, [point - left for left in bench.at_commit]


def forked(work: Callable[[int], object]) -> tuple[int, bytes]:
    """Do it in a process of its own, which tells through a pipe; its exit code and what it told."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(writing)
            code = 0
        finally:
            if code:
                traceback.print_exc()
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told


def copied(stage: StartingPoint, place: Path) -> Path:
    """The stage's state where the next process is to find it, and nothing else beside it."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    path = place / "state.db"
    if stage.path.exists():
        shutil.copy(stage.path, path)
    return path


def unharmed(stage: StartingPoint, place: Path, kind: Kind) -> tuple[list[str], int, list[int]]:
    """The polls without a kill: the images that they go through, and as `doomed_polls`."""
    images = [image_at(stage.path, place.with_name("seen"))]

    def note(connection: sqlite3.Connection) -> None:
        seen = image(connection)
        if seen not in images:
            images.append(seen)

    def record(tell: int) -> None:
        whole, opened = MortalStore._transact, SqliteEngine.open_file

        def recorded(store: MortalStore, work: Any, then: Any) -> Any:
            result = whole(store, work, then)
            assert isinstance(store.engine, SqliteEngine)
            note(store.engine.connection())
            return result

        def noted(engine: SqliteEngine, path: Path) -> sqlite3.Connection:
            connection = opened(engine, path)
            note(connection)
            return connection

        put(SqliteEngine, "open_file", noted)
        put(MortalStore, "_transact", recorded)
        doomed_polls(stage, copied(stage, place), "line", ENDLESS, tell)
        os.write(tell, json.dumps(images).encode())

    def count(tell: int) -> None:
        passed = doomed_polls(stage, copied(stage, place), kind, ENDLESS, tell)
        os.write(tell, json.dumps(passed).encode())

    (code, told), (counted, points) = forked(record), forked(count)
    if code or counted:
        raise RuntimeError("the polls fail without a kill")
    return json.loads(told), *json.loads(points)


@dataclass(frozen=True)
class Rest:
    """What the next process finds, and what it ends with once the API was quiet for a while."""

    image: str
    found: dict[str, float]
    ended: dict[str, float]
    invalid: float
    fell: str


def aftermath(stage: StartingPoint, path: Path, known: Callable[[str], Rest | None]) -> Rest:
    """Start on what lies there and let it settle; the same image as before ends as before."""
    seen = image_at(path, path.parent.with_name("seen"))
    before = known(seen)
    if before is not None:
        return before
    bench = stage.bench(path, RESTARTS_AFTER)
    bench.listing.sessions = stage.sessions
    assert bench.store is not None
    try:
        found = ended = published(bench)
        fell = ""
        for _ in range(SETTLING_POLLS):
            bench.poll()
            last, ended = ended, published(bench)
            fell = fell or ", ".join(key for key in last if ended.get(key, 0) < last[key])
            bench.clock.advance(RULES["settle_after"])
        ended["unsettled:"] = bench.state.unsettled
        ended["remembered as invalid:"] = float(str(bench.run(bench.store.run(invalid_rows))))
        return Rest(seen, found, ended, invalid_items(bench), fell)
    finally:
        bench.close()


@dataclass
class Report:
    """points: how many there are. kills: at how many of them a process died.

    commits: whole states that the polls go through without a kill. found: how many of them, the
    first included, the next processes found. ended: the oracle's counters. faults: what was wrong.
    """

    points: int
    commits: int
    kills: int = 0
    found: int = 0
    seconds: float = 0.0
    ended: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def compared(words: dict[str, Any], rest: Rest, oracle: Rest, late: float) -> Iterator[str]:
    """What is wrong with what a kill left.

    words: what the dead process had published. late: seconds by which its heir started later than
    the oracle's polls, in which more may have left the history.
    """
    shown = words["published"]
    fallen = {key: value for key, value in shown.items() if rest.found.get(key, 0) < value}
    if fallen:
        yield f"published and not found again: {fallen}"
    if rest.fell:
        yield f"fell afterwards: {rest.fell}"
    for key in {*rest.ended, *oracle.ended} - {"frontier:", "horizon:"}:
        right, counted = oracle.ended.get(key, 0.0), rest.ended.get(key, 0.0)
        most = right + (late + REQUESTS_TAKE if key == "gap:" else 0.0)
        if not right - 1e-9 <= counted <= most + 1e-9:
            yield f"{key} ended at {counted}, not {right}"
    if words["invalid"] + rest.invalid > oracle.ended["remembered as invalid:"]:
        yield "an invalid item was counted twice"


def killed(stage: StartingPoint, kind: Kind, place: Path, first: int, stride: int) -> Report:
    """Kill at each `stride`-th point from `first` on, and round each commit; compare the rest.

    No point round a commit is left out where a stride would leave it out.
    """
    began = monotonic()
    images, points, at_commit = unharmed(stage, place, kind)
    chosen = {*range(first, points, stride)}
    if first == 0:
        chosen.update(
            at + near for at in at_commit for near in ROUND_A_COMMIT if at + near < points
        )
    rests: dict[str, Rest] = {}
    whole = copied(stage, place)
    forked(lambda tell: doomed_polls(stage, whole, kind, ENDLESS, tell))
    oracle = aftermath(stage, whole, rests.get)
    report = Report(points, len(images), ended=oracle.ended)
    reached = 0
    for point in sorted(chosen):
        path = copied(stage, place)
        code, told = forked(partial(doomed_polls, stage, path, kind, point))
        if code != -signal.SIGKILL:
            report.faults.append(f"{kind} {point}: ended with {code}")
            continue
        report.kills += 1
        rest = aftermath(stage, path, rests.get)
        rests[rest.image] = rest
        faults = list(compared(json.loads(told), rest, oracle, RESTARTS_AFTER))
        if rest.image not in images[reached:]:
            faults.append("found another state than the last or the next that was committed")
        else:
            reached = images.index(rest.image)
        report.faults += [f"{kind} {point}: {fault}" for fault in faults]
    report.found = len(rests)
    report.seconds = round(monotonic() - began, 1)
    return report


def main(folder: Path, stage: str, kind: Kind, first: int, stride: int) -> None:
    """Print the report as JSON."""
    path = folder / "state.db"
    report = killed(STAGES[stage](path), kind, folder / "place", first, stride)
    print(json.dumps(asdict(report)))  # noqa: T201 - what the caller waits for


if __name__ == "__main__":
    folder, stage, kind, first, stride = sys.argv[1:]
    main(Path(folder), stage, cast("Kind", kind), int(first), int(stride))
