"""One integration, from its key to its readings: the client, the collectors, the ledger, wired.

It decides nothing about counting, asking or showing; it only says what belongs together.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from exporter.api import tiers
from exporter.api.budget import Budget
from exporter.api.client import Client, UnusableVariableError, http_client
from exporter.api.key import FixedKey, KeyFile, KeyGate, KeySource
from exporter.api.retry import RetryPolicy
from exporter.api.serverclock import ServerClock
from exporter.api.times import MICROSECONDS
from exporter.clock import Clock
from exporter.collect.analytics import Analytics
from exporter.collect.health import Health
from exporter.collect.integration import Integration
from exporter.collect.sessions.collector import Sessions
from exporter.collect.stats import Stats
from exporter.collect.usage import Usage, quota_limit_readings
from exporter.ledger.coverage import Coverage
from exporter.ledger.ledger import Ledger
from exporter.ledger.rules import Rules
from exporter.ledger.store import Store
from exporter.ledger.usage_days import StoredUsageDays
from exporter.log import get_logger
from exporter.metrics import catalogue
from exporter.metrics.model import Reading
from exporter.metrics.telemetry import Telemetry
from exporter.polling.collector import Collector
from exporter.polling.frame import Poller, ResourceState
from exporter.redaction import redact
from exporter.settings.errors import SettingsError
from exporter.settings.model import Account, Settings
from exporter.settings.values import looks_like_key

AUTHENTICATED = tuple(name for name in catalogue.RESOURCES if name != "health")


def polled(settings: Settings) -> tuple[str, ...]:
    """The resources that are on."""
    return tuple(name for name in catalogue.RESOURCES if settings.poll.interval(name))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all integrations share.

    started: when the process began, (Unix, monotonic) seconds.
    retry: what is tried again within one poll.
    """

    settings: Settings
    store: Store
    clock: Clock
    started: tuple[float, float]
    on_poll: Callable[[], None]
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(random.random))


_SHAPED_BY = {"stats": "stats", "analytics": "analytics", "usage": "quota"}
"""Resources whose readings depend on a section of the settings."""


_log = get_logger(__name__)


