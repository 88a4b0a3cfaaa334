"""A real OpenTelemetry Collector takes the push over HTTP and gRPC, and passes on the same."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from exporter.publish.exposition import Renderer
from tests.ports import free_port
from tests.publish.test_otlp_data import whole_catalogue
from tests.tools.test_otlp_prometheus import (
    OF_ONE_PROCESS,
    PUSHED,
    Series,
    Tool,
    exporter,
    get,
    program,
    push,
    simulator,
    until,
)

pytestmark = pytest.mark.tools

PROTOCOLS = ("http/protobuf", "grpc")
_OF_THE_COLLECTOR = ("job", "instance", "otel_scope_name", "otel_scope_version")


def samples(text: str) -> dict[Series, float]:
    """The exporter's own samples of an exposition, without what a Collector adds to the labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("isnotai_"):
                labels = {
                    name: str(float(value)) if name == "le" else value
                    for name, value in sample.labels.items()
                    if name not in _OF_THE_COLLECTOR and not name.startswith("otel_scope")
                }
                found[sample.name, frozenset(labels.items())] = float(sample.value)
    return found


@dataclass
class Collector:
    """A Collector that takes OTLP and gives it as Prometheus and as a file."""

    endpoints: dict[str, str]
    url: str
    file: Path
    until: Callable[[Callable[[], Any]], Any]

    def text(self) -> str:
        return get(self.url).decode()

    def written(self) -> list[dict[str, dict[str, Any]]]:
        """What arrived: for each push the metrics by name, in OTLP's JSON form."""
        pushes = []
        for line in self.file.read_text().splitlines():
            for resource_metrics in json.loads(line)["resourceMetrics"]:
                (scope,) = resource_metrics["scopeMetrics"]
                pushes.append({metric["name"]: metric for metric in scope["metrics"]})
        return pushes


@contextmanager
def collector(tool: Tool, folder: Path) -> Iterator[Collector]:
    grpc, http, out = (f"127.0.0.1:{free_port()}" for _ in range(3))
    path, log, file = folder / "otelcol.yaml", folder / "otelcol.log", folder / "metrics.json"
    config = {
        "receivers": {
            "otlp": {"protocols": {"grpc": {"endpoint": grpc}, "http": {"endpoint": http}}}
        },
        "exporters": {"prometheus": {"endpoint": out}, "file": {"path": str(file)}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {
                "metrics": {"receivers": ["otlp"], "exporters": ["prometheus", "file"]},
            },
        },
    }
    path.write_text(yaml.safe_dump(config))
    with program([str(tool("otelcol")), f"--config={path}"], log) as process:
        found = Collector(
            {"http/protobuf": f"http://{http}", "grpc": f"http://{grpc}"},
            f"http://{out}/metrics",
            file,
            lambda condition: until(condition, process, log),
        )
        found.until(lambda: True if "Everything is ready" in log.read_text() else None)
        yield found


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_collector_re_exports_every_metric_with_the_contracts_names_and_values(
    tool: Tool, tmp_path: Path, protocol: str, compression: str
) -> None:
    snapshot = whole_catalogue(taken=time.time(), created=time.time() - 3600)
    with collector(tool, tmp_path) as found:
        assert push(
            snapshot,
            found.endpoints[protocol],
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_COMPRESSION=compression,
        )

        def re_exported() -> str | None:
            text = found.text()
            return text if "isnotai_up" in text else None

        text: str = found.until(re_exported)
    ours = Renderer(CollectorRegistry()).render(snapshot).text.decode()
    assert samples(text) == samples(ours)
    assert len(samples(text)) == snapshot.series
    assert f'job="{PUSHED}"' in text


def test_numbers_and_start_times_survive_a_change_of_protocol_and_a_restart_with_state(
    tool: Tool, tmp_path: Path
) -> None:
    with collector(tool, tmp_path) as found, simulator(tmp_path) as api:
        for protocol in PROTOCOLS:
            before = len(found.written())
            address = f"127.0.0.1:{free_port()}"
            with exporter(
                tmp_path,
                api,
                address,
                ISNOTAI_STATE_PATH=str(tmp_path / "state.sqlite"),
                OTEL_EXPORTER_OTLP_ENDPOINT=found.endpoints[protocol],
                OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
                OTEL_SERVICE_NAME=f"over {protocol}",
            ) as daemon:
                get(f"{api}/_simulator/freeze", b"")

                def equal(daemon: Any = daemon, protocol: str = protocol) -> bool | None:
                    """Whether the Collector has of this run what the exporter shows."""
                    lines = found.text().splitlines()
                    mine = [line for line in lines if f'job="over {protocol}"' in line]
                    there = samples("\n".join(mine) + "\n")
                    here = samples(daemon.text())
                    wanted = {metric.exposed_name for metric in OF_ONE_PROCESS}
                    names = {name for name, _ in here}
                    whole = all(name in names or f"{name}_count" in names for name in wanted)
                    return True if whole and there == here else None

                found.until(equal)
            assert len(found.written()) > before
        pushes = [metrics for metrics in found.written() if "isnotai.sessions" in metrics]

    points = [metrics["isnotai.sessions"]["sum"]["dataPoints"][0] for metrics in pushes]
    assert len({point["startTimeUnixNano"] for point in points}) == 1
    values = [point["asDouble"] for point in points]
    assert values == sorted(values)
    assert values[-1] > 0
    # What the process counts about itself starts anew with it.
    polls = {
        metrics["isnotai.polls"]["sum"]["dataPoints"][0]["startTimeUnixNano"] for metrics in pushes
    }
    assert len(polls) == len(PROTOCOLS)
