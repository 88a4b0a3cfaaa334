"""The integrations that are polled: a reload keeps some, starts some and stops some.

What outlives a pipeline is kept here by the integration's name: its ledger, and the counters that
the exporter keeps of it.
"""

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from exporter.api.budget import Spending
from exporter.collect.registry import polled_names
from exporter.counting import adjust_ledger, make_ledger
from exporter.ledger.engine import StateError
from exporter.ledger.ledger import Ledger
from exporter.ledger.state import LedgerState
from exporter.metrics.instruments import Counter
from exporter.metrics.telemetry import Telemetry
from exporter.net.network import Network
from exporter.net.peer_client import PeerClient
from exporter.pipeline import Pipeline, connect
from exporter.polling.frame import Poller
from exporter.polling.schedule import place, spread
from exporter.settings.model import INTEGRATION_FIELDS, Account, Settings
from exporter.shared import Shared

POOLED = 16
"""So many integrations of one address share a pool of connections, or up to twice as many. For each
request httpcore looks at all connections of its pool, and at all of them again for each request
that waits: with one pool for 1,000 integrations a start never came to its end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings that can be applied: there are connections for each address.

    Nothing runs by them yet. connections: by address and number; see `pool_of`.
    """

    settings: Settings
    network: Network
    connections: Mapping[tuple[str, int], PeerClient]

    def pool(self, account: Account) -> PeerClient:
        """The pool of connections through which the account asks."""
        return self.connections[pool_of(account, len(self.settings.integrations))]

    def suits_all_as(self, other: "Plan") -> bool:
        """Whether the two differ at most in which integrations there are."""
        shared = Settings.model_fields.keys() - INTEGRATION_FIELDS
        return self.network == other.network and all(
            getattr(self.settings, name) == getattr(other.settings, name) for name in shared
        )


