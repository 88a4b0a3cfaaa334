"""What is put down of bots when they are settled: to have their details read, and to be told.

It happens in the transaction that settles them, so each is put down once.
"""

from collections.abc import Sequence
from dataclasses import replace

from exporter.api.schema.flags import is_label
from exporter.ledger import outboxes, records
from exporter.ledger import state as states
from exporter.ledger.rules import Known, Rules
from exporter.ledger.transaction import Transaction
from exporter.metrics.model import OTHER
from exporter.publish.findings import Finding, finding_id


def put_down(
    tx: Transaction, bots: Sequence[Known], integration: str, salt: bytes, rules: Rules
) -> None:
    """Let these bots, which are settled now, wait in the outboxes."""
    named = [(it.name, it) for it in bots if it.name is not None]
    connection, row = tx.connection, tx.state.row
    if rules.details:
        keyed = [(records.hash_id(name, salt), name) for name, _ in named]
        skipped = outboxes.add_details(connection, row, keyed, tx.wall)
        tx.add({(states.DETAIL, "skipped"): skipped})
    if rules.findings:
        findings = [_finding(integration, name, it, tx.wall) for name, it in named]
        dropped = outboxes.add_findings(connection, row, findings)
        tx.add({(states.FINDING, "dropped"): dropped})
        waiting = outboxes.waiting_findings(connection, row)
        tx.state = replace(tx.state, findings=waiting)


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
