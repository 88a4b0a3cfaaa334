"""Backfill: writes the past for Prometheus, as a file that promtool makes blocks of.

It reads the sessions of a finished range, within the same request budget as the daemon, and writes
counters that start at 0 at the range's start: a session counts at its createdAt, with its final
score and flags. It touches no state, and leaves no half-written file behind.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

import click

from exporter.api.errors import ApiError
from exporter.api.times import MICROSECONDS
from exporter.clock import Clock, SystemClock
from exporter.collect.sessions.dates import Dates
from exporter.collect.sessions.history import History
from exporter.collect.sessions.served import MARGIN, Served
from exporter.commands.command import Line, make_command
from exporter.commands.one_shot import one_shot_pipeline
from exporter.ledger import rules, state
from exporter.ledger.rules import Bounds, Rules, Tally
from exporter.ledger.state import LedgerState
from exporter.log import configure
from exporter.metrics import catalogue
from exporter.pipeline import Pipeline
from exporter.publish.backfill import Columns, lines
from exporter.settings.durations import parse_duration
from exporter.settings.errors import SettingsError
from exporter.settings.load import load_parsed
from exporter.settings.model import Account, Settings
from exporter.terminal import complain, note

MOST_STEPS = 100_000
"""A file of more steps would not fit into memory beside its hundred series."""

SHORTEST_STEP_SECONDS = 1.0
PROGRESS_SECONDS = 5.0
WRITTEN = (
    catalogue.SESSIONS,
    catalogue.BOT_SESSIONS,
    catalogue.SESSION_FLAGS,
    catalogue.BOT_SESSION_FLAGS,
    catalogue.SESSION_BOT_SCORE,
)


@dataclass(frozen=True, slots=True)
class Range:
    """Which past to write: [start, end) in Unix seconds, both whole multiples of step."""

    start: float
    end: float
    step: float

    def times(self) -> Iterator[float]:
        """When there are samples: at the start, where all is 0, and at the end of each step."""
        count = round((self.end - self.start) / self.step)
        return (self.start + number * self.step for number in range(count + 1))


@dataclass(frozen=True, slots=True)
class Options:
    """The command's own options, as they were given."""

    from_: str | None
    to: str | None
    step: str
    output: str | None


_WHEN = "a time (2026-06-10T12:00:00Z) or how long ago (7d)"
OPTIONS = [
    click.Option(["from_", "--from"], metavar="TIME", help=f"where to start: {_WHEN}"),
    click.Option(["--to"], metavar="TIME", help=f"{_WHEN} [default: as late as all is settled]"),
    click.Option(["--step"], default="5m", help="time between samples [default: 5m]"),
    click.Option(["--output"], metavar="FILE", help="the file to write"),
]


def run(line: Line, **chosen: Any) -> int:
    """Write the file; the exit code, 1 where the API could not be read. Raises SettingsError."""
    options = Options(**chosen)
    loaded = load_parsed(line.flags, line.environ)
    configure("warning", loaded.settings.log.format)
    clock = SystemClock()
    wanted = read_range(options, clock.now(), loaded.settings.sessions.settle_after)
    if options.output is None:
        raise SettingsError("--output: is missing: the file to write")
    output = Path(options.output)
    if not output.parent.is_dir():
        raise SettingsError("--output: its folder does not exist")
    try:
        columns = asyncio.run(_read_all(loaded.settings, wanted, clock))
        _write(output, columns)
    except (ApiError, OSError) as error:
        complain(error)
        return 1
    series = sum(part.series for part in columns)
    note(f"wrote {series} series to {output}; make blocks of it with")
    note(f"  promtool tsdb create-blocks-from openmetrics {output} <the data directory>")
    return 0


def read_range(options: Options, now: float, settle_after: float) -> Range:
    """The range that the options ask for. Raises SettingsError that names the bad one."""
    try:
        step = parse_duration(options.step)
    except ValueError as error:
        raise SettingsError(f"--step: {error}") from None
    if step < SHORTEST_STEP_SECONDS:
        raise SettingsError("--step: must be at least 1s")
    settled = (now - settle_after) // step * step
    if options.from_ is None:
        raise SettingsError("--from: is missing: a time, or how long ago")
    start = _moment("--from", options.from_, now) // step * step
    end = settled
    if options.to is not None:
        end = _moment("--to", options.to, now) // step * step
        if end > settled:
            raise SettingsError(
                "--to: must lie further back than sessions.settle_after, so that nothing changes"
            )
    if end <= start:
        raise SettingsError("--to: must be at least a step later than --from")
    if (end - start) / step > MOST_STEPS:
        raise SettingsError(f"--step: the range has more than {MOST_STEPS} steps; lengthen them")
    return Range(start, end, step)


