"""What the status page, the health check and readiness say, made from the pipelines as they are."""

from exporter.build import VERSION, revision
from exporter.clock import Clock
from exporter.pipeline import Pipeline
from exporter.pipelines import Pipelines
from exporter.polling.frame import Poller
from exporter.web.backend import (
    Health,
    IntegrationStatus,
    KeyState,
    Link,
    ResourceStatus,
    Status,
)

READY_SECONDS = 30.0

VENDOR_LINKS = (
    Link("Not AI dashboard", "https://dash.isnotai.com"),
    Link("Not AI API", "https://api.isnotai.com/swagger"),
)


class StatusSource:
    """Answers for the pipelines.

    started: when the process began, (Unix, monotonic) seconds.
    """

    def __init__(self, pipelines: Pipelines, clock: Clock, started: tuple[float, float]) -> None:
        self._pipelines = pipelines
        self._clock = clock
        self._started = started

    def health(self) -> Health:
        """Bad while a poll is stuck; the API may be down."""
        problems = tuple(
            f"{pipeline.name}: the poll of {poller.resource} is stuck"
            for pipeline, poller in self._pipelines.pollers()
            if poller.stuck()
        )
        return Health(not problems, problems)

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

    def status(self, series: int) -> Status:
        """All that the page shows. series: how many are exposed now."""
        return Status(
            version=VERSION,
            revision=revision(),
            started=self._started[0],
            now=self._clock.now(),
            integrations=tuple(map(_integration_status, self._pipelines)),
            links=VENDOR_LINKS,
            series=series,
        )


def _integration_status(pipeline: Pipeline) -> IntegrationStatus:
    state = pipeline.ledger.state
    return IntegrationStatus(
        name=pipeline.name,
        api_region=pipeline.account.region,
        api_tier=pipeline.budget.tier,
        key_state=_key_state(pipeline),
        resources=tuple(map(_resource_status, pipeline.pollers)),
        frontier=None if state is None or state.frontier is None else state.frontier / 1e6,
        sessions=None if state is None else int(state.value(("sessions", ""))),
        bot_sessions=None if state is None else int(state.value(("bots", ""))),
        budget=pipeline.budget.per_minute,
        rate_limit=float(pipeline.budget.tier_limit),
    )


def _key_state(pipeline: Pipeline) -> KeyState:
    if pipeline.gate.missing:
        return "missing"
    return {True: "valid", False: "refused", None: "unknown"}[pipeline.gate.valid]  # type: ignore[return-value]


def _resource_status(poller: Poller) -> ResourceStatus:
    state = poller.state
    return ResourceStatus(
        resource=poller.resource,
        up=state.up if state.tried else None,
        last_success=state.last_success or None,
        consecutive_failures=state.failures,
        last_error=state.error,
        interval=poller.interval,
        next_poll=poller.next_poll,
    )
