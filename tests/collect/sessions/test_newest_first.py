"""Reading backwards from now: what a weak server cannot read costs little of what it can."""

from collections.abc import Mapping

from exporter.api.answer import Answer
from exporter.api.errors import StatusError
from exporter.api.serverclock import ServerClock
from exporter.api.times import DAY, MICROSECONDS, parse_time
from exporter.collect.sessions.dates import Dates
from exporter.collect.sessions.newest_first import NewestFirst
from exporter.collect.sessions.probe import Probe
from tests.ledger.bench import Make, add


def test_one_crowded_moment_does_not_make_all_that_is_older_narrow(make: Make) -> None:
    """Three days of quiet behind a moment at which the server fails are read in few parts."""
    bench = make()
    for number in range(30):
        add(bench, f"s{number}", ago=1800 + number)
    ask, asked = bench.listing.get, 0
    crowded = bench.listing.now() - 1800 * MICROSECONDS

    async def weak(path: str, params: Mapping[str, str] | None = None, *, resource: str) -> Answer:
        nonlocal asked
        asked += 1
        if params:
            start = parse_time(params["startDate"])
            end = parse_time(params["endDate"]) if "endDate" in params else bench.listing.now()
            if start <= crowded <= end and end - start > 100 * MICROSECONDS:
                raise StatusError(503)
        answer: Answer = await ask(path, params, resource=resource)
        return answer

    bench.listing.get = weak  # type: ignore[method-assign]  # a double
    dates = Dates()
    dates.exact = True
    now = bench.listing.now()
    probe = Probe(bench.listing, dates=dates, server_clock=ServerClock(), clock=bench.clock)
    newest = NewestFirst(
        bench.listing, probe, start=now - 3 * DAY, now=now, pages=4, items=50, filters={}
    )

    async def read() -> list[str]:
        return [found.session.id async for part in newest.parts() for found in part.found]

    assert len(bench.run(read())) == 30
    assert asked < 150
