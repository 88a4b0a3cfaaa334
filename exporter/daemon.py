"""The daemon: starts everything in one TaskGroup, answers for it over HTTP, stops it in order.

It stays up with the API down, the key wrong or missing and the disk full. It ends on a signal, on
an address that is already in use, and on a state that another exporter holds or that is not ours.
"""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack

from exporter import log
from exporter.api.retry import RetryPolicy
from exporter.build import VERSION, revision
from exporter.clock import Clock, SystemClock
from exporter.fleet.fleet import Fleet, Leases, replica_name
from exporter.ledger.database import Database, place_of
from exporter.ledger.engine import StateError
from exporter.ledger.findings import StoredOutbox
from exporter.ledger.store import Store
from exporter.log import get_logger
from exporter.metrics import catalogue
from exporter.metrics.model import Sample
from exporter.metrics.telemetry import dropped_counter
from exporter.net import descriptors
from exporter.net.network import Network
from exporter.pipelines import Pipelines
from exporter.polling.schedule import LONGEST_SPREAD_SECONDS
from exporter.polling.timetable import Timetable
from exporter.publish.exposition import Exposition
from exporter.publish.otlp_settings import OtlpSettings
from exporter.publish.publisher import Publisher, Source, Sources
from exporter.publish.pushes import Pushes
from exporter.settings.effective import effective
from exporter.settings.errors import SettingsError
from exporter.settings.model import Settings, WebSettings
from exporter.shared import Shared
from exporter.web import webconfig
from exporter.web.address import bind
from exporter.web.app import create_app
from exporter.web.backend import Health, Reload, ReloadError, StateStatus, Status
from exporter.web.server import Server
from exporter.web.status import READY_SECONDS, StatusSource

FIRST_SECONDS = 0.5
"""How long to wait for the first snapshot before serving."""

SETTLED_SECONDS = 1.5 * LONGEST_SPREAD_SECONDS
"""By when the first polls are over, and what is kept of them was made."""

CLOSE_SECONDS = 3.0
"""How long the state may take to be committed at a stop."""

RESTART_ONLY = ("web", "state", "log")
"""Sections whose changes take effect with a restart."""

_log = get_logger(__name__)


