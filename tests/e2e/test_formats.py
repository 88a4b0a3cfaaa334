"""Both faces of /metrics hold the same samples, and the strict parser reads the OpenMetrics one."""

from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families as text_families

from tests.e2e.running import in_process
from tests.e2e.simulation import simulated

OPENMETRICS = "application/openmetrics-text; version=1.0.0"

Series = tuple[str, frozenset[tuple[str, str]]]


async def test_both_faces_hold_the_same_samples() -> None:
    async with simulated() as api:
        variables = {name: value for name, value in api.variables.items() if "POLL" not in name}
        variables |= {
            "ISNOTAI_POLL_SESSIONS_INTERVAL": "2s",
            "ISNOTAI_SESSIONS_EXEMPLARS": "true",
        }
        async with in_process(variables) as exporter:
            await exporter.until(lambda scrape: scrape.value("isnotai_session_bot_score_count"))
            # One snapshot gives both, unless it was renewed in between.
            for _ in range(50):
                first = await exporter.get("/metrics", accept="text/plain")
                other = await exporter.get("/metrics", accept=OPENMETRICS)
                again = await exporter.get("/metrics", accept="text/plain")
                if first.text == again.text:
                    break

    assert first.text == again.text
    assert first.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert other.headers["content-type"].startswith(OPENMETRICS)
    assert other.text.endswith("# EOF\n")
    text: dict[Series, float] = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_families(first.text)
        for sample in family.samples
    }
    openmetrics: dict[Series, float] = {}
    exemplars = []
    created = 0
    for family in openmetrics_families(other.text):  # type: ignore[no-untyped-call]  # it has no types
        for sample in family.samples:
            if sample.name.endswith("_created"):
                created += 1
                continue
            openmetrics[sample.name, frozenset(sample.labels.items())] = sample.value
            if sample.exemplar is not None:
                exemplars.append(sample.exemplar)
    assert openmetrics == text
    assert created > 0
    assert exemplars
    assert "_created" not in first.text