class Pipeline:
    """Everything that belongs to one integration.

    before: the same integration's pipeline until a reload, of which all stays known that is still
    true: how its resources fare, and of the same key at the same address also what the API said of
    the key, its clock and its analytics. Its budget is followed once it polls no more.
    Raises SettingsError where no connection could be made with these settings and variables.
    """

    def __init__(
        self,
        account: Account,
        telemetry: Telemetry,
        shared: Surroundings,
        before: "Pipeline | None" = None,
    ) -> None:
        self.account: Account = account
        settings, clock = shared.settings, shared.clock
        same = before if before is not None and before.account == account else None
        self.telemetry = telemetry
        self._settings = settings
        self._clock = clock
        self.budget = Budget(settings.budget.share, settings.budget.replicas, clock)
        self.gate: KeyGate = (
            same.gate if same else KeyGate(_key_source(account), clock, random.random)
        )
        self.server_clock: ServerClock = same.server_clock if same else ServerClock(clock.now)
        try:
            self._http = http_client(account.base_url)
        except UnusableVariableError as error:
            raise SettingsError(str(error)) from None
        self._client = Client(
            self._http,
            gate=self.gate,
            budget=self.budget,
            server_clock=self.server_clock,
            retry=shared.retry,
            clock=clock,
            telemetry=telemetry,
            auth_header=settings.auth_header,
        )
        self._coverage: Coverage = same._coverage if same else Coverage()
        self.ledger = Ledger(
            shared.store,
            account.integration,
            _rules(settings),
            clock=clock,
            started=shared.started,
            lookback=settings.sessions.lookback,
            max_flags=settings.sessions.max_flags,
            exemplars=settings.sessions.exemplars,
            telemetry=telemetry,
        )
        self.pollers = tuple(
            Poller(
                self._collector(name, shared.store),
                integration=account.integration,
                interval=settings.poll.interval(name),
                stale_after=settings.poll.stale_after_of(name),
                clock=clock,
                telemetry=telemetry,
                on_poll=shared.on_poll,
                state=before._known(name, settings) if before else None,
            )
            for name in polled(settings)
        )

    @property
    def up(self) -> bool:
        """Whether the last attempt of at least one authenticated resource was answered well."""
        return any(poller.state.up for poller in self.pollers if poller.resource in AUTHENTICATED)

    @property
    def api(self) -> Client:
        """The API as this integration's key sees it, within its budget."""
        return self._client

    @property
    def busiest_rate(self) -> float | None:
        """Sessions a second in the busiest hour of the analytics read last; None without any."""
        return self._coverage.busiest_rate

    def readings(self) -> Iterator[Reading]:
        """All series of the integration, as they are now."""
        yield Reading(catalogue.UP, float(self.up))
        if self.gate.valid is not None:
            yield Reading(catalogue.API_KEY_VALID, float(self.gate.valid))
        labels = (self.account.region, self.budget.tier or "unknown")
        yield Reading(catalogue.INTEGRATION_INFO, 1.0, labels)
        skew = self.server_clock.skew(self._clock.monotonic(), self._clock.now())
        if skew is not None:
            yield Reading(catalogue.API_CLOCK_SKEW, skew)
        yield Reading(catalogue.API_RATE_LIMIT, float(self.budget.tier_limit))
        yield Reading(catalogue.API_BUDGET, self.budget.per_minute)
        if self._settings.poll.usage_interval:
            yield from quota_limit_readings(self._settings.quota.limits)
        yield from self.telemetry.readings()
        for poller in self.pollers:
            yield from poller.readings()
            if poller.resource == "sessions":
                yield from self._session_readings(poller)

    async def close(self) -> None:
        """Close the connections to the API."""
        await self._http.aclose()

    def _known(self, resource: str, settings: Settings) -> ResourceState | None:
        """What stays true of a resource under other settings; None where it was not polled."""
        for poller in self.pollers:
            if poller.resource == resource:
                section = _SHAPED_BY.get(resource)
                if section and getattr(settings, section) != getattr(self._settings, section):
                    return replace(poller.state, parts={})
                return poller.state
        return None

    def _session_readings(self, poller: Poller) -> Iterator[Reading]:
        state = self.ledger.state
        if state is None:
            return
        fresh = poller.fresh_part("sessions")
        yield from self.ledger.readings(gauges=fresh)
        coverage = self._coverage.ratio(state)
        if fresh and coverage is not None:
            yield Reading(catalogue.SESSION_COVERAGE, coverage)

    def _collector(self, resource: str, store: Store) -> Collector:
        api, settings, telemetry = self._client, self._settings, self.telemetry
        match resource:
            case "health":
                return Health(api=api)
            case "integration":
                return Integration(api=api)
            case "stats":
                return Stats(api=api, telemetry=telemetry, include=settings.stats.include)
            case "analytics":
                return Analytics(
                    api=api,
                    telemetry=telemetry,
                    windows=settings.analytics.windows,
                    bot_percentage_scale=settings.analytics.bot_percentage_scale,
                    bucket_timestamp=settings.analytics.bucket_timestamp,
                    on_hours=self._coverage.note,
                )
            case "usage":
                return Usage(
                    api=api,
                    telemetry=telemetry,
                    days=StoredUsageDays(store, self.ledger),
                    history_days=lambda: tiers.limits(self.budget.tier).history_days,
                    quota_limits=settings.quota.limits,
                    clock=self._clock,
                )
            case "sessions":
                return Sessions(
                    api=api,
                    ledger=self.ledger,
                    budget=self.budget,
                    server_clock=self.server_clock,
                    clock=self._clock,
                    interval=settings.poll.sessions_interval,
                )
        raise ValueError(f"no such resource: {resource}")


def _rules(settings: Settings) -> Rules:
    sessions = settings.sessions
    return Rules(
        overlap=round(sessions.overlap * MICROSECONDS),
        settle_after=round(sessions.settle_after * MICROSECONDS),
        threshold=sessions.bot_threshold,
    )


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
