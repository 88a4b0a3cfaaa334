"""The frame round every collector: when it polls, how long it took, what failed, what is stale.

Collectors know none of that. One failing poll never stops another, whatever it fails with.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import floor, inf
from traceback import walk_tb

from msgspec import Struct
from structlog.contextvars import bound_contextvars

from exporter.api.client import REQUEST_SECONDS
from exporter.api.deadlines import Deadlines
from exporter.api.errors import ApiError, InvalidResponseError
from exporter.clock import Clock
from exporter.ledger.engine import StateError
from exporter.log import get_logger
from exporter.metrics import catalogue
from exporter.metrics.model import Metric, Sample
from exporter.metrics.telemetry import Telemetry
from exporter.polling.collector import Collector, NothingAskedError
from exporter.polling.schedule import Schedule

STUCK_INTERVALS = 5
STUCK_GRACE_SECONDS = 4 * REQUEST_SECONDS
"""The time-outs of one request with its retries; on top of five intervals, a poll that has given
no sign for so long is stuck."""

FIRST_RETRY_SECONDS = 60.0
SHORT_SECONDS = 900.0
"""A poll that comes at most so often is not repeated before its time."""

LASTING: frozenset[Metric] = frozenset({catalogue.API_INFO, catalogue.QUOTA_LIMIT})
"""Infos and settings, which do not become untrue with time."""

_log = get_logger(__name__)


class _Part(Struct, frozen=True, gc=False):
    read_at: float
    samples: tuple[Sample, ...]


@dataclass(slots=True)
class ResourceState:
    """What is known of one resource now.

    last_success: Unix seconds; 0 before the first. error: kind and text of the last failure, safe
    to show; None after a success. tried: a poll has ended, well or badly.
    """

    up: bool = False
    tried: bool = False
    last_success: float = 0.0
    failures: int = 0
    error: str | None = None
    parts: dict[str, _Part] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        """Whether it was polled, and there was nothing to ask for yet."""
        return self.tried and not self.last_success and not self.failures


class Poller:
    """Polls one collector on its interval, aligned to its own start, never overlapping.

    Where the interval is long, a poll that failed is repeated before the next is due.

    interval, stale_after: seconds. on_poll: called after each poll, so that a snapshot is made.
    deadlines: by when its requests must have ended, as the client tells.
    state: what is known already, from before a reload; None: nothing.
    """

    def __init__(
        self,
        collector: Collector,
        *,
        integration: str,
        interval: float,
        stale_after: float,
        clock: Clock,
        telemetry: Telemetry,
        deadlines: Deadlines,
        on_poll: Callable[[], None],
        schedule: Schedule | None = None,
        state: ResourceState | None = None,
    ) -> None:
        self.collector = collector
        self.interval = interval
        self._schedule = schedule or Schedule(interval)
        self.stale_after = stale_after
        self.state = state or ResourceState()
        self.next_poll = clock.now()
        self._integration = integration
        self._clock = clock
        self._telemetry = telemetry
        self._deadlines = deadlines
        self._on_poll = on_poll
        self._last_sign = clock.monotonic()
        self._under_way = False
        self._start = 0.0
        """When the tick 0 is, on the monotonic clock."""
        self._tick = 0
        """The tick of the last poll, or the next."""

    @property
    def resource(self) -> str:
        return self.collector.resource

    @property
    def name(self) -> str:
        """What its polls are called among the tasks of the process."""
        return f"poll {self.resource} of {self._integration}"

    def begin(self) -> float:
        """Begin to poll; when for the first time, on the monotonic clock."""
        first, counted = self._schedule.begin(self._clock.now())
        now = self._clock.monotonic()
        self._start = now + counted
        self._tick = 0 if first == counted else -1
        return self._next(now + first, now)

    def polled(self) -> float:
        """A poll has ended; when the next is due: at the next tick, or before, where it failed.

        A tick that came while the poll still ran is skipped, and counted as that.
        """
        now = self._clock.monotonic()
        passed = max(self._tick, floor((now - self._start) / self.interval))
        if passed > self._tick:
            self._telemetry.polls.inc(self.resource, "skipped", by=passed - self._tick)
        tick = self._start + (passed + 1) * self.interval
        early = now + self._retry_seconds()
        self._tick = passed if early < tick else passed + 1
        return self._next(min(early, tick), now)

    def _next(self, due: float, now: float) -> float:
        self.next_poll = self._clock.now() + due - now
        return due

    def _retry_seconds(self) -> float:
        """Seconds after which a failed poll is repeated: twice as many with each failure.

        At most a quarter of the interval. Infinite where nothing failed or the interval is short.
        """
        failures = self.state.failures
        if not failures or self.interval <= SHORT_SECONDS:
            return inf
        most = max(SHORT_SECONDS, self.interval / 4)
        return min(most, FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 20))

    async def poll(self) -> None:
        """One poll; its failure is counted, logged and survived.

        Every log line of the poll names the integration, whoever writes it.
        """
        self._under_way = True
        try:
            with bound_contextvars(integration=self._integration):
                await self._poll()
        finally:
            self._under_way = False

    async def _poll(self) -> None:
        began = self._clock.monotonic()
        asked = True
        failure: Exception | None = None
        try:
            await self.collector.update(self._publish)
        except NothingAskedError:
            asked = False
        except (ApiError, StateError) as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - the frame must survive any defect of a collector
            failure = error
            # Not its text, which may hold what the API sent.
            name = type(error).__name__
            _log.error("poll_crashed", resource=self.resource, error=name, where=_where(error))
        self._telemetry.poll_duration.observe(self._clock.monotonic() - began, self.resource)
        if failure is not None:
            self._failed(failure)
        elif asked:
            self._succeeded()
        else:
            self._asked_nothing()
        self._last_sign = self._clock.monotonic()
        self._on_poll()

    def stuck_at(self) -> float:
        """When, on the monotonic clock, it will have given no sign for longer than it rightly can.

        Not before STUCK_GRACE_SECONDS from its start, and later with each sign.
        """
        last = max(self._last_sign, self._deadlines.of(self.resource))
        return last + STUCK_INTERVALS * self.interval + STUCK_GRACE_SECONDS

    def fresh(self, read_at: float, now: float | None = None) -> bool:
        """Whether what was read at that monotonic time may still be shown.

        now: on the monotonic clock; None: as it shows. Where values are to go before the next poll
        can renew them, they stay until that is late.
        """
        age = (self._clock.monotonic() if now is None else now) - read_at
        stale_before_next = self.stale_after < self.interval
        in_time = self.state.up and age <= self.interval + STUCK_GRACE_SECONDS
        return age <= self.stale_after or (stale_before_next and in_time)

    def steady(self, since: float, until: float) -> bool:
        """Whether no poll is under way, and no value goes stale between these monotonic times.

        since: when the values were last looked at; some may have gone stale by now.
        """
        parts = self.state.parts.values()
        return not self._under_way and all(
            self.fresh(it.read_at, since) == self.fresh(it.read_at, until) for it in parts
        )

    def fresh_part(self, name: str) -> bool:
        """Whether that part was read, and may still be shown."""
        part = self.state.parts.get(name)
        return part is not None and self.fresh(part.read_at)

    def samples(self) -> Iterator[Sample]:
        """The resource's own series, and those of its parts that are not stale."""
        labels = (self.resource,)
        state = self.state
        if not state.idle:
            yield Sample(catalogue.RESOURCE_UP, float(state.up), labels)
            yield Sample(catalogue.RESOURCE_LAST_SUCCESS, state.last_success, labels)
            yield Sample(catalogue.RESOURCE_FAILURES, float(state.failures), labels)
        for part in state.parts.values():
            if self.fresh(part.read_at):
                yield from part.samples
            else:
                yield from (it for it in part.samples if it.metric in LASTING)

    def _publish(self, part: str, samples: Iterable[Sample]) -> None:
        now = self._clock.monotonic()
        self.state.parts[part] = _Part(now, tuple(samples))
        self._last_sign = now

    def _asked_nothing(self) -> None:
        """What the last attempt at the API gave still stands."""
        self.state.tried = True
        self._telemetry.polls.inc(self.resource, "success")

    def _succeeded(self) -> None:
        state = self.state
        if not state.up and state.tried and not state.idle:
            _log.info(
                "resource_recovered",
                resource=self.resource,
                failures=state.failures,
            )
        state.up, state.tried, state.failures, state.error = True, True, 0, None
        state.last_success = self._clock.now()
        self._telemetry.polls.inc(self.resource, "success")

    def _failed(self, failure: Exception) -> None:
        state = self.state
        if isinstance(failure, InvalidResponseError) and not failure.counted:
            self._telemetry.invalid_responses.inc(self.resource)
        if not isinstance(failure, StateError):
            # A state that cannot be written says nothing about the API.
            state.up = False
        known = isinstance(failure, ApiError | StateError)
        state.error = str(failure) if known else type(failure).__name__
        state.tried = True
        state.failures += 1
        self._telemetry.polls.inc(self.resource, "failure")
        _log.warning(
            "poll_failed",
            resource=self.resource,
            error=state.error,
            failures=state.failures,
        )


def _where(error: Exception) -> list[str]:
    """The calls that led to the error, outermost first."""
    return [
        f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}:{line}"
        for frame, line in walk_tb(error.__traceback__)
    ]
