"""What the status page, the health check and readiness say, made from the pipelines as they are."""

from collections.abc import Callable

from exporter.api.times import MICROSECONDS
from exporter.build import VERSION, revision
from exporter.clock import Clock
from exporter.ledger.state import BOTS, SESSIONS
from exporter.metrics.catalogue.usage import QUOTA_LIMIT, QUOTA_USED
from exporter.pipeline import Pipeline
from exporter.pipelines import Pipelines
from exporter.polling.frame import STUCK_GRACE_SECONDS, Poller
from exporter.settings.effective import Effective
from exporter.web.backend import (
    Health,
    IntegrationStatus,
    KeyState,
    Link,
    Quota,
    Reload,
    ResourceStatus,
    StateStatus,
    Status,
)
from exporter.web.verdict import findings

READY_SECONDS = 30.0

VENDOR_LINKS = (
    Link("Not AI dashboard", "https://dash.isnotai.com"),
    Link("Not AI API", "https://api.isnotai.com/swagger"),
)


class StatusSource:
    """Answers for the pipelines.

    started: when the process began, (Unix, monotonic) seconds. poller: which replica polls an
    integration, where several share a database.
    """

    def __init__(
        self,
        pipelines: Pipelines,
        clock: Clock,
        started: tuple[float, float],
        poller: Callable[[str], str | None] = lambda integration: None,
    ) -> None:
        self._pipelines = pipelines
        self._clock = clock
        self._started = started
        self._poller = poller
        self._well_until = float("-inf")

    def health(self) -> Health:
        """Bad while a poll is stuck; the API may be down."""
        now = self._clock.monotonic()
        if now < self._well_until:
            return Health(True)
        # Thousands of pollers are not looked at each time; none that begins now is stuck so soon.
        earliest = now + STUCK_GRACE_SECONDS
        problems = []
        for pipeline, poller in self._pipelines.pollers():
            at = poller.stuck_at()
            earliest = min(earliest, at)
            if at < now:
                problems.append(f"{pipeline.name}: the poll of {poller.resource} is stuck")
        self._well_until = earliest
        return Health(not problems, tuple(problems))

    def ready(self) -> Health:
        """Good once each resource was tried, or after READY_SECONDS."""
        if self._clock.monotonic() - self._started[1] >= READY_SECONDS:
            return Health(True)
        untried = tuple(
            f"{pipeline.name}: {poller.resource} was not tried yet"
            for pipeline, poller in self._pipelines.pollers()
            if not poller.state.tried
        )
        return Health(not untried, untried)

    def status(
        self,
        series: int,
        *,
        reload: Reload | None,
        state: StateStatus,
        settings: tuple[Effective, ...],
    ) -> Status:
        """All that the page shows. series: how many are exposed now."""
        integrations = tuple(
            _integration_status(one, self._clock, self._poller(one.name)) for one in self._pipelines
        )
        return Status(
            version=VERSION,
            revision=revision(),
            started=self._started[0],
            now=self._clock.now(),
            integrations=integrations,
            links=VENDOR_LINKS,
            series=series,
            findings=findings(integrations, self.health(), self.ready(), reload, state.problem),
            reload=reload,
            state=state,
            settings=settings,
        )


def _integration_status(
    pipeline: Pipeline, clock: Clock, polled_by: str | None
) -> IntegrationStatus:
    state = pipeline.ledger.state
    resources = tuple(map(_resource_status, pipeline.pollers)) if pipeline.polls else ()
    # Before the first reading, 0 would say that there are none.
    ever_read = state is not None and (
        state.value(SESSIONS) > 0
        or any(it.resource == "sessions" and it.last_success for it in resources)
    )
    counts = state if ever_read else None
    frontier = None if counts is None else counts.frontier
    server_now = pipeline.server_clock.at(clock.monotonic())
    behind = None if frontier is None or server_now is None else server_now - frontier
    return IntegrationStatus(
        name=pipeline.name,
        api_region=pipeline.account.region,
        api_tier=pipeline.budget.tier,
        key_state=_key_state(pipeline),
        key_file=pipeline.account.key.api_key_file is not None,
        resources=resources,
        polls=pipeline.polls,
        polled_by=polled_by,
        frontier=None if frontier is None else frontier / MICROSECONDS,
        behind=None if behind is None else behind / MICROSECONDS,
        sessions=None if counts is None else int(counts.value(SESSIONS)),
        bot_sessions=None if counts is None else int(counts.value(BOTS)),
        budget=pipeline.budget.per_minute,
        rate_limit=float(pipeline.budget.tier_limit),
        spent=pipeline.budget.spent(),
        quotas=_quotas(pipeline),
        recent=()
        if counts is None or server_now is None
        else counts.recent.slots(server_now, counts.origin),
    )


def _quotas(pipeline: Pipeline) -> tuple[Quota, ...]:
    """What of the month's limits is used, as the series say it."""
    limits: dict[str, float] = {}
    used: dict[str, float] = {}
    for sample in pipeline.samples():
        for metric, values in ((QUOTA_LIMIT, limits), (QUOTA_USED, used)):
            if sample.metric is metric and isinstance(sample.value, float):
                values[sample.labels[0]] = sample.value
    return tuple(Quota(name, limit, used.get(name)) for name, limit in limits.items())


def _key_state(pipeline: Pipeline) -> KeyState:
    if pipeline.gate.missing:
        return "missing"
    if pipeline.gate.valid is None:
        return "unknown"
    return "valid" if pipeline.gate.valid else "refused"


def _resource_status(poller: Poller) -> ResourceStatus:
    state = poller.state
    return ResourceStatus(
        resource=poller.resource,
        up=None if state.idle or not state.tried else state.up,
        last_success=state.last_success or None,
        consecutive_failures=state.failures,
        last_error=state.error,
        interval=poller.interval,
        next_poll=poller.next_poll,
        idle=state.idle,
    )
