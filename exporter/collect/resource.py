"""A resource of the API as it is registered: one entry, which stands beside its collector.

`registry` lists the entries. Names, intervals, costs and collectors follow from them, so nothing
else has to be told of a new resource.
"""

from collections.abc import Callable
from dataclasses import dataclass

from exporter.api.answer import Api
from exporter.api.body import LIST, Bounds
from exporter.api.budget import Budget
from exporter.api.serverclock import ServerClock
from exporter.clock import Clock
from exporter.collect.sessions.dates import Dates
from exporter.ledger.coverage import CoverageRatio
from exporter.ledger.ledger import Ledger
from exporter.ledger.store import Store
from exporter.metrics.telemetry import Telemetry
from exporter.polling.collector import Collector
from exporter.settings.model import STALE_INTERVALS, Settings


@dataclass(frozen=True, slots=True)
class Context:
    """One integration, as its collectors may use it."""

    settings: Settings
    api: Api
    budget: Budget
    server_clock: ServerClock
    dates: Dates
    clock: Clock
    telemetry: Telemetry
    store: Store
    ledger: Ledger
    coverage: CoverageRatio


def _nothing(settings: Settings) -> None:
    return None


def _one(settings: Settings) -> int:
    return 1


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the API.

    name: the value of the label `resource`; `poll.<name>_interval` says how often it is polled.
    collector: makes the collector of an integration.
    reads: what of the settings its collector is made from; a reload that changes nothing of it
        keeps the collector, with all that it has learnt.
    requests: how many requests one poll sends; None where that depends on the traffic.
    bounds: how much of one answer is read, many times what the documented ones need.
    keyless: it is asked without the key, and says nothing about it.
    behind: it stands behind the others in the budget, which says what it gets.
    every: seconds between two polls, where no `poll.<name>_interval` says so; and the setting by
        which it is switched on.
    """

    name: str
    collector: Callable[[Context], Collector]
    reads: Callable[[Settings], object] = _nothing
    requests: Callable[[Settings], int] | None = _one
    bounds: Bounds = LIST
    keyless: bool = False
    behind: bool = False
    every: Callable[[Settings], float] | None = None
    setting: str | None = None

    def interval(self, settings: Settings) -> float:
        """Seconds between two polls; 0: never."""
        return self.every(settings) if self.every else settings.poll.interval(self.name)

    def stale_after(self, settings: Settings) -> float:
        """Seconds after which its gauges disappear, where it fails."""
        return settings.poll.stale_after or STALE_INTERVALS * self.interval(settings)

    @property
    def switch(self) -> str:
        """The setting by which it is on or off."""
        return self.setting or f"poll.{self.name}_interval"
