"""Lists recent sessions on the terminal, for whoever follows up an alert. It stores nothing.

Rows come as they are read, the newest first, of one integration after the other. It asks as the
daemon does, with the same key and a request budget of the same size, and tells its cost first.
Users and pages are personal data: they are shown only with `--show-users`, on standard output and
nowhere else. Exit code 1: an integration could not be read, or not to its end.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from math import ceil
from typing import Any

import click

from exporter.api import tiers
from exporter.api.errors import ApiError
from exporter.api.schema.session import Session
from exporter.api.times import MICROSECONDS
from exporter.api.walk import Page
from exporter.clock import Clock, SystemClock
from exporter.collect.sessions.newest_first import Found, NewestFirst
from exporter.collect.sessions.pace import target_pages
from exporter.collect.sessions.served import Served
from exporter.commands.accounts import chosen
from exporter.commands.command import Line, make_command
from exporter.commands.estimate import estimate, expected_sessions
from exporter.commands.meeting import meet
from exporter.commands.moments import FORM, lasting, length, moment, shown
from exporter.commands.one_shot import one_shot_pipeline
from exporter.commands.progress import metered
from exporter.commands.session_rows import USER_COLUMNS, Form, Row, Table
from exporter.log import configure
from exporter.pipeline import Pipeline
from exporter.settings.errors import SettingsError
from exporter.settings.load import load_parsed
from exporter.settings.model import Account, Settings
from exporter.terminal import complain, note

API_THRESHOLD = 0.7
"""What the API itself calls a bot: its filter is of no use for lower scores."""

FOLLOW_SECONDS = 60.0
"""How often new sessions are looked for where the settings poll none."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command's own options, as they were given."""

    since: str
    limit: int
    bot_only: bool
    min_score: float | None
    flag: tuple[str, ...]
    timeout: str
    show_users: bool
    json: bool
    csv: bool
    follow: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sessions to list: of each integration the newest `limit`, since `since`.

    least: the score from which on; None: all. flags: at least one of them; empty: all.
    timeout: seconds for each integration.
    """

    since: str
    limit: int
    least: float | None
    flags: frozenset[str]
    timeout: float
    show_users: bool

    def admits(self, session: Session) -> bool:
        """Whether it is to be listed, by score and flags."""
        if self.least is not None and (session.score is None or session.score < self.least):
            return False
        return not self.flags or not self.flags.isdisjoint(session.flags)

    def filters(self, scale: float) -> dict[str, str]:
        """What the API may leave out. scale: of its scores."""
        bots = self.least is not None and self.least >= API_THRESHOLD and scale == 1.0
        return {"botOnly": "true"} if bots else {}


OPTIONS = [
    click.Option(
        ["--bot-only"], is_flag=True, help="only scores of sessions.bot_threshold and above"
    ),
    click.Option(["--min-score"], type=float, help="only scores of so much and above"),
    click.Option(["--flag"], multiple=True, help="only sessions with this flag; may be repeated"),
    click.Option(["--since"], default="1h", metavar="TIME", help=f"how far back: {FORM} [1h]"),
    click.Option(["--limit"], type=int, default=1000, help="the newest so many of each [1000]"),
    click.Option(["--follow"], is_flag=True, help="oldest first, then new ones until Ctrl-C"),
    click.Option(
        ["--timeout"], default="10m", metavar="DURATION", help="for each integration [10m]"
    ),
    click.Option(["--json"], is_flag=True, help="one JSON object a line"),
    click.Option(["--csv"], is_flag=True, help="comma-separated values with a header"),
    click.Option(
        ["--show-users"], is_flag=True, help="also the user's id and the page: personal data"
    ),
]


def run(line: Line, **chosen_: Any) -> int:
    """Print the list; the exit code, 1 where an integration was not read. Raises SettingsError."""
    options = Options(**chosen_)
    loaded = load_parsed(line.flags, line.environ)
    settings = loaded.settings
    configure("error", settings.log.format)
    clock = SystemClock()
    wanted = read_wanted(options, settings.sessions.bot_threshold, clock.now())
    accounts = chosen(line, loaded)
    table = Table(
        _form(options),
        [account.integration for account in accounts],
        users=wanted.show_users,
        threshold=settings.sessions.bot_threshold,
    )
    listing = _follow_all if options.follow else _list_all
    return 0 if asyncio.run(listing(settings, accounts, wanted, table, clock)) else 1


def read_wanted(options: Options, threshold: float, now: float) -> Wanted:
    """What the options ask for. Raises SettingsError that names the bad one."""
    if moment("--since", options.since, now) >= now:
        raise SettingsError("--since: must lie in the past")
    if options.limit < 1:
        raise SettingsError("--limit: must be at least 1")
    if options.json and options.csv:
        raise SettingsError("--json and --csv contradict each other: keep one of them")
    timeout = length("--timeout", options.timeout)
    bots = threshold if options.bot_only else None
    least = max((it for it in (bots, options.min_score) if it is not None), default=None)
    return Wanted(
        options.since, options.limit, least, frozenset(options.flag), timeout, options.show_users
    )


def _form(options: Options) -> Form:
    return "json" if options.json else "csv" if options.csv else "table"


async def _list_all(
    settings: Settings, accounts: Sequence[Account], wanted: Wanted, table: Table, clock: Clock
) -> bool:
    """List one integration after the other; whether all were read."""
    good = True
    for account in accounts:
        name = account.integration
        try:
            async with one_shot_pipeline(settings, account, clock) as pipeline:
                good = await _list(settings, pipeline, wanted, table, clock) and good
        except ApiError as error:
            complain(f"{name}: {error}")
            good = False
    return good


async def _list(
    settings: Settings, pipeline: Pipeline, wanted: Wanted, table: Table, clock: Clock
) -> bool:
    """Print one integration's rows as they come; whether all were read. Raises ApiError."""
    name, before = pipeline.name, table.rows
    reached = clock.now()
    try:
        async with asyncio.timeout(wanted.timeout or None):
            served, start, now = await _begin(settings, pipeline, wanted, clock)
            window = (start, now)
            async with (
                metered(name, pipeline.budget) as meter,
                aclosing(
                    _newest_first(settings, pipeline, served, wanted, window, meter.page).parts()
                ) as parts,
            ):
                async for part in parts:
                    rows = [row for it in part.found if (row := _row(name, it, wanted))]
                    left = wanted.limit - (table.rows - before)
                    with meter.aside():
                        for row in rows[:left]:
                            table.add(row)
                    reached = part.start / MICROSECONDS
                    meter.read((now - part.start) / (now - start))
                    if len(rows) >= left:
                        if len(rows) > left or part.start > start:
                            note(f"{name}: older ones than these are left out; raise --limit")
                        break
    except TimeoutError:
        complain(
            f"{name}: stopped after {lasting(wanted.timeout)}; what was created before "
            f"{shown(reached)} was not read; raise --timeout or narrow --since"
        )
        return False
    if table.rows == before:
        note(f"{name}: none")
    return True


