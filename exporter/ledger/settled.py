"""What is put down of bots when they are settled: to have their details read, and to be told.

It happens in the transaction that settles them, so each is put down once.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from exporter.api.schema.flags import is_label
from exporter.ledger import outboxes, records
from exporter.ledger import state as states
from exporter.ledger.rules import Known, Rules
from exporter.ledger.state import LedgerState
from exporter.metrics.model import OTHER
from exporter.publish.findings import Finding, finding_id


def put_down(
    connection: sqlite3.Connection,
    state: LedgerState,
    bots: Sequence[Known],
    integration: str,
    salt: bytes,
    now: float,
    rules: Rules,
) -> LedgerState:
    """The state once these bots, settled at Unix seconds `now`, wait in the outboxes."""
    named = [(it.name, it) for it in bots if it.name is not None]
    added: dict[tuple[str, str], float] = {}
    if rules.details:
        keyed = [(records.hash_id(name, salt), name) for name, _ in named]
        skipped = outboxes.add_details(connection, state.row, keyed, now)
        added[states.DETAIL, "skipped"] = skipped
    if rules.findings:
        findings = [_finding(integration, name, it, now) for name, it in named]
        dropped = outboxes.add_findings(connection, state.row, findings)
        added[states.FINDING, "dropped"] = dropped
        waiting = outboxes.waiting_findings(connection, state.row)
        state = replace(state, findings=waiting)
    return records.raise_counts(connection, state, added, now)


def _finding(integration: str, name: str, bot: Known, now: float) -> Finding:
    return Finding(
        finding_id(integration, name),
        integration,
        name,
        bot.created,
        now,
        bot.score,
        tuple(sorted(filter(is_label, bot.flags))),
        tuple((place, value) for place, value in bot.places if value != OTHER),
    )
