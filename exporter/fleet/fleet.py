"""One replica among several: it says that it lives, holds its share of the leases, and reads along.

Every few seconds, in one transaction: it renews its own row, sees who lives and who holds what, and
claims or gives up. Then it reads what others committed since. It has a connection of its own, so
that a long commit delays no renewal. What is polled, and what is shown, others decide.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from secrets import token_hex

from exporter.api.budget import Spending
from exporter.clock import Clock
from exporter.fleet import leases
from exporter.fleet.leases import LEASE_SECONDS, Lease, Seen
from exporter.fleet.shares import Moves, moves
from exporter.ledger import records
from exporter.ledger.engine import Connection, StateError
from exporter.ledger.state import LedgerState
from exporter.ledger.store import Store
from exporter.log import get_logger

BEAT_SECONDS = 2.0
"""How often a replica renews its row, and reads what others committed."""

MARGIN_SECONDS = 1.0
"""A replica that could not renew its row stops polling so long before others may take over."""

LEAVE_SECONDS = 3.0
"""How long a replica that ends tries to say so; else the others miss it in time."""

MOST_READ = 200
"""Integrations whose counts are read in one transaction."""

States = Mapping[str, tuple[LedgerState, int]]
"""By integration: what is committed, and the number of that commit."""

_log = get_logger(__name__)


class Leases:
    """The leases of one replica, by integration."""

    def __init__(self, replica: str) -> None:
        self.replica = replica
        self._leases: dict[str, Lease] = {}

    def lease(self, integration: str) -> Lease:
        """That integration's, made where it is new."""
        return self._leases.setdefault(integration, Lease(integration, self.replica))

    def held(self) -> list[str]:
        """The integrations whose lease is ours."""
        return [name for name, lease in self._leases.items() if lease.epoch >= 0]

    def hold(self, epochs: Mapping[str, int]) -> None:
        """Ours are these, and no others."""
        for name in epochs:
            self.lease(name)
        for name, lease in self._leases.items():
            lease.epoch = epochs.get(name, -1)


@dataclass(frozen=True, slots=True)
class _Beat:
    """What a beat found.

    epochs: of the leases that are ours. giving: those of them that we give up. spending: of others,
    of what was claimed.
    """

    seen: Seen
    epochs: Mapping[str, int]
    giving: Collection[str]
    spending: Mapping[str, Spending]


