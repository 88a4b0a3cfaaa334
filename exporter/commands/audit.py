"""Audit: reads a stretch of the past again, and compares it with the ledger, id by id.

It shows whether each session that the API lists was counted once, beside a running daemon. The
state is only looked at, never written; the requests keep to a budget of the same size as the
daemon's. Where ids are forgotten, numbers by the minute are compared. Exit code 0: all agrees; 1:
it could not be done; 2: bad settings; 3: something is missing, doubled or settled otherwise.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import click

from exporter.api.errors import ApiError
from exporter.api.schema.session import Session
from exporter.api.times import MICROSECONDS, MINUTE, format_time
from exporter.clock import Clock, SystemClock
from exporter.collect.sessions.past import Past
from exporter.collect.sessions.served import Served
from exporter.commands.accounts import chosen
from exporter.commands.command import Line, make_command
from exporter.commands.estimate import estimate
from exporter.commands.meeting import meet
from exporter.commands.moments import FORM, moment, shown
from exporter.commands.one_shot import one_shot_pipeline
from exporter.commands.progress import metered
from exporter.commands.screen import BAD, GOOD, WARN, mark
from exporter.counting import counting_rules
from exporter.ledger import records
from exporter.ledger.compare import Comparison
from exporter.ledger.database import place_of
from exporter.ledger.engine import Connection, StateError
from exporter.ledger.inspect import look
from exporter.ledger.rules import Known
from exporter.ledger.state import LATE, SESSIONS, LedgerState
from exporter.log import configure
from exporter.pipeline import Pipeline
from exporter.settings.errors import SettingsError
from exporter.settings.load import load_parsed
from exporter.settings.model import Account, Settings
from exporter.terminal import complain, note, say

DIFFERENT = 3
"""The exit code where the ledger and the list do not agree."""

OPTIONS = [
    click.Option(["--since"], default="1h", metavar="TIME", help=f"from when on: {FORM} [1h]"),
    click.Option(["--json"], is_flag=True, help="one JSON object"),
]


class NothingToAuditError(Exception):
    """The ledger has counted nothing of that time yet; the text says from when on it has."""


@dataclass(frozen=True, slots=True)
class Audit:
    """One integration, compared. start, end: microseconds of createdAt; both of whole minutes.

    total: what the ledger counted in all. late: of them, those first seen behind the frontier.
    """

    integration: str
    start: int
    end: int
    found: Comparison
    total: int
    late: int

    def as_json(self) -> dict[str, object]:
        found = self.found
        return {
            "integration": self.integration,
            "from": format_time(self.start),
            "to": format_time(self.end),
            "agrees": found.agrees,
            "listed": found.listed,
            "counted": found.counted,
            "compared_by_id": found.by_id,
            "compared_by_minute": found.listed - found.by_id,
            "missing": len(found.missing) + found.uncounted,
            "doubled": found.doubled,
            "counted_and_not_listed": found.surplus,
            "late": self.late + found.late,
            "settled_with_another_score": found.differs,
            "changed_after_settling": found.changed,
            "missing_ids": sorted(found.missing, key=found.missing.__getitem__),
            "counted_in_all": self.total,
        }


def run(line: Line, *, since: str, json: bool) -> int:
    """Compare every integration; the exit code. Raises SettingsError."""
    loaded = load_parsed(line.flags, line.environ)
    settings = loaded.settings
    configure("error", settings.log.format)
    if place_of(settings.state) is None:
        raise SettingsError("state.path: is not set, and there is no other ledger to compare with")
    accounts = chosen(line, loaded)
    clock = SystemClock()
    begin = round(moment("--since", since, clock.now()) * MICROSECONDS)
    audits: list[Audit] = []
    failed = False
    for account in accounts:
        try:
            audits.append(asyncio.run(_audit(settings, account, begin, clock)))
        except (ApiError, StateError, NothingToAuditError) as error:
            complain(f"{account.integration}: {error}")
            failed = True
    _print(audits, whole=not failed, as_json=json)
    if failed:
        return 1
    return 0 if all(audit.found.agrees for audit in audits) else DIFFERENT


async def _audit(settings: Settings, account: Account, begin: int, clock: Clock) -> Audit:
    """Read the list again and compare it. Raises ApiError, StateError, NothingToAuditError."""
    ledger = _Ledger(settings, account.integration)
    first = ledger.state()
    async with one_shot_pipeline(settings, account, clock) as pipeline:
        served = await meet(pipeline, clock)
        start, end = _window(first, begin)
        start = await served.readable_from(start, end, await served.probe.now())
        start += -start % MINUTE
        expected = sum(n for minute, n in first.minutes.items() if _within(minute, start, end))
        cost = estimate(float(expected), end - start, pipeline.budget, served.probe.dates)
        note(f"{account.integration}: {_time(start)} to {_time(end)}, {cost}")
        return await _compare(settings, pipeline, served, ledger, (start, end), clock)


async def _compare(
    settings: Settings,
    pipeline: Pipeline,
    served: Served,
    ledger: "_Ledger",
    window: tuple[int, int],
    clock: Clock,
) -> Audit:
    start, end = window
    found, counting = Comparison(), counting_rules(settings)
    before = ledger.state()
    async with metered(pipeline.name, pipeline.budget) as meter:
        past = Past(
            pipeline.api,
            served.probe,
            pipeline.budget,
            clock,
            start=start,
            end=end,
            score_scale=counting.score_scale,
            on_page=meter.page,
        )
        async for part in past.parts():
            state, known = ledger.known(part.sessions)
            found.add(part.sessions, known, state.bounds.horizon, counting)
            meter.read((part.end - start) / (end - start))
    after, ids, late = ledger.last(found.missing, start, end)
    found.recheck(late)
    minutes = {**before.minutes, **after.minutes}
    found.finish(minutes, ids, (start // MINUTE, end // MINUTE))
    late_before, late_after = before.value(LATE), after.value(LATE)
    return Audit(
        pipeline.name, start, end, found, int(after.value(SESSIONS)), int(late_after - late_before)
    )


class _Ledger:
    """What one integration's ledger knows, as it was last committed at each look.

    All raise StateError.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        place = place_of(settings.state)
        assert place is not None  # noqa: S101 - as `run` saw
        self._place = place
        self._name = name

    def state(self) -> LedgerState:
        """Where it stands."""
        with look(self._place) as connection:
            return self._state(connection)

    def known(self, sessions: Iterable[Session]) -> tuple[LedgerState, dict[str, Known]]:
        """Where it stands, and what it knows of these sessions."""
        with look(self._place) as connection:
            state = self._state(connection)
            return state, self._load(connection, state, [session.id for session in sessions])

    def last(
        self, missing: Iterable[str], start: int, end: int
    ) -> tuple[LedgerState, dict[int, int], dict[str, Known]]:
        """Where it stands; the ids that it knows by minute; and what it knows of those missing."""
        with look(self._place) as connection:
            state = self._state(connection)
            first = -(-max(start, state.bounds.horizon) // MINUTE)
            ids = records.ids_by_minute(connection, state.row, first * MINUTE, end)
            whole = dict.fromkeys(range(first, end // MINUTE), 0) | ids
            return state, whole, self._load(connection, state, list(missing))

    def _state(self, connection: Connection) -> LedgerState:
        state = records.read_state(connection, self._name)
        if state is None:
            raise StateError("the state knows no integration of that name")
        return state

    def _load(
        self, connection: Connection, state: LedgerState, identities: list[str]
    ) -> dict[str, Known]:
        salt = records.salt(connection)
        keys = {records.hash_id(identity, salt): identity for identity in identities}
        found = records.load(connection, state.row, set(keys))
        return {keys[key]: known for key, known in found.items()}


def _window(state: LedgerState, begin: int) -> tuple[int, int]:
    """What can be compared, as whole minutes: what was surely counted, and is remembered.

    Raises NothingToAuditError.
    """
    if state.origin is None or state.frontier is None:
        raise NothingToAuditError("the exporter has counted nothing yet")
    remembered = min(state.minutes, default=state.frontier // MINUTE) * MINUTE
    start = max(begin, state.origin, min(remembered, state.bounds.horizon))
    start += -start % MINUTE
    end = state.frontier - state.frontier % MINUTE
    if end <= start:
        since = shown(state.origin // MICROSECONDS)
        raise NothingToAuditError(
            f"no whole minute is counted to its end yet: the exporter counts since {since}, and "
            f"was done up to {shown(state.frontier // MICROSECONDS)}"
        )
    return start, end


def _within(minute: int, start: int, end: int) -> bool:
    return start <= minute * MINUTE < end


def _print(audits: list[Audit], *, whole: bool, as_json: bool) -> None:
    agrees = whole and all(audit.found.agrees for audit in audits)
    if as_json:
        say(json.dumps({"agrees": agrees, "integrations": [it.as_json() for it in audits]}))
        return
    for audit in audits:
        for text in _lines(audit):
            say(text)
    if audits:
        said = "nothing is missing, nothing is doubled" if agrees else "ledger and list differ"
        said = said if whole else "not all integrations could be compared"
        say(f"{mark(GOOD if agrees else BAD)} verdict: {said}")


def _lines(audit: Audit) -> Iterable[str]:
    """What was found, a line for each thing that can be."""
    found = audit.found
    by_minute = found.listed - found.by_id
    yield f"{audit.integration}: {_time(audit.start)} to {_time(audit.end)}"
    how = f"{found.by_id:,} by id, {by_minute:,} by minute"
    yield f"  {mark(GOOD)} listed     {found.listed:,}: {how}"
    yield f"  {mark(GOOD)} counted    {found.counted:,}"
    missing = len(found.missing) + found.uncounted
    rows: Mapping[str, tuple[int, str, str]] = {
        "missing": (missing, BAD, "listed and not counted"),
        "doubled": (found.doubled, BAD, "counted more than once"),
        "surplus": (found.surplus, BAD, "counted, and not listed: doubled, or no longer served"),
        "score": (found.differs, BAD, "settled with another score, and unchanged since"),
        "changed": (found.changed, WARN, "changed after they were settled, which is not counted"),
        "late": (audit.late + found.late, WARN, "first seen behind the frontier, meanwhile"),
    }
    for name, (number, level, meaning) in rows.items():
        yield f"  {mark(level if number else GOOD)} {name:10} {number:,}  {meaning}"
    for identity in sorted(found.missing, key=found.missing.__getitem__)[:10]:
        yield f"      {_time(found.missing[identity])}  {identity!a}"


def _time(micros: int) -> str:
    return shown(ceil(micros / MICROSECONDS))


command: Any = make_command("audit", run, __doc__, OPTIONS)