class Daemon:
    """The exporter as one process runs it.

    reload: reads the settings anew. Raises SettingsError where they are bad.
    otlp: reads where to push, too; at the start and at each reload. Raises SettingsError.
    findings: reads where to send findings, if they are on. Raises SettingsError.
    origins: where the settings that were read last come from, for the status page.
    on_built: called when much was made that is to last: with True after a reload, with False at the
    start and once the first polls are over.
    """

    def __init__(
        self,
        settings: Settings,
        reload: Callable[[], Settings],
        clock: Clock | None = None,
        otlp: Callable[[], OtlpSettings | None] = lambda: None,
        findings: Callable[[Settings], OtlpSettings | None] = lambda settings: None,
        origins: Callable[[], Mapping[str, str]] = dict,
        on_built: Callable[[bool], None] = lambda reloaded: None,
    ) -> None:
        self._settings = settings
        self._on_built = on_built
        self._origins = origins
        self._shown = effective(settings, origins())
        self._reload = reload
        self._clock = clock or SystemClock()
        self._started = (self._clock.now(), self._clock.monotonic())
        self._reloaded: Reload | None = None
        self._reloading = asyncio.Lock()
        self._dropped = dropped_counter(self._started[0])
        self._group: asyncio.TaskGroup | None = None
        self._stop = asyncio.Event()
        self._place = place_of(settings.state)
        self._store = Store(self._place, self._clock.now)
        self._publisher = Publisher(self._clock)
        leases = Leases(replica_name()) if isinstance(self._place, Database) else None
        retry = RetryPolicy(random.random)
        shared = Shared(
            self._store, self._clock, self._publisher.changed, retry, Timetable(self._clock), leases
        )
        self._pipelines = Pipelines(shared, self._started, self._dropped)
        self._fleet = None if leases is None else self._joined(leases)
        descriptors.raise_limit()
        self._network = Network.read(os.environ, settings.tls.ca_file)
        self._read_otlp = otlp
        self._read_findings = findings
        self._pushes = Pushes(
            lambda: self._publisher.snapshot, self._outboxes, self._clock, self._started[0]
        )
        self._pushes.adjust(otlp(), findings(settings), self._network)
        self._pipelines.begin(self._pipelines.plan(settings, self._network))
        self._publisher.follow(self._sources())
        self._status = StatusSource(self._pipelines, self._clock, self._started, self._poller)

    def _poller(self, integration: str) -> str | None:
        """Which replica polls the integration, where several share a database and it is known."""
        return None if self._fleet is None else self._fleet.poller(integration)

    def _joined(self, leases: Leases) -> Fleet:
        """The fleet of replicas that share the database."""
        return Fleet(
            Store(self._place, self._clock.now),
            leases,
            self._clock,
            wanted=lambda: [it.name for it in self._pipelines],
            spending=lambda: {it.name: it.budget.spending() for it in self._pipelines},
            hold=self._pipelines.hold,
            follow=self._pipelines.follow,
        )

    async def run(self, on_serving: Callable[[str], None] | None = None) -> None:
        """Run until SIGTERM or SIGINT, or `stop`.

        on_serving: told the URL of the server once it answers.
        Raises AddressError, WebConfigError, ForeignStateError, StateLockedError.
        """
        self._store.examine()
        settings = self._settings.web
        guard = _guard(settings)
        sockets = bind(settings.host or None, settings.port)
        app = create_app(self, settings.telemetry_path, settings.enable_lifecycle)
        self._server = Server(app, sockets, guard)
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._stop.set)
                stack.callback(loop.remove_signal_handler, number)
            loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
            stack.callback(loop.remove_signal_handler, signal.SIGHUP)
            # What takes longer, for very many integrations, is made once we answer.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_SECONDS):
                    await self._publisher.renew()
            stack.push_async_callback(self._close)
            await stack.enter_async_context(self._server.running())
            url = f"{self._server.scheme}://localhost:{self._server.port}"
            _log.info("serving", address=settings.listen_address, url=url, version=VERSION)
            if on_serving:
                on_serving(url)
            self._on_built(False)
            await self._work()
            if self._pushes.metrics_on:
                await self._publisher.renew()
            await self._pushes.flush()
            if self._fleet is not None:
                await self._fleet.leave()
        _log.info("stopped")

    def stop(self) -> None:
        """Ask the daemon to end."""
        self._stop.set()

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            tasks = [
                group.create_task(self._publisher.run()),
                group.create_task(self._open_state()),
                group.create_task(self._settle()),
            ]
            self._pushes.start(group)
            await self._stop.wait()
            _log.info("stopping")
            self._pipelines.cancel()
            self._pushes.cancel()
            for task in tasks:
                task.cancel()

    async def _settle(self) -> None:
        """Say when the first polls are over."""
        await self._clock.sleep(SETTLED_SECONDS)
        self._on_built(False)

    async def _open_state(self) -> None:
        """Take the state, then poll. Raises StateLockedError, ForeignStateError."""
        try:
            await self._store.acquire(self._clock.monotonic)
        except StateError as error:
            # Each poll of the sessions tries again.
            _log.error("state_unavailable", error=str(error))
        if self._group is not None and not self._stop.is_set():
            self._pipelines.start(self._group)
            if self._fleet is not None:
                await self._fleet.run()

    def _outboxes(self) -> list[StoredOutbox]:
        return [StoredOutbox(self._store, it.ledger) for it in self._pipelines if it.polls]

    def _on_hangup(self) -> None:
        async def reload() -> None:
            # A failure is logged, and shown in a metric; nobody waits for an answer here.
            with contextlib.suppress(ReloadError):
                await self.reload()

        # Before we work, the settings are new; once we stop, none are wanted.
        if self._group is not None and not self._stop.is_set():
            self._group.create_task(reload())

    async def _close(self) -> None:
        await self._pipelines.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._store.close()
        except TimeoutError:
            # The disk hangs, or another process holds the database. What is not committed was not
            # published either, and the next process reads it anew.
            _log.warning("state_not_closed", seconds=CLOSE_SECONDS)

    def _sources(self) -> Sources:
        sources: dict[str | None, Source] = {None: Source(self._own_samples)}
        for pipeline in self._pipelines:
            sources[pipeline.name] = Source(pipeline.samples, pipeline.steady)
        return sources

    def _own_samples(self) -> Iterator[Sample]:
        yield Sample(catalogue.EXPORTER_BUILD_INFO, 1.0, (VERSION, revision()))
        yield Sample(catalogue.EXPORTER_RELOAD_OK, float(self._reload_ok()))
        if self._store.last_commit is not None:
            yield Sample(catalogue.EXPORTER_LAST_COMMIT, self._store.last_commit)
        if self._fleet is not None:
            losses = float(self._pipelines.losses)
            yield Sample(catalogue.EXPORTER_STATE_LOSSES, losses, created=self._started[0])
        lost = float(log.dropped())
        yield Sample(catalogue.EXPORTER_LOG_LINES_DROPPED, lost, created=self._started[0])
        yield from self._dropped.samples()
        yield from self._pushes.samples()

    def _reload_ok(self) -> bool:
        return self._reloaded is None or self._reloaded.problem is None

    # -- what the HTTP side asks

    @property
    def exposition(self) -> Exposition | None:
        return self._publisher.exposition

    def health(self) -> Health:
        return self._status.health()

    def ready(self) -> Health:
        ready = self._status.ready()
        if self._fleet is None or self._fleet.alive or self._ready_late():
            return ready
        return Health(False, (*ready.problems, "the database was not read yet"))

    def _ready_late(self) -> bool:
        return self._clock.monotonic() - self._started[1] >= READY_SECONDS

    def status(self) -> Status:
        return self._status.status(
            self._publisher.series,
            reload=self._reloaded,
            state=StateStatus(
                None if self._place is None else str(self._place),
                self._store.last_commit,
                None if self._fleet is None else self._fleet.problem,
            ),
            settings=self._shown,
        )

    async def reload(self) -> None:
        """Read the settings anew and poll by them; bad ones leave the old ones running.

        Raises ReloadError.
        """
        async with self._reloading:
            try:
                # On a thread: a file of a thousand integrations takes a second to read.
                read = await asyncio.to_thread(self._reload)
                kept = {section: getattr(self._settings, section) for section in RESTART_ONLY}
                settings = read.model_copy(update=kept)
                guard = _guard(settings.web)
                self._server.check(guard)
                network = self._network
                if settings.tls != self._settings.tls:
                    network = Network.read(os.environ, settings.tls.ca_file)
                otlp = self._read_otlp()
                findings = self._read_findings(settings)
                shown = effective(settings, self._origins())
                plan = self._pipelines.plan(settings, network)
            except SettingsError as error:
                raise self._not_reloaded(str(error)) from None
            except Exception as error:  # noqa: BLE001 - whatever the files hold, the old settings run on
                # Not its text, which may hold a part of a value.
                problem = f"the settings cannot be applied: {type(error).__name__}"
                raise self._not_reloaded(problem) from None
            # All that can be refused is behind us: only now does anything of the old end.
            for section in RESTART_ONLY:
                if getattr(read, section) != getattr(self._settings, section):
                    _log.warning("setting_wants_restart", setting=section)
            self._server.replace(guard)
            self._pushes.adjust(otlp, findings, network)
            self._settings, self._network, self._shown = settings, network, shown
            await self._pipelines.reconcile(plan)
            self._publisher.follow(self._sources())
            self._reloaded = Reload(self._clock.now())
            self._publisher.changed()
            self._on_built(True)
            _log.info("reloaded")

    def _not_reloaded(self, problem: str) -> ReloadError:
        """Show and log that a reload failed."""
        self._reloaded = Reload(self._clock.now(), problem)
        self._publisher.changed()
        _log.error("reload_failed", error=problem)
        return ReloadError(problem)


def _guard(settings: WebSettings) -> webconfig.WebConfig:
    """What the web-config file says, its warnings logged. Raises WebConfigError."""
    if settings.config_file is None:
        return webconfig.WebConfig()
    guard = webconfig.load(settings.config_file)
    for warning in guard.warnings:
        _log.warning("setting_warning", setting="web.config_file", message=warning)
    return guard
