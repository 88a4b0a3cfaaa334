"""Lists recent sessions on the terminal, for whoever follows up an alert. It stores nothing.

It asks as the daemon does, with the same key and request budget. Users and pages are personal data:
they are shown only with `--show-users`, on standard output and nowhere else. What the API says is
printed without control characters, so that no session can drive a terminal.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import click

from exporter.api.answer import Api
from exporter.api.errors import ApiError
from exporter.api.schema.session import Session, decode_session
from exporter.api.times import MICROSECONDS, format_time
from exporter.api.walk import walk
from exporter.clock import Clock, SystemClock
from exporter.commands.command import Line, make_command
from exporter.commands.one_shot import one_shot_pipeline
from exporter.log import configure
from exporter.settings.durations import parse_duration
from exporter.settings.errors import SettingsError
from exporter.settings.load import load_parsed
from exporter.settings.model import Account, Settings
from exporter.terminal import complain, note, say

PATH = "/v1/sessions"
RESOURCE = "sessions"
LONGEST_SECONDS = 600.0
"""The bound on the reading of one integration; a long range on the free tier takes minutes."""

API_THRESHOLD = 0.7
"""What the API itself calls a bot: its filter is of no use for lower scores."""

USER_FIELDS = ("userId", "pageUrl")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sessions to list. since: seconds back from the API's time; limit: the newest ones.

    bot_only: the score from which on to list; None: all.
    """

    since: float
    bot_only: float | None
    limit: int
    show_users: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One session, and what of its user is shown, if anything."""

    integration: str
    session: Session
    user: dict[str, str | None]

    def as_json(self) -> dict[str, object]:
        """The row as `--json` prints it; null is what the API did not tell."""
        session = self.session
        return {
            "integration": self.integration,
            "id": session.id,
            "createdAt": _time(session),
            "status": session.status,
            "score": session.score,
            "flags": list(session.flags),
            **self.user,
        }

    def as_line(self) -> str:
        """The row as the terminal shows it."""
        session = self.session
        score = "-" if session.score is None else f"{session.score:.2f}"
        flags = ",".join(session.flags) or "-"
        shown = [
            _time(session),
            score.rjust(5),
            (session.status or "-").ljust(8),
            session.id.ljust(36),
            flags,
            *(value or "-" for value in self.user.values()),
        ]
        return "  ".join(harmless(text) for text in shown)


@dataclass(frozen=True, slots=True)
class Options:
    """The command's own options, as they were given."""

    since: str
    limit: int
    bot_only: bool
    json: bool
    show_users: bool


OPTIONS = [
    click.Option(
        ["--bot-only"], is_flag=True, help="only scores of sessions.bot_threshold and above"
    ),
    click.Option(["--since"], default="1h", metavar="DURATION", help="how far back [1h]"),
    click.Option(["--limit"], type=int, default=1000, help="the newest so many [1000]"),
    click.Option(["--json"], is_flag=True, help="one JSON object a line"),
    click.Option(
        ["--show-users"], is_flag=True, help="also the user's id and the page: personal data"
    ),
]


def run(line: Line, **chosen: Any) -> int:
    """Print the list; the exit code, 1 where the API could not be read. Raises SettingsError."""
    options = Options(**chosen)
    loaded = load_parsed(line.flags, line.environ)
    configure("error", loaded.settings.log.format)
    wanted = read_wanted(options, loaded.settings.sessions.bot_threshold)
    try:
        asyncio.run(_list_all(loaded.settings, wanted, options.json, SystemClock()))
    except (ApiError, TimeoutError) as error:
        text = str(error) or "the API did not give the whole list in time"
        complain(text)
        return 1
    return 0


def read_wanted(options: Options, threshold: float) -> Wanted:
    """What the options ask for. Raises SettingsError that names the bad one."""
    try:
        since = parse_duration(options.since)
    except ValueError as error:
        raise SettingsError(f"--since: {error}") from None
    if since <= 0:
        raise SettingsError("--since: must be above 0")
    if options.limit < 1:
        raise SettingsError("--limit: must be at least 1")
    return Wanted(since, threshold if options.bot_only else None, options.limit, options.show_users)


def harmless(text: str) -> str:
    """`text` with every control and formatting character as a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


async def _list_all(settings: Settings, wanted: Wanted, as_json: bool, clock: Clock) -> None:
    """List each integration as soon as it is read. Raises ApiError, TimeoutError."""
    for account in settings.accounts():
        async with asyncio.timeout(LONGEST_SECONDS):
            rows, left_out = await _read(settings, account, wanted, clock)
        _print(rows, as_json)
        if left_out:
            note(f"{account.integration}: {left_out} older ones are left out; raise --limit")
        if not rows:
            note(f"{account.integration}: none")


def _print(rows: Iterable[Row], as_json: bool) -> None:
    for row in rows:
        say(json.dumps(row.as_json()) if as_json else row.as_line())


async def _read(
    settings: Settings, account: Account, wanted: Wanted, clock: Clock
) -> tuple[list[Row], int]:
    """The newest rows of one integration, newest first, and how many were left out."""
    async with one_shot_pipeline(settings, account, clock) as pipeline:
        found = await find(
            pipeline.api, account.integration, wanted, clock, settings.sessions.bot_score_scale
        )
    return found[: wanted.limit], max(0, len(found) - wanted.limit)


async def find(
    api: Api, integration: str, wanted: Wanted, clock: Clock, scale: float = 1.0
) -> list[Row]:
    """All that is wanted, newest first, whatever the list's order, each once. Raises ApiError.

    The filters are the API's, and checked again here, since the API may honour only a date, or its
    own threshold. An item that does not decode is left out, as it is when counting.
    scale: of the API's scores, as in `decode_session`.
    """
    probe = await api.get(PATH, {"pageSize": "1"}, resource=RESOURCE)
    now = probe.server_time or round(clock.now() * MICROSECONDS)
    start = now - round(wanted.since * MICROSECONDS)
    filters = {"startDate": format_time(start)}
    if wanted.bot_only is not None and wanted.bot_only >= API_THRESHOLD:
        filters["botOnly"] = "true"
    rows: dict[str, Row] = {}
    async for page in walk(api, PATH, filters, resource=RESOURCE):
        for item in page.items:
            session = decode_session(item, scale)
            if isinstance(session, Session) and _wanted(session, start, wanted.bot_only):
                user = _user(cast("Mapping[str, object]", item)) if wanted.show_users else {}
                rows[session.id] = Row(integration, session, user)
    return sorted(rows.values(), key=lambda row: (-row.session.created, row.session.id))


def _wanted(session: Session, start: int, threshold: float | None) -> bool:
    if session.created < start:
        return False
    return threshold is None or (session.score is not None and session.score >= threshold)


def _user(item: Mapping[str, object]) -> dict[str, str | None]:
    texts = {name: item.get(name) for name in USER_FIELDS}
    return {name: text if isinstance(text, str) else None for name, text in texts.items()}


def _time(session: Session) -> str:
    moment = datetime.fromtimestamp(session.created // MICROSECONDS, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


command = make_command("sessions", run, __doc__, OPTIONS)
