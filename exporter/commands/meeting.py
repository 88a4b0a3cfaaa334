"""The first requests of a command that reads sessions: the API's time, and what dates mean."""

from exporter.clock import Clock
from exporter.collect.sessions.collector import SPARSE_WIDTH
from exporter.collect.sessions.served import Served
from exporter.pipeline import Pipeline


async def meet(pipeline: Pipeline, clock: Clock) -> Served:
    """What the API serves this key. Raises ApiError."""
    served = Served(
        pipeline.api,
        dates=pipeline.dates,
        budget=pipeline.budget,
        server_clock=pipeline.server_clock,
        clock=clock,
    )
    await served.probe()
    await served.learn_dates()
    if served.dates.exact is None:
        # Too few sessions in so short a time: a longer one may hold enough of them.
        now = await served.now()
        await served.probe(now - SPARSE_WIDTH, SPARSE_WIDTH)
        await served.learn_dates()
    return served
