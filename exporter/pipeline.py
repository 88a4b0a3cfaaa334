"""One integration, from its key to its samples: the client, the collectors, the ledger, wired.

It decides nothing about counting, asking or showing; it only says what belongs together.
"""

import asyncio
import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from exporter.api.budget import Budget, Spending
from exporter.api.client import Client
from exporter.api.deadlines import Deadlines
from exporter.api.key import FixedKey, KeyFile, KeyGate, KeySource
from exporter.api.serverclock import ServerClock
from exporter.collect import registry
from exporter.collect.resource import Context, Resource
from exporter.collect.sessions.dates import Dates
from exporter.collect.usage import quota_limit_samples
from exporter.ledger.coverage import CoverageRatio
from exporter.ledger.engine import StateError
from exporter.ledger.ledger import Ledger
from exporter.log import get_logger
from exporter.metrics import catalogue
from exporter.metrics.model import Sample
from exporter.metrics.telemetry import Telemetry
from exporter.net.network import Network
from exporter.net.peer_client import PeerClient, http_client
from exporter.net.proxies import UnusableAddressError
from exporter.polling.frame import Poller, ResourceState
from exporter.polling.schedule import Schedule, place, spread
from exporter.redaction import redact
from exporter.settings.errors import SettingsError
from exporter.settings.model import Account, Settings
from exporter.settings.values import looks_like_key
from exporter.shared import Shared

STOP_SECONDS = 3.0
"""How long a poll under way may take to end once it is cancelled."""

_log = get_logger(__name__)


