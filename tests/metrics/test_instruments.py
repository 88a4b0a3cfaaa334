"""The exporter's own counters: known series at 0 from the start, and only ever upwards."""

from exporter.metrics import catalogue
from exporter.metrics.instruments import Counter, HistogramInstrument
from exporter.metrics.model import Histogram
from exporter.metrics.telemetry import Telemetry, dropped_counter


def values(counter: Counter) -> dict[tuple[str, ...], object]:
    return {sample.labels: sample.value for sample in counter.samples()}


def test_known_series_are_there_at_zero_from_the_start() -> None:
    polls = Counter(catalogue.POLLS, 7.0, {"resource": ("stats", "usage")})

    assert values(polls) == {
        (resource, outcome): 0.0
        for resource in ("stats", "usage")
        for outcome in ("success", "failure", "skipped")
    }
    assert {sample.created for sample in polls.samples()} == {7.0}


def test_a_counter_without_labels_starts_at_zero() -> None:
    assert values(Counter(catalogue.SESSIONS, 0.0)) == {(): 0.0}


def test_series_with_a_label_nobody_knows_before_come_with_their_first_count() -> None:
    counter = Counter(catalogue.SESSION_FLAGS, 0.0)
    assert values(counter) == {}

    counter.inc("paste", by=3)
    counter.inc("paste")

    assert values(counter) == {("paste",): 4.0}
    assert counter.value("paste") == 4.0
    assert counter.value("other") == 0.0


def test_histograms_of_known_series_are_there_empty() -> None:
    timed = HistogramInstrument(catalogue.POLL_DURATION, 7.0, {"resource": ("stats",)})
    (before,) = timed.samples()
    assert before.value == Histogram.empty(catalogue.POLL_DURATION.buckets)

    timed.observe(0.2, "stats")
    timed.observe(9.0, "usage")

    counts = {
        it.labels: it.value.count for it in timed.samples() if isinstance(it.value, Histogram)
    }
    assert counts == {("stats",): 1, ("usage",): 1}


def test_a_series_that_does_not_change_stays_the_same_sample() -> None:
    counter = Counter(catalogue.SESSION_FLAGS, 0.0)
    timed = HistogramInstrument(catalogue.POLL_DURATION, 7.0)
    for label in ("one", "other"):
        counter.inc(label)
        timed.observe(1.0, label)
    counted, observed = [*counter.samples()], [*timed.samples()]

    counter.inc("one")
    timed.observe(2.0, "one")

    for before, after in ((counted, [*counter.samples()]), (observed, [*timed.samples()])):
        assert before[0] != after[0]
        assert before[1] is after[1]


def test_what_watches_an_integration_starts_at_zero_for_every_resource_it_polls() -> None:
    telemetry = Telemetry(7.0, ("health", "sessions"), dropped_counter(7.0))

    families = {sample.metric for sample in telemetry.samples()}
    assert families == {
        catalogue.POLLS,
        catalogue.POLL_DURATION,
        catalogue.API_REQUESTS,
        catalogue.API_REQUEST_DURATION,
        catalogue.API_INVALID_RESPONSES,
        catalogue.API_INVALID_ITEMS,
    }
    assert {sample.labels[0] for sample in telemetry.samples()} == {"health", "sessions"}
    assert values(telemetry.requests) == {
        (resource, code): 0.0 for resource in ("health", "sessions") for code in catalogue.CODES
    }


def test_every_bounded_family_has_its_counter_of_what_was_dropped() -> None:
    assert values(dropped_counter(0.0)) == {(metric.name,): 0.0 for metric in catalogue.BOUNDED}
