"""The first requests of a command that reads sessions: the API's time, and what dates mean."""

from exporter.api.errors import ApiError
from exporter.clock import Clock
from exporter.collect.sessions.probe import SPARSE_WIDTH, Probe
from exporter.collect.sessions.served import Served
from exporter.collect.sessions.walk import may_be_too_wide
from exporter.collect.sessions.widths import FAILED_NARROWEST
from exporter.pipeline import Pipeline


async def meet(pipeline: Pipeline, clock: Clock) -> Served:
    """What the API serves this key. Raises ApiError."""
    api, dates = pipeline.api, pipeline.dates
    probe = Probe(api, dates=dates, server_clock=pipeline.server_clock, clock=clock)
    try:
        await probe.ask()
    except ApiError as error:
        if not may_be_too_wide(error):
            raise
        await probe.ask(width=FAILED_NARROWEST)
    await probe.learn_dates()
    if dates.exact is None:
        # Too few sessions in so short a time: a longer one may hold enough of them.
        await probe.ask(await probe.now() - SPARSE_WIDTH, SPARSE_WIDTH)
        await probe.learn_dates()
    return Served(api, probe, pipeline.budget)
