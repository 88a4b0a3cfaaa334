"""Pages of the list in, a tally out: what is known of their sessions is read, judged and written.

It happens in the transaction that commits the tally, so that each reading counts once.
"""

from collections.abc import Iterable, Sequence
from functools import partial

from msgspec.structs import replace

from exporter.api.schema.flags import is_label
from exporter.api.schema.session import InvalidSession, Session
from exporter.ledger import placerecords, records, rules
from exporter.ledger.engine import Connection
from exporter.ledger.places import Book
from exporter.ledger.rules import Known, Rules, Tally
from exporter.ledger.transaction import Transaction
from exporter.metrics import catalogue

Pages = Sequence[tuple[Sequence[Session | InvalidSession], int]]
"""The items of each page, and the API's time of its reading."""


def count(tx: Transaction, pages: Pages, counting: Rules, salt: bytes) -> Tally:
    """What these pages add to the counters; it is not added to them yet."""
    connection, row, effects = tx.connection, tx.state.row, tx.effects
    tally, bounds = Tally(), tx.state.bounds
    invalid: list[bytes] = []
    shown: list[tuple[bytes, Session, int]] = []
    for items, at in pages:
        for item in items:
            if isinstance(item, Session):
                key = records.hash_id(item.id, salt)
                shown.append((key, _with_known_flags(item, salt), at))
                effects.odd.update(item.odd)
            elif item.created is None or item.created >= bounds.horizon:
                invalid.append(records.hash_id(item.key, salt))
    known = records.load(connection, row, {key for key, _, _ in shown})
    book = _book(connection, row, [session for _, session, _ in shown], counting, salt)
    changed: dict[bytes, Known] = {}
    for key, session, at in shown:
        before = known.get(key)
        after = rules.read(before, session, at, bounds, counting, tally, book)
        if after is not None and after is not before:
            known[key] = changed[key] = after
    records.save(connection, row, changed)
    if book is not None:
        placerecords.save(connection, row, book)
        effects.folded[catalogue.PLACE_SESSIONS.name] += book.folded.total()
    if invalid:
        effects.invalid = records.remember_invalid(connection, row, invalid, pages[-1][1])
    return tally


def _book(
    connection: Connection,
    integration: int,
    shown: Iterable[Session],
    counting: Rules,
    salt: bytes,
) -> Book | None:
    """What is known of the places that these sessions are at; None where none are set."""
    if not counting.places:
        return None
    hashed = partial(records.hash_id, salt=salt)
    places = {place.name: place for place in counting.places}
    seen = (pair for session in shown for pair in session.places)
    return placerecords.load(connection, integration, places, counting.min_users, hashed, seen)


def _with_known_flags(session: Session, salt: bytes) -> Session:
    """The session, flags that cannot be labels replaced by their hashes."""
    if all(map(is_label, session.flags)):
        return session
    flags = tuple(
        flag if is_label(flag) else records.hash_flag(flag, salt) for flag in session.flags
    )
    return replace(session, flags=flags)
