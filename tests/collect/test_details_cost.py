"""Details get what sessions leave: on the free tier sessions are kept up with as before."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from exporter.api.answer import Answer
from exporter.api.errors import ThrottledError
from exporter.collect.details import Details
from exporter.ledger.details import PendingDetails
from exporter.polling.collector import NothingAskedError
from tests.collect.sessions.test_cost import INTERVAL, Load

GOOD = {"data": {"durationSeconds": 3.0, "eventCounts": {"mouse": 1}}}
EVERY = 3
"""One session in so many is a bot."""


class Busy(Load):
    """A load with bots, whose details are read after each poll of sessions."""

    def __init__(self, rate: float, *, details: bool) -> None:
        super().__init__("free", 50, rate)
        bench = self.bench
        bench.rules = bench.ledger.rules = replace(bench.rules, details=details)
        self.polls = bench.poll
        bench.poll = self.poll  # type: ignore[method-assign]  # a double
        self.read = 0
        self.details: Details | None = None
        if details:
            self.details = Details(
                api=self,
                pending=PendingDetails(bench.store, bench.ledger),
                telemetry=bench.telemetry,
                clock=bench.clock,
                interval=INTERVAL,
            )

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, resource: str
    ) -> Answer:
        if resource != "details":
            return await super().get(path, params, resource=resource)
        async with self.bench.budget.request(resource):
            self.read += 1
            self.sent.append(self.bench.clock.monotonic())
            self.bench.clock.advance(0.05)
            return Answer(GOOD, None)

    def go_on(self) -> None:
        super().go_on()
        for it in self.alive:
            if it.created % EVERY == 0:
                it.score = 0.9

    def poll(self) -> None:
        self.polls()
        if self.details is not None:
            try:
                self.bench.run(self.details.update(lambda part, samples: None))
            except (NothingAskedError, ThrottledError):
                return


@pytest.mark.parametrize("rate", [0.05, 1.0])
def test_sessions_on_the_free_tier_are_unharmed_and_the_budget_holds(rate: float) -> None:
    without, with_details = Busy(rate, details=False), Busy(rate, details=True)

    alone, _, _ = without.measure(1800)
    beside, _, _ = with_details.measure(1800)

    print(f"{rate}/s: frontier {without.lag:.0f} s behind alone, {with_details.lag:.0f} beside")  # noqa: T201 - shown with -s
    assert with_details.read > 20
    assert with_details.most_a_minute() <= with_details.bench.budget.per_minute
    assert with_details.lag <= without.lag + INTERVAL
    assert beside <= 1.2 * alone