def pool_of(account: Account, integrations: int) -> tuple[str, int]:
    """The address, and which of its pools of connections the account shares with some others.

    integrations: how many are listed. By the integration's name, so that a reload moves no other
    one, unless there are twice as many by then.
    """
    pools = 1 << max(0, (integrations - 1) // POOLED).bit_length()
    return account.base_url, int(place(account.integration, "connections") * pools)


class Pipelines:
    """All pipelines of one process.

    started: when the process began, (Unix, monotonic) seconds.
    dropped: the exporter-wide counter of folded label values.
    """

    def __init__(self, shared: Shared, started: tuple[float, float], dropped: Counter) -> None:
        self._shared = shared
        self._started = started
        self._dropped = dropped
        self._pipelines: tuple[Pipeline, ...] = ()
        self._plan: Plan | None = None
        self._telemetry: dict[str, Telemetry] = {}
        self._ledgers: dict[str, Ledger] = {}
        self._group: asyncio.TaskGroup | None = None
        self._reconciling = False
        self._changing = asyncio.Lock()
        self._held: dict[str, Spending] = {}

    def __iter__(self) -> Iterator[Pipeline]:
        return iter(self._pipelines)

    def pollers(self) -> Iterator[tuple[Pipeline, Poller]]:
        """Every poller that polls here, with its pipeline."""
        return (
            (pipeline, poller) for pipeline in self if pipeline.polls for poller in pipeline.pollers
        )

    def plan(self, settings: Settings, network: Network | None = None) -> Plan:
        """See whether these settings can be applied; those that run notice nothing of it.

        network: how the API is reached; None: as the process's environment and the settings say.
        Raises SettingsError, OSError, ValueError, ImportError.
        """
        network = network or Network.read(os.environ, settings.tls.ca_file)
        current = self._plan.connections if self._plan and self._plan.network == network else {}
        number = len(settings.integrations)
        pools = {pool_of(account, number) for account in settings.accounts()}
        connections = {it: current.get(it) or connect(it[0], network) for it in sorted(pools)}
        return Plan(settings, network, connections)

    def begin(self, plan: Plan) -> None:
        """Make the first pipelines; nothing is polled before `start`."""
        self._plan = plan
        accounts = plan.settings.accounts()
        self._pipelines = tuple(
            self._new(account, plan, self._started, len(accounts), ()) for account in accounts
        )

    def start(self, group: asyncio.TaskGroup) -> None:
        """Poll from now on."""
        self._group = group
        if not self._reconciling:
            # Else it starts them itself, once those that end have ended.
            for pipeline in self:
                pipeline.start(group)

    async def reconcile(self, plan: Plan) -> None:
        """Do what the plan asks for.

        A pipeline whose key, address and name stay the same goes on, with its ledger, its budget
        and all that it learnt of the API. Only pollers that the change concerns begin anew.
        """
        async with self._changing:
            self._reconciling = True
            try:
                await self._reconcile(plan)
            finally:
                self._reconciling = False
            self._take()
        if self._group is not None:
            self.start(self._group)

    @property
    def losses(self) -> int:
        """How often, of all integrations, the state had less than was committed."""
        return sum(ledger.losses for ledger in self._ledgers.values())

    async def hold(self, held: Mapping[str, Spending]) -> None:
        """Poll these integrations and no others: those of which this replica has the lease.

        held: with what others may have spent of each one's budget within the last minute.
        """
        async with self._changing:
            self._held = dict(held)
            gone = [it for it in self if it.polls and it.name not in held]
            await asyncio.gather(*(it.leave() for it in gone))
            self._take()

    def _take(self) -> None:
        """Start those whose lease is ours and that do not poll yet."""
        taken = [it for it in self if not it.polls and it.name in self._held]
        for pipeline in taken:
            pipeline.take(self._held[pipeline.name], len(taken))
            if self._group is not None:
                pipeline.start(self._group)

    def follow(self, states: Mapping[str, tuple[LedgerState, int]]) -> None:
        """Show what other replicas committed: by integration, with the number of the commit."""
        for name, (state, version) in states.items():
            ledger = self._ledgers.get(name)
            if ledger is not None:
                ledger.follow(state, version)
                self._shared.on_change(name)

    def cancel(self) -> None:
        """Ask every poll to end, and start no other."""
        self._group = None
        for pipeline in self:
            pipeline.cancel()

    async def close(self) -> None:
        """Close all connections to the API."""
        for pipeline in self:
            await pipeline.close()

    async def _reconcile(self, plan: Plan) -> None:
        settings, accounts = plan.settings, plan.settings.accounts()
        before = {pipeline.account: pipeline for pipeline in self}
        stopped = [before[account] for account in before.keys() - set(accounts)]
        # Where only the list of integrations changed, those that stay notice nothing.
        touched = [before[account] for account in accounts if account in before]
        if self._plan is not None and self._plan.suits_all_as(plan):
            touched = []
        else:
            for ledger in self._ledgers.values():
                adjust_ledger(ledger, settings)
        self._plan = plan
        await asyncio.gather(
            *(pipeline.stop() for pipeline in stopped),
            *(it.adjust(settings, plan.pool(it.account)) for it in touched),
        )
        now = (self._shared.clock.now(), self._shared.clock.monotonic())
        added = len(set(accounts) - before.keys())
        self._pipelines = tuple(
            before.get(account) or self._new(account, plan, now, added, stopped)
            for account in accounts
        )
        new = [pipeline for pipeline in self if pipeline.account not in before]
        for pipeline in (*touched, *new):
            pipeline.telemetry.watch(polled_names(settings))
            self._shared.on_change(pipeline.name)
            if self._group is not None and pipeline.polls:
                # So that the counters do not vanish until the first poll; that tries again.
                with suppress(StateError):
                    await pipeline.ledger.prepare()
        for pipeline in stopped:
            await pipeline.close()

    def _new(
        self,
        account: Account,
        plan: Plan,
        started: tuple[float, float],
        together: int,
        before: Iterable[Pipeline],
    ) -> Pipeline:
        """A pipeline, with the ledger and the counters that its name has already.

        together: how many start with it.
        """
        settings = plan.settings
        name = account.integration
        telemetry = self._telemetry.get(name)
        if telemetry is None:
            telemetry = Telemetry(started[0], polled_names(settings), self._dropped)
            self._telemetry[name] = telemetry
        if name not in self._ledgers:
            self._ledgers[name] = make_ledger(name, settings, self._shared, telemetry, started)
        return Pipeline(
            account,
            settings,
            self._shared,
            plan.pool(account),
            telemetry=telemetry,
            ledger=self._ledgers[name],
            spread=spread(together) if settings.integrations else None,
            before=before,
        )
