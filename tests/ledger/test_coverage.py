"""Sessions counted over what the API's own hourly analytics tell."""

from exporter.api.schema.analytics import Hours
from exporter.api.times import HOUR
from exporter.ledger.coverage import CoverageRatio
from tests.ledger.bench import Bench, Make, add, polls


def test_coverage_shows_sessions_that_the_list_hides(make: Make) -> None:
    bench = make(interval=60, page_size=100)
    bench.clock.advance(3600 - bench.clock.now() % 3600)
    hour = bench.listing.now()
    bench.poll()
    coverage = CoverageRatio()
    for _ in range(60):
        bench.clock.advance(60)
        add(bench, f"s{bench.clock.now()}", ago=1)
        bench.poll()
    coverage.note(Hours(((hour, 80), (hour + HOUR, 3)), None))

    assert coverage.ratio(bench.state) is None  # the hour does not lie behind the frontier yet

    polls(bench, 10)

    listed = bench.listing.sessions.values()
    in_hour = sum(hour <= it.created < hour + HOUR for it in listed)
    assert coverage.ratio(bench.state) == in_hour / 80


def test_coverage_is_absent_where_analytics_do_not_tell_of_the_last_hour(make: Make) -> None:
    bench = make(interval=60)
    bench.clock.advance(3600 - bench.clock.now() % 3600)
    hour = bench.listing.now()
    bench.poll()
    add(bench, "only")
    polls(bench, 80)
    coverage = CoverageRatio()
    coverage.note(Hours(((hour, 1),), None))
    assert coverage.ratio(bench.state) == 1.0

    polls(bench, 80)

    assert coverage.ratio(bench.state) is None


def test_coverage_is_absent_before_a_whole_hour_after_the_start(bench: Bench) -> None:
    coverage = CoverageRatio()
    started = bench.listing.now()
    hour = started - started % HOUR
    coverage.note(Hours(((hour, 10),), None))

    polls(bench, 70)

    assert coverage.ratio(bench.state) is None