def _moment(option: str, text: str, now: float) -> float:
    """Unix seconds of a time, or of so long ago."""
    with suppress(ValueError):
        return now - parse_duration(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{option}: must be a time such as 2026-06-10T12:00:00Z, or how long ago, such as 7d"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


async def _read_all(settings: Settings, wanted: Range, clock: Clock) -> list[Columns]:
    return [await _read(settings, account, wanted, clock) for account in settings.accounts()]


async def _read(settings: Settings, account: Account, wanted: Range, clock: Clock) -> Columns:
    async with one_shot_pipeline(settings, account, clock) as pipeline:
        return await _count(settings, pipeline, wanted, clock)


async def _count(settings: Settings, pipeline: Pipeline, wanted: Range, clock: Clock) -> Columns:
    """Read the range and count it step by step. Raises ApiError."""
    api, budget = pipeline.api, pipeline.budget
    served = Served(
        api, dates=Dates(), budget=budget, server_clock=pipeline.server_clock, clock=clock
    )
    await served.probe()
    await served.learn_dates()
    now = await served.now()
    wanted = await _readable(served, wanted, now)
    start, end = (round(time * MICROSECONDS) for time in (wanted.start, wanted.end))
    history = History(
        api,
        served,
        budget,
        clock,
        start=start,
        end=end,
        score_scale=settings.sessions.bot_score_scale,
    )
    counter = _Counter(settings, pipeline.account.integration, wanted)
    said = clock.monotonic()
    async for part in history.parts():
        for session in part.sessions:
            counter.advance(session.created)
            rules.read(None, session, now, Bounds(0, 0), counter.rules, counter.tally)
        counter.invalid += part.invalid
        if clock.monotonic() - said >= PROGRESS_SECONDS:
            said = clock.monotonic()
            day = datetime.fromtimestamp(part.end / MICROSECONDS, UTC)
            note(f"read up to {day:%Y-%m-%d %H:%M} UTC, {counter.sessions} sessions")
    columns = counter.finished()
    note(f"{columns.integration}: {counter.sessions} sessions, {counter.invalid} invalid items")
    return columns


async def _readable(served: Served, wanted: Range, now: int) -> Range:
    """The part of the range that the API still serves; its loss is said. Raises ApiError."""
    start, end = (round(time * MICROSECONDS) for time in (wanted.start, wanted.end))
    if served.surely(start, now) or await served.shows(start, end):
        return wanted
    shown = await served.shows(max(start, served.edge(now) + 2 * MARGIN), end)
    lost = await served.first(start, end if shown else None, now)
    if lost is None:
        return wanted
    first = ceil(lost / MICROSECONDS / wanted.step) * wanted.step
    if wanted.end <= first:
        raise SettingsError("--to: lies before the history that the API serves")
    moment = datetime.fromtimestamp(first, UTC)
    note(f"the API's history begins later: starting at {moment:%Y-%m-%d %H:%M} UTC")
    return replace(wanted, start=first)


class _Counter:
    """Counts sessions in order of creation, and notes the counters at the end of each step."""

    def __init__(self, settings: Settings, integration: str, wanted: Range) -> None:
        sessions = settings.sessions
        # Everything in the range is old enough to be settled by one reading.
        self.rules = Rules(overlap=0, settle_after=0, threshold=sessions.bot_threshold)
        self.tally = Tally()
        self.invalid = 0
        self._max_flags = sessions.max_flags
        self._state = LedgerState(row=0, first_start=wanted.start, begun=wanted.start)
        self._columns = Columns(integration)
        self._times = wanted.times()
        self._next = next(self._times, None)
        self._note()

    @property
    def sessions(self) -> int:
        return int(self._state.value(state.SESSIONS)) + self.tally.sessions

    def advance(self, created: int) -> None:
        """Note all steps that end at or before this createdAt."""
        while self._next is not None and created >= self._next * MICROSECONDS:
            self._note()

    def finished(self) -> Columns:
        """The columns, to the end of the range."""
        while self._next is not None:
            self._note()
        return self._columns

    def _note(self) -> None:
        assert self._next is not None  # noqa: S101 - as both callers saw
        self.tally.minutes.clear()
        self.tally.bot_minutes.clear()
        self._state, _, _ = state.counted(
            self._state, self.tally, self._state.begun, self._max_flags
        )
        self.tally = Tally()
        samples = state.samples(self._state, {}, gauges=False)
        self._columns.add(self._next, (it for it in samples if it.metric in WRITTEN))
        self._next = next(self._times, None)


def _write(output: Path, columns: list[Columns]) -> None:
    """Write the file beside its place and move it there when it is whole. Raises OSError."""
    draft = output.with_name(f"{output.name}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines(columns))
        draft.replace(output)
    finally:
        draft.unlink(missing_ok=True)


command = make_command("backfill", run, __doc__, OPTIONS)