class Fleet:
    """This replica's part in the fleet.

    store: of its own. wanted: the integrations of the settings. spending: what is spent of their
    budgets. hold: is told which integrations to poll, with what others may have spent of their
    budgets; it returns once the others rest. follow: is told what others committed.
    """

    def __init__(
        self,
        store: Store,
        leases: Leases,
        clock: Clock,
        *,
        wanted: Callable[[], Collection[str]],
        spending: Callable[[], Mapping[str, Spending]],
        hold: Callable[[Mapping[str, Spending]], Awaitable[None]],
        follow: Callable[[States], None],
    ) -> None:
        self._store = store
        self._leases = leases
        self._clock = clock
        self._wanted = wanted
        self._spending = spending
        self._hold = hold
        self._follow = follow
        self._until = float("-inf")
        self._shown: dict[str, int] = {}
        self.problem: str | None = None
        """Why the last beat failed; None where it did not."""
        self._seen = Seen()

    @property
    def alive(self) -> int:
        """How many replicas live, as was last seen; 0 before the first look."""
        return len(self._seen.live)

    def poller(self, integration: str) -> str | None:
        """Which living replica holds the integration's lease; None also while that is not known."""
        row = None if self.problem else self._seen.leases.get(integration)
        return row.holder if row is not None and row.holder in self._seen.live else None

    async def run(self) -> None:
        """Beat until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            while True:
                await self.beat()
                await self._clock.sleep(BEAT_SECONDS)

    async def beat(self) -> None:
        """Renew, claim, give up, and read along, once. What fails is tried again at the next."""
        began = self._clock.monotonic()
        # Read here: on the store's thread they would change while they are read.
        wanted, spending = sorted(self._wanted()), dict(self._spending())
        try:
            found = await self._store.run(
                partial(_look_and_claim, self._leases.replica, wanted, spending)
            )
            self._until = began + LEASE_SECONDS - MARGIN_SECONDS
            await self._take(found)
            await self._read_along(found)
        except StateError as error:
            if self.problem is None:
                _log.warning("fleet_unavailable", error=str(error))
            self.problem = str(error)
            return
        if self.problem is not None:
            _log.info("fleet_recovered")
        self.problem = None

    async def leave(self) -> None:
        """Give up all leases at once, as the last thing before the end; LEAVE_SECONDS at most."""
        spending = dict(self._spending())
        self._leases.hold({})
        with contextlib.suppress(StateError, TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._store.run(lambda it: leases.leave(it, self._leases.replica, spending))
                await self._store.close()

    async def _watch(self) -> None:
        """Stop polling before others may take over, also while the database does not answer."""
        while True:
            left = self._until - self._clock.monotonic()
            if left <= 0 and self._leases.held():
                _log.warning("leases_expired", message="the database could not be reached in time")
                self._leases.hold({})
                await self._hold({})
            await self._clock.sleep(left if 0 < left < BEAT_SECONDS else BEAT_SECONDS / 2)

    async def _take(self, found: _Beat) -> None:
        """Poll what is ours, and give up what is too much: first it rests, then it is free."""
        self._seen = found.seen
        kept = {name: epoch for name, epoch in found.epochs.items() if name not in found.giving}
        before = set(self._leases.held())
        self._leases.hold(kept)
        if before != set(kept):
            _log.info("leases", held=len(kept), integrations=len(self._wanted()), alive=self.alive)
        await self._hold({name: found.spending.get(name, Spending()) for name in kept})
        given = [name for name in found.epochs if name not in kept]
        if given:
            await self._store.run(lambda it: leases.release(it, self._leases.replica, given))

    async def _read_along(self, found: _Beat) -> None:
        """Show what others committed since the last look."""
        mine = set(self._leases.held())
        wanted = set(self._wanted())
        changed = [
            name
            for name, row in found.seen.leases.items()
            if name in wanted and name not in mine and row.version != self._shown.get(name, 0)
        ]
        for start in range(0, len(changed), MOST_READ):
            names = changed[start : start + MOST_READ]
            states = await self._store.read(partial(_committed, names))
            self._follow(states)
            self._shown.update((name, version) for name, (_, version) in states.items())


def _look_and_claim(
    me: str, wanted: list[str], spending: Mapping[str, Spending], connection: Connection
) -> _Beat:
    """One beat of replica `me`, in one transaction."""
    leases.renew(connection, me, kind_of(wanted), spending, LEASE_SECONDS)
    seen = leases.look(connection)
    missing = [name for name in wanted if name not in seen.leases]
    if missing:
        leases.add(connection, missing)
        seen = leases.look(connection)
    epochs = {name: row.epoch for name, row in seen.leases.items() if row.holder == me}
    gone = [name for name in epochs if name not in set(wanted)]
    plan = plan_of(me, wanted, seen)
    claimed: dict[str, int] = {}
    if plan.claim:
        free = [name for name in wanted if seen.leases[name].holder not in seen.live]
        claimed = leases.claim(connection, me, free, plan.claim)
    others = {last for name in claimed if (last := seen.leases[name].last) not in (None, me)}
    told = leases.spending_of(connection, filter(None, others))
    leases.forget_dead(connection)
    by_others = {
        name: told.get(seen.leases[name].last or "", {}).get(name, Spending()) for name in claimed
    }
    return _Beat(seen, epochs | claimed, (*gone, *plan.release), by_others)


def _committed(names: list[str], connection: Connection) -> States:
    """What is committed of these integrations, and the number of the last commit of each."""
    ((_, marks),) = records.in_chunks(names)
    query = f"SELECT integration, version FROM lease WHERE integration IN ({marks})"  # noqa: S608 - question marks
    versions = dict(connection.execute(query, names).fetchall())
    states = records.read_counts(connection, names)
    return {name: (state, versions[name]) for name, state in states.items()}


def plan_of(me: str, wanted: Collection[str], seen: Seen) -> Moves:
    """What this replica claims and gives up.

    It shares with those that have the same integrations. While settings differ, as in a roll-out,
    what others hold stays theirs.
    """
    mine = seen.live.get(me)
    peers = {name for name, kind in seen.live.items() if kind == mine} | {me}
    holders: dict[str, str | None] = {}
    for name in wanted:
        holder = seen.leases[name].holder
        if holder is None or holder not in seen.live:
            holders[name] = None
        elif holder in peers:
            holders[name] = holder
    return moves(me, peers, holders)


def kind_of(wanted: Collection[str]) -> str:
    """What stands for these integrations: replicas that have the same ones share them."""
    return blake2b(json.dumps(sorted(wanted)).encode(), digest_size=8).hexdigest()


def replica_name() -> str:
    """A name for this process that no other has: its host's, and something random."""
    return f"{socket.gethostname()[:63]}-{token_hex(4)}"
