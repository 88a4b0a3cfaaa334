"""Whatever the API makes of startDate and endDate, no session is lost or hidden in silence."""

import pytest

from exporter.api.times import MICROSECONDS
from tests.ledger.bench import Bench, polls
from tests.ledger.listing import Fake


def backlog(bench: Bench, seconds: float, apart: float) -> int:
    """Closed sessions of the last `seconds`, one each `apart` seconds; how many."""
    now = bench.listing.now()
    count = round(seconds / apart)
    for number in range(count):
        created = now - round((number + 0.5) * apart * MICROSECONDS) + 123_457
        it = Fake(f"s{number}", created, created, created, "closed", 0.1)
        bench.listing.sessions[it.id] = it
    return count


@pytest.mark.parametrize("day_of", ["written", "moment"])
@pytest.mark.parametrize("begins", [0.0, 5.0, -2.0, 12.0, -14.0])
@pytest.mark.parametrize("date_filter", ["day", "midnight"])
def test_all_is_read_wherever_the_days_of_a_coarse_filter_begin(
    date_filter: str, begins: float, day_of: str
) -> None:
    """A backlog of two and a half days, of which slices are cut."""
    bench = Bench(
        None,
        interval=60,
        share=0.25,
        overlap=120,
        settle_after=900,
        page_size=50,
        date_filter=date_filter,
        day_begins=begins,
        day_of=day_of,
    )
    bench.poll()
    bench.clock.advance(2.5 * 86_400)
    count = backlog(bench, 2.5 * 86_400 - 600, 610)

    polls(bench, 20)

    assert bench.counts()["sessions"] == count
    assert "gap" not in bench.counts()
    assert bench.listing.now() - bench.state.bounds.frontier < 900 * MICROSECONDS
    bench.close()
