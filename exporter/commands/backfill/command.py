"""Backfill: writes the past for Prometheus, as a file that promtool makes blocks of.

It reads the sessions of a finished range, within the same request budget as the daemon, and writes
counters that start at 0 at the range's start: a session counts at its createdAt, with its final
score and flags. It tells its cost first. It touches no state, and leaves no half-written file: what
an interrupted one had read is kept beside the file, and the same command goes on from there.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from math import ceil
from typing import Any

import click

from exporter.api.errors import ApiError
from exporter.api.times import MICROSECONDS
from exporter.clock import Clock, SystemClock
from exporter.collect.sessions.past import Past
from exporter.collect.sessions.served import Served
from exporter.commands.accounts import chosen
from exporter.commands.backfill.checkpoint import Checkpoint, Reading
from exporter.commands.backfill.counter import Counter, additions, counting_rules
from exporter.commands.backfill.span import Options, Range, read_range
from exporter.commands.command import Line, make_command
from exporter.commands.estimate import estimate, expected_sessions
from exporter.commands.meeting import meet
from exporter.commands.moments import FORM, shown
from exporter.commands.one_shot import one_shot_pipeline
from exporter.commands.output import Destination, destination
from exporter.commands.progress import metered
from exporter.ledger.database import place_of
from exporter.ledger.engine import StateError
from exporter.ledger.inspect import begun_in
from exporter.log import configure
from exporter.pipeline import Pipeline
from exporter.publish.backfill import Columns, lines, read_labels
from exporter.settings.errors import SettingsError
from exporter.settings.load import load_parsed
from exporter.settings.model import Account, Settings
from exporter.terminal import complain, note, say

OPTIONS = [
    click.Option(["from_", "--from"], metavar="TIME", help=f"where to start: {FORM}"),
    click.Option(["--to"], metavar="TIME", help=f"{FORM} [default: as late as all is settled]"),
    click.Option(["--step"], default="5m", help="time between samples [default: 5m]"),
    click.Option(["--output"], metavar="FILE", help="the file to write; - is standard output"),
    click.Option(["--force"], is_flag=True, help="replace a file that is there"),
    click.Option(["--dry-run"], is_flag=True, help="only tell what it will cost"),
    click.Option(["--restart"], is_flag=True, help="drop what an interrupted one had read"),
    click.Option(["--allow-overlap"], is_flag=True, help="also write what the state counts itself"),
    click.Option(
        ["--label"],
        multiple=True,
        metavar="NAME=VALUE",
        help="a label for every series, such as job=isnotai; may be given several times",
    ),
]


class ReadingError(Exception):
    """One integration could not be read to its end; the text names it."""


def run(
    line: Line, *, output: str | None, force: bool, dry_run: bool, restart: bool, **chosen_: Any
) -> int:
    """Write the file; the exit code, 1 where the API could not be read. Raises SettingsError."""
    allow_overlap = chosen_.pop("allow_overlap")
    labels = _labels(chosen_.pop("label"))
    options = Options(**chosen_)
    loaded = load_parsed(line.flags, line.environ)
    settings = loaded.settings
    configure("warning", settings.log.format)
    clock = SystemClock()
    accounts = chosen(line, loaded)
    wanted = _wanted(options, settings, accounts, clock.now(), allow_overlap)
    if dry_run:
        return _run(_tell_costs(settings, accounts, wanted, clock))
    if output is None:
        raise SettingsError("--output: is missing: the file to write")
    place = destination("--output", output, force=force)
    checkpoint = Checkpoint(wanted, _plan(options, settings, accounts), place.beside(".checkpoint"))
    done = False
    try:
        checkpoint.open(restart=restart)
        if checkpoint.resumed:
            note(f"goes on with {checkpoint.wanted}")
        code = _run(_write(settings, accounts, checkpoint, place, labels, clock))
        done = code == 0
        return code
    finally:
        checkpoint.close(done=done)
        if not done and checkpoint.kept:
            note(f"what was read is kept in {checkpoint.kept}; the same command goes on from there")


def _labels(given: Sequence[str]) -> dict[str, str]:
    """What `--label` asks for. Raises SettingsError."""
    try:
        return read_labels(given)
    except ValueError as error:
        raise SettingsError(f"--label: {error}") from None


def _run(work: Any) -> int:
    try:
        asyncio.run(work)
    except (ReadingError, OSError) as error:
        complain(error)
        return 1
    return 0


def _wanted(
    options: Options, settings: Settings, accounts: Sequence[Account], now: float, overlap: bool
) -> Range:
    """The range, which ends where a daemon with this state began to count. Raises SettingsError."""
    until = 0.0 if overlap else _daemon_since(settings, accounts)
    wanted = read_range(options, now, settings.sessions.settle_after, until)
    if until and wanted.end > until:
        raise SettingsError(
            f"--to: the exporter with this state counts since {shown(until)} itself, and "
            "what both cover would be there twice; end there, or give --allow-overlap"
        )
    return wanted


def _daemon_since(settings: Settings, accounts: Sequence[Account]) -> float:
    """Since when, at the earliest, the state counts any of these integrations; 0: none of them."""
    place = place_of(settings.state)
    if place is None:
        return 0.0
    try:
        begun = [begun_in(place, account.integration) for account in accounts]
    except StateError as error:
        raise SettingsError(f"{error}; --allow-overlap writes without looking at it") from None
    return min((since for since in begun if since is not None), default=0.0)


def _plan(options: Options, settings: Settings, accounts: Sequence[Account]) -> dict[str, object]:
    """What makes a backfill the same as an earlier one: what its numbers depend on."""
    sessions = settings.sessions
    return {
        **asdict(options),
        "threshold": sessions.bot_threshold,
        "scale": sessions.bot_score_scale,
        "flags": sessions.max_flags,
        "integrations": [[account.integration, account.base_url] for account in accounts],
    }


async def _tell_costs(
    settings: Settings, accounts: Sequence[Account], wanted: Range, clock: Clock
) -> None:
    """Print what each integration would cost. Raises ReadingError."""
    for account in accounts:
        try:
            async with one_shot_pipeline(settings, account, clock) as pipeline:
                served = await meet(pipeline, clock)
                part = await _readable(served, wanted, await served.probe.now())
                say(f"{account.integration}: {part}")
                say(f"{account.integration}: {await _cost(settings, pipeline, served, part)}")
        except ApiError as error:
            raise ReadingError(f"{account.integration}: {error}") from None


async def _write(
    settings: Settings,
    accounts: Sequence[Account],
    checkpoint: Checkpoint,
    place: Destination,
    labels: Mapping[str, str],
    clock: Clock,
) -> None:
    """Read what the checkpoint lacks, then write it all. Raises ReadingError, OSError."""
    for account in accounts:
        try:
            async with one_shot_pipeline(settings, account, clock) as pipeline:
                await _read(settings, pipeline, checkpoint, clock)
        except ApiError as error:
            raise ReadingError(f"{account.integration}: {error}") from None
    columns = [_counted(settings, account, checkpoint) for account in accounts]
    place.write(lines(columns, labels))
    series = sum(part.series for part in columns)
    name = place.path or "FILE"
    note(f"wrote {series} series to {place}; make blocks of it with")
    note(f"  promtool tsdb create-blocks-from openmetrics {name} <the data directory>")


def _counted(settings: Settings, account: Account, checkpoint: Checkpoint) -> Columns:
    """The columns of one integration, and a line on what they hold."""
    reading = checkpoint.readings[account.integration]
    counter = Counter(account.integration, reading.wanted, settings.sessions.max_flags)
    for part in reading.parts:
        counter.add(part)
    note(
        f"{account.integration}: {counter.sessions} sessions, {reading.invalid} invalid items, "
        f"{reading.wanted}"
    )
    return counter.finished()


async def _read(
    settings: Settings, pipeline: Pipeline, checkpoint: Checkpoint, clock: Clock
) -> None:
    """Read the range of one integration into the checkpoint. Raises ApiError, SettingsError."""
    name = pipeline.account.integration
    served = await meet(pipeline, clock)
    now = await served.probe.now()
    reading = checkpoint.readings.get(name)
    if reading is None:
        reading = checkpoint.begin(name, await _readable(served, checkpoint.wanted, now))
    elif not await _still_served(served, reading, now):
        raise SettingsError(
            "--restart: is needed, since what was still to be read has left the API's history"
        )
    wanted, position = reading.wanted, reading.position
    begin, end = wanted.micros
    left = replace(wanted, start=position / MICROSECONDS)
    if position >= end:
        return
    note(f"{name}: {await _cost(settings, pipeline, served, left)}")
    sessions = settings.sessions
    async with metered(name, pipeline.budget) as meter:
        past = Past(
            pipeline.api,
            served.probe,
            pipeline.budget,
            clock,
            start=position,
            end=end,
            score_scale=sessions.bot_score_scale,
            on_page=meter.page,
        )
        counting = counting_rules(sessions)
        async for part in past.parts():
            added = tuple(additions(part.sessions, wanted, now, counting))
            checkpoint.add(name, part.end, part.invalid, added)
            meter.read((part.end - begin) / (end - begin))


async def _cost(settings: Settings, pipeline: Pipeline, served: Served, wanted: Range) -> str:
    """What reading the range will take, in words."""
    start, end = wanted.micros
    bucket = settings.analytics.bucket_timestamp
    sessions = await expected_sessions(pipeline.api, start, end, await served.probe.now(), bucket)
    return str(estimate(sessions, end - start, pipeline.budget, served.probe.dates))


async def _readable(served: Served, wanted: Range, now: int) -> Range:
    """The part of the range that the API still serves; its loss is said. Raises ApiError."""
    start, end = wanted.micros
    served_from = await served.readable_from(start, end, now)
    if served_from == start:
        return wanted
    first = ceil(served_from / MICROSECONDS / wanted.step) * wanted.step
    if wanted.end <= first:
        raise SettingsError("--to: lies before the history that the API serves")
    note(f"the API's history begins later: starting at {shown(first)}")
    return replace(wanted, start=first)


async def _still_served(served: Served, reading: Reading, now: int) -> bool:
    """Whether what is left of a reading can still be read. Raises ApiError."""
    _, end = reading.wanted.micros
    if reading.position >= end:
        return True
    return await served.readable_from(reading.position, end, now) == reading.position


command = make_command("backfill", run, __doc__, OPTIONS)
