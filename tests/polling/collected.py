"""Pollers of a collector that does what a test tells it to."""

from collections.abc import Callable
from dataclasses import dataclass, field

from exporter.api.deadlines import Deadlines
from exporter.clock import Clock
from exporter.metrics import catalogue
from exporter.metrics.model import Sample
from exporter.metrics.telemetry import Telemetry
from exporter.polling.collector import Publish
from exporter.polling.frame import Poller
from exporter.polling.schedule import Schedule
from tests.collect.recorded import telemetry


@dataclass
class Collected:
    """A collector that does what it is told to at each poll."""

    work: Callable[[Publish], None] = lambda publish: None
    resource: str = "stats"
    took: float = 0.0
    clock: Clock | None = None
    began: list[float] = field(default_factory=list)
    under_way: int = 0

    async def update(self, publish: Publish) -> None:
        assert self.under_way == 0
        self.under_way += 1
        try:
            if self.clock is not None:
                self.began.append(self.clock.monotonic())
                await self.clock.sleep(self.took)
            self.work(publish)
        finally:
            self.under_way -= 1


def failing(error: Exception) -> Callable[[Publish], None]:
    def work(publish: Publish) -> None:
        raise error

    return work


def stat(publish: Publish) -> None:
    publish("stats", [Sample(catalogue.STATS, 7.0, ("a",))])


def poller_of(
    collected: Collected,
    clock: Clock,
    *,
    interval: float = 60.0,
    stale_after: float | None = None,
    watch: Telemetry | None = None,
    deadlines: Deadlines | None = None,
    on_poll: Callable[[], None] = lambda: None,
    schedule: Schedule | None = None,
) -> Poller:
    """A poller; its values go stale after five intervals unless said otherwise."""
    return Poller(
        collected,
        integration="default",
        interval=interval,
        stale_after=5 * interval if stale_after is None else stale_after,
        clock=clock,
        telemetry=watch or telemetry(),
        deadlines=deadlines or Deadlines(),
        on_poll=on_poll,
        schedule=schedule,
    )
