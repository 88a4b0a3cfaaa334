"""The backfill file's labels: those of the series, and what the user adds."""

import re

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.metrics import catalogue
from exporter.metrics.model import Sample
from exporter.publish.backfill import Columns, lines, read_labels


def test_every_series_gets_the_labels_that_scraping_would_add() -> None:
    columns = Columns("campus")
    flag = Sample(catalogue.SESSION_FLAGS, 1.0, ("webdriver",))
    columns.add(60.0, [Sample(catalogue.SESSIONS, 2.0), flag])
    labels = read_labels(["job=isnotai", 'note=a "b"\\c'])

    text = "".join(lines([columns], labels))

    families = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]  # it has no types
    for family in families:
        for sample in family.samples:
            assert sample.labels["job"] == "isnotai"
            assert sample.labels["note"] == 'a "b"\\c'
            assert sample.labels["integration"] == "campus"
    assert len(families) == 2
    assert "job" not in "".join(lines([columns]))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["job"], "must be name=value, such as job=isnotai, got 'job'"),
        (["job="], "must be name=value"),
        (["9a=b"], "must be name=value"),
        (["__name__=b"], "must be name=value"),
        (["integration=x"], "integration is already a label of the series"),
        (["flag=x"], "flag is already a label"),
        (["le=x"], "le is already a label"),
        (["job=a", "job=b"], "job is already a label"),
    ],
)
def test_a_bad_label_is_named(given: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        read_labels(given)