async def _begin(
    settings: Settings, pipeline: Pipeline, wanted: Wanted, clock: Clock
) -> tuple[Served, int, int]:
    """Where the list begins and the API's time, once the cost was told. Raises ApiError.

    What the API does not serve any more is left out, and said: an answer without sessions would
    look as if there were none.
    """
    name = pipeline.name
    served = await meet(pipeline, clock)
    now = await served.probe.now()
    asked = round(moment("--since", wanted.since, now / MICROSECONDS) * MICROSECONDS)
    start = await served.readable_from(asked, now, now)
    if start > asked:
        tier = pipeline.budget.tier or "unknown"
        since = shown(start // MICROSECONDS)
        note(f"{name}: the API serves nothing older (tier {tier}): lists what is since {since}")
    bucket = settings.analytics.bucket_timestamp
    expected = await expected_sessions(pipeline.api, start, now, now, bucket)
    if expected is not None and not (wanted.flags or wanted.least is not None):
        expected = min(expected, float(wanted.limit))
    note(f"{name}: {estimate(expected, now - start, pipeline.budget, served.probe.dates)}")
    return served, start, now


def _newest_first(
    settings: Settings,
    pipeline: Pipeline,
    served: Served,
    wanted: Wanted,
    window: tuple[int, int],
    on_page: Callable[[Page], None] = lambda page: None,
) -> NewestFirst:
    size = tiers.limits(pipeline.budget.tier).page_size
    scale = settings.sessions.bot_score_scale
    pages = min(target_pages(pipeline.budget), ceil(wanted.limit / size))
    return NewestFirst(
        pipeline.api,
        served.probe,
        start=window[0],
        now=window[1],
        pages=pages,
        items=pages * size,
        filters=wanted.filters(scale),
        scale=scale,
        on_page=on_page,
    )


def _row(name: str, found: Found, wanted: Wanted) -> Row | None:
    """The row of a session that is wanted."""
    if not wanted.admits(found.session):
        return None
    texts = {column: found.item.get(column) for column in USER_COLUMNS if wanted.show_users}
    user = {column: text if isinstance(text, str) else None for column, text in texts.items()}
    return Row(name, found.session, user)


async def _follow_all(
    settings: Settings, accounts: Sequence[Account], wanted: Wanted, table: Table, clock: Clock
) -> bool:
    """Follow all integrations at once, until they are interrupted."""
    async with asyncio.TaskGroup() as group:
        for account in accounts:
            group.create_task(_follow(settings, account, wanted, table, clock))
    return False


async def _follow(
    settings: Settings, account: Account, wanted: Wanted, table: Table, clock: Clock
) -> None:
    """Print what there is, oldest first, then what comes, for ever; errors are said, and passed."""
    interval = settings.poll.sessions_interval or FOLLOW_SECONDS
    overlap = round(settings.sessions.overlap * MICROSECONDS)
    name, said = account.integration, ""
    seen: dict[str, int] = {}
    served: Served | None = None
    start = 0
    async with one_shot_pipeline(settings, account, clock) as pipeline:
        while True:
            try:
                if served is None:
                    served, start, now = await _begin(settings, pipeline, wanted, clock)
                else:
                    now = await served.probe.now()
                rows = await _unseen(settings, pipeline, served, wanted, (start, now), seen)
                for row in reversed(rows[: wanted.limit]):
                    table.add(row)
                start, said = now - overlap, ""
                for identity in [it for it, created in seen.items() if created < start - overlap]:
                    del seen[identity]
            except ApiError as error:
                if str(error) != said:
                    said = str(error)
                    complain(f"{name}: {said}; tries again")
            await clock.sleep(interval)


async def _unseen(
    settings: Settings,
    pipeline: Pipeline,
    served: Served,
    wanted: Wanted,
    window: tuple[int, int],
    seen: dict[str, int],
) -> list[Row]:
    """The rows of a window that were not given before, newest first. Raises ApiError."""
    rows: list[Row] = []
    async with aclosing(_newest_first(settings, pipeline, served, wanted, window).parts()) as parts:
        async for part in parts:
            for found in part.found:
                row = _row(pipeline.name, found, wanted)
                if row is not None and found.session.id not in seen:
                    seen[found.session.id] = found.session.created
                    rows.append(row)
            if len(rows) >= wanted.limit:
                break
    return rows


command = make_command("sessions", run, __doc__, OPTIONS)