class Pipeline:
    """Everything that belongs to one integration: one key at one address, under one name.

    http: made by `connect`.
    telemetry, ledger: the integration's own, which outlive the pipeline.
    spread: seconds within which first polls begin, beside other integrations; None: it is alone.
    before: pipelines that ended as this one begins. What one with the same key and address spent
    and learnt is kept. The status of the resources of one with the same name is shown until they
    are polled.
    """

    def __init__(
        self,
        account: Account,
        settings: Settings,
        shared: Shared,
        http: PeerClient,
        *,
        telemetry: Telemetry,
        ledger: Ledger,
        spread: float | None = None,
        before: "Iterable[Pipeline]" = (),
    ) -> None:
        self.account = account
        self._spread = spread
        self._shown_skew: float | None = None
        self.telemetry = telemetry
        self.ledger = ledger
        self._settings = settings
        self._shared = shared
        clock = shared.clock
        share, replicas = settings.budget.share, self._replicas(settings)
        self._polls = shared.leases is None
        self._has_polled = self._polls
        self.gate = KeyGate(_key_source(account), clock, random.random)
        same = next((it for it in before if it.asks_like(account)), None)
        self.budget: Budget = (
            same.budget if same else Budget(share, replicas, clock, registry.BEHIND)
        )
        self.budget.resize(share, replicas)
        self.server_clock: ServerClock = same.server_clock if same else ServerClock(clock.now)
        self.dates: Dates = same.dates if same else Dates()
        self._coverage: CoverageRatio = CoverageRatio()
        self._deadlines = Deadlines()
        self._client = Client(
            http,
            gate=self.gate,
            budget=self.budget,
            server_clock=self.server_clock,
            retry=shared.retry,
            clock=clock,
            telemetry=telemetry,
            deadlines=self._deadlines,
            auth_header=settings.auth_header,
            keyless=registry.KEYLESS,
            bounds=registry.BOUNDS,
        )
        named = next((it for it in before if it.name == self.name), None)
        self._pollers = self._planned(settings, named)

    @property
    def name(self) -> str:
        """The value of the label `integration`."""
        return self.account.integration

    @property
    def pollers(self) -> Collection[Poller]:
        """The pollers of the resources that are on."""
        return self._pollers.values()

    @property
    def up(self) -> bool:
        """Whether the last attempt of at least one authenticated resource was answered well."""
        return any(it.state.up for it in self.pollers if it.resource not in registry.KEYLESS)

    @property
    def api(self) -> Client:
        """The API as this integration's key sees it, within its budget."""
        return self._client

    @property
    def busiest_rate(self) -> float | None:
        """Sessions a second in the busiest hour of the analytics read last; None without any."""
        return self._coverage.busiest_rate

    @property
    def polls(self) -> bool:
        """Whether it polls here; else another replica does, and what that commits is shown."""
        return self._polls

    def _replicas(self, settings: Settings) -> int:
        """How many exporters spend the key's budget: with leases, one at a time."""
        return settings.budget.replicas if self._shared.leases is None else 1

    def asks_like(self, account: Account) -> bool:
        """Whether it asks with the account's key at the account's address."""
        mine = self.account
        return (mine.key, mine.base_url) == (account.key, account.base_url)

    # -- polling, and what a reload changes of it

    def take(self, theirs: Spending, together: int) -> None:
        """Poll from the next start on: the lease is ours.

        theirs: what another replica may have spent of the budget within the last minute.
        together: how many integrations begin with it.
        """
        if self._spread is not None:
            self._spread = spread(together)
        self._polls = self._has_polled = True
        self.budget.assume(theirs)
        # What pollers keep of the API in memory is of the time before another polled.
        self._pollers = self._planned(self._settings, None)
        self._shared.on_change(self.name)

    async def leave(self) -> None:
        """Poll no longer: the lease is another's, or may be."""
        await self.stop()
        self._polls = False
        self._shared.on_change(self.name)

    def start(self, group: asyncio.TaskGroup) -> None:
        """Poll every resource that is not polled yet, until `stop`."""
        if not self._polls:
            return
        timetable = self._shared.timetable
        for poller in self.pollers:
            if poller not in timetable:
                timetable.begin(poller, group)
        if "sessions" not in self._pollers:
            group.create_task(self._rest(), name=f"rest of {self.name}")

    async def _rest(self) -> None:
        """Tell the ledger that sessions are not polled, so that no backlog is made of the time."""
        try:
            await self.ledger.rest()
        except StateError as error:
            _log.warning("state_unavailable", integration=self.name, error=str(error))

    def cancel(self) -> None:
        """Ask every poll to end."""
        self._shared.timetable.end(self.pollers)

    async def stop(self, kept: Collection[Poller] = ()) -> None:
        """End every poller but those, and wait for the poll under way, for a bounded time."""
        polls = self._shared.timetable.end(it for it in self.pollers if it not in kept)
        if polls:
            await asyncio.wait(polls, timeout=STOP_SECONDS)

    async def adjust(self, settings: Settings, http: PeerClient) -> None:
        """Go on with other settings; what they do not concern is left running.

        The ledger has to count by them already. http: made by `connect`.
        """
        self.budget.resize(settings.budget.share, self._replicas(settings))
        self._client.auth_header = settings.auth_header
        pollers = self._planned(settings, self)
        await self.stop(kept=pollers.values())
        self._settings, self._pollers = settings, pollers
        for poller in self.pollers:
            poller.stale_after = registry.stale_after(settings, poller.resource)
        self._client.reconnect(http)

    async def close(self) -> None:
        """Close the connections to the API."""
        await self._client.close()

    def _planned(self, settings: Settings, before: "Pipeline | None") -> Mapping[str, Poller]:
        """The pollers for these settings; ours where nothing of theirs changes."""
        context = Context(
            settings=settings,
            api=self._client,
            budget=self.budget,
            server_clock=self.server_clock,
            dates=self.dates,
            clock=self._shared.clock,
            telemetry=self.telemetry,
            store=self._shared.store,
            ledger=self.ledger,
            coverage=self._coverage,
        )
        pollers = {}
        for resource in registry.polled(settings):
            unchanged = self._unchanged(resource, settings) if before is self else None
            pollers[resource.name] = unchanged or Poller(
                resource.collector(context),
                integration=self.name,
                interval=resource.interval(settings),
                stale_after=resource.stale_after(settings),
                clock=self._shared.clock,
                telemetry=self.telemetry,
                deadlines=self._deadlines,
                on_poll=partial(self._shared.on_change, self.name),
                schedule=self._schedule(resource, settings),
                state=before._known(resource, settings) if before else None,
            )
        return pollers

    def _schedule(self, resource: Resource, settings: Settings) -> Schedule:
        interval = resource.interval(settings)
        if self._spread is None:
            return Schedule(interval)
        return Schedule(interval, place(self.name, resource.name), self._spread)

    def _unchanged(self, resource: Resource, settings: Settings) -> Poller | None:
        """The poller of a resource, if it may go on as it is."""
        poller = self._pollers.get(resource.name)
        same = resource.reads(settings) == resource.reads(self._settings)
        at_pace = resource.interval(settings) == resource.interval(self._settings)
        return poller if same and at_pace else None

    def _known(self, resource: Resource, settings: Settings) -> ResourceState | None:
        """What stays true of a resource under other settings; None where it was not polled."""
        poller = self._pollers.get(resource.name)
        if poller is None:
            return None
        if resource.reads(settings) != resource.reads(self._settings):
            bare = {name: part for name, part in poller.state.parts.items() if not part.samples}
            return replace(poller.state, parts=bare)
        return poller.state

    # -- what is shown

    def steady(self, since: float, until: float) -> bool:
        """Whether `samples` stay the same between these monotonic times, unless a poll ends."""
        if not self._polls:
            return True
        skew, shown = self._skew(), self._shown_skew
        # Our own clock may have been set meanwhile.
        stepped = (skew is None) != (shown is None) or abs((skew or 0.0) - (shown or 0.0)) >= 0.5
        return not stepped and all(poller.steady(since, until) for poller in self.pollers)

    def _skew(self) -> float | None:
        """The API's clock minus ours, in seconds; None before it is known."""
        clock = self._shared.clock
        return self.server_clock.skew(clock.monotonic(), clock.now())

    def samples(self) -> Iterator[Sample]:
        """All series of the integration, as they are now.

        Where another replica polls, those that it commits: the others are its own to show.
        """
        if self._shared.leases is not None:
            yield Sample(catalogue.EXPORTER_POLLER, float(self._polls))
        if not self._polls:
            if self._has_polled:
                yield from self.telemetry.samples()
            if self._settings.poll.sessions_interval:
                yield from self.ledger.samples(gauges=False)
            return
        yield Sample(catalogue.UP, float(self.up))
        if self.gate.valid is not None:
            yield Sample(catalogue.API_KEY_VALID, float(self.gate.valid))
        labels = (self.account.region, self.budget.tier or "unknown")
        yield Sample(catalogue.INTEGRATION_INFO, 1.0, labels)
        self._shown_skew = skew = self._skew()
        if skew is not None:
            yield Sample(catalogue.API_CLOCK_SKEW, skew)
        yield Sample(catalogue.API_RATE_LIMIT, float(self.budget.tier_limit))
        yield Sample(catalogue.API_BUDGET, self.budget.per_minute)
        if self._settings.poll.usage_interval:
            yield from quota_limit_samples(self._settings.quota.limits)
        yield from self.telemetry.samples()
        for poller in self.pollers:
            yield from poller.samples()
            if poller.resource == "sessions":
                yield from self._session_samples(poller)

    def _session_samples(self, poller: Poller) -> Iterator[Sample]:
        state = self.ledger.state
        if state is None:
            return
        fresh = poller.fresh_part("sessions")
        yield from self.ledger.samples(gauges=fresh)
        coverage = self._coverage.ratio(state)
        if fresh and coverage is not None:
            yield Sample(catalogue.SESSION_COVERAGE, coverage)


def connect(base_url: str, network: Network) -> PeerClient:
    """An HTTP client for that address, which connects when it is used first.

    network: proxies and trusted certificates, the same for all addresses.
    Raises SettingsError where none can be made with these settings and variables.
    """
    try:
        return http_client(base_url, network)
    except UnusableAddressError as error:
        raise SettingsError(str(error)) from None


def _note_key(integration: str, key: str) -> None:
    """Take note of a key that a file holds now: it is never shown, and an odd one is warned of."""
    redact.add(key)
    if not looks_like_key(key):
        _log.warning(
            "setting_warning",
            integration=integration,
            setting="api_key_file",
            message="the key in the file does not look like aik_v1_ and 40 characters; "
            "the API will decide",
        )


def _key_source(account: Account) -> KeySource:
    key = account.key
    if key.api_key is not None:
        return FixedKey(key.api_key.get_secret_value())
    if key.api_key_file is not None:
        return KeyFile(key.api_key_file, partial(_note_key, account.integration))
    raise ValueError(f"integration {account.integration} has no key")
