"""The OTLP pushes of a process, of metrics and of findings: on, elsewhere or off with each reload.

Each runs as a task beside polls and scrapes. The OpenTelemetry SDK costs memory, so it is imported
with the first push that is on.
"""

import asyncio
import socket
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from exporter.clock import Clock
from exporter.metrics.model import Sample
from exporter.metrics.snapshot import Snapshot
from exporter.net.network import Network
from exporter.publish.findings import Outbox
from exporter.publish.otlp_client import connect
from exporter.publish.otlp_sender import Connect
from exporter.publish.otlp_settings import OtlpSettings

if TYPE_CHECKING:
    from exporter.publish.otlp import OtlpPush
    from exporter.publish.otlp_logs import FindingsPush


def instance_id() -> str:
    """A `service.instance.id` for this process: the host's name, made unique."""
    return f"{socket.gethostname()}-{uuid.uuid4()}"


class Push(Protocol):
    """What is sent to one endpoint."""

    def adjust(self, settings: OtlpSettings, connect: Connect) -> None:
        """Send so from the next time on."""
        ...

    async def run(self) -> None:
        """Send until cancelled."""
        ...


P = TypeVar("P", bound=Push)


class _Switch(Generic[P]):
    """One push, while it is on. make: makes it, with what it sends."""

    def __init__(self, make: Callable[[OtlpSettings, Connect], P]) -> None:
        self.push: P | None = None
        self._make = make
        self._followed: tuple[OtlpSettings, Network] | None = None
        self._group: asyncio.TaskGroup | None = None
        self._task: asyncio.Task[None] | None = None

    def adjust(self, settings: OtlpSettings | None, network: Network) -> None:
        """Push as these ask for, from now on; what they do not change keeps its connection."""
        if settings is None:
            self._end()
            self.push = self._followed = None
            return
        if (settings, network) == self._followed:
            return
        self._followed = (settings, network)
        reached = partial(connect, network=network)
        if self.push is not None:
            self.push.adjust(settings, reached)
        else:
            self.push = self._make(settings, reached)
            self._begin()

    def start(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._begin()

    def cancel(self) -> None:
        self._group = None
        self._end()

    def _begin(self) -> None:
        if self._group is not None and self.push is not None:
            self._task = self._group.create_task(self.push.run())

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None


class Pushes:
    """Both pushes of one process, which name it alike.

    snapshot: gives the current one. outboxes: gives those of all integrations as they are now.
    started: Unix seconds of the process's start.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        outboxes: Callable[[], Iterable[Outbox]],
        clock: Clock,
        started: float,
    ) -> None:
        instance = instance_id()

        def of_metrics(settings: OtlpSettings, connect: Connect) -> "OtlpPush":
            from exporter.publish.otlp import OtlpPush

            return OtlpPush(settings, snapshot, clock, started, instance, connect)

        def of_findings(settings: OtlpSettings, connect: Connect) -> "FindingsPush":
            from exporter.publish.otlp_logs import FindingsPush

            return FindingsPush(settings, outboxes, clock, instance, connect)

        self._metrics = _Switch(of_metrics)
        self._findings = _Switch(of_findings)

    def adjust(
        self, metrics: OtlpSettings | None, findings: OtlpSettings | None, network: Network
    ) -> None:
        """Push as these settings ask for, from now on; None: not at all."""
        self._metrics.adjust(metrics, network)
        self._findings.adjust(findings, network)

    def start(self, group: asyncio.TaskGroup) -> None:
        """Push what is on from now on, until `cancel`."""
        self._metrics.start(group)
        self._findings.start(group)

    def cancel(self) -> None:
        """Ask both to end, and start no other."""
        self._metrics.cancel()
        self._findings.cancel()

    @property
    def metrics_on(self) -> bool:
        """Whether metrics are pushed, so that the last snapshot is wanted for `flush`."""
        return self._metrics.push is not None

    async def flush(self) -> None:
        """Send the last numbers, then the findings that wait, each for a bounded time."""
        if self._metrics.push is not None:
            await self._metrics.push.flush()
        if self._findings.push is not None:
            await self._findings.push.flush()

    def samples(self) -> Iterable[Sample]:
        """How the exports of metrics went, while they are on."""
        return self._metrics.push.samples() if self._metrics.push is not None else ()
