"""Both pushes of a process: named alike, and left alone by a reload that is not about them."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

from exporter.metrics.snapshot import build
from exporter.net.network import Network
from exporter.publish.otlp_logs import FindingsPush
from exporter.publish.otlp_settings import OtlpSettings, Signal, read_otlp
from exporter.publish.pushes import Pushes, instance_id
from tests.clocks import FakeClock
from tests.e2e.findings import LogReceiver, log_receiver
from tests.publish.test_otlp_client import Receiver, http_receiver
from tests.publish.test_otlp_logs import ONE, Memory

NOTHING = Network.read({})
SECONDS = 20.0


def settings(endpoint: str, signal: Signal) -> OtlpSettings:
    found, _ = read_otlp({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, signal)
    assert found is not None
    return found


def pushes(memory: Memory) -> Pushes:
    return Pushes(lambda: build((), 1_790_000_000.0), lambda: [memory], FakeClock(), 1.0)


def instances(metrics: Receiver, logs: LogReceiver) -> Iterator[str]:
    """What each request says it is from."""
    read = logs_service_pb2.ExportLogsServiceRequest.FromString
    found = [it.resource for request in metrics.requests for it in request.resource_metrics]
    found += [it.resource for body in logs.bodies for it in read(body).resource_logs]
    for resource in found:
        (name,) = (it for it in resource.attributes if it.key == "service.instance.id")
        yield name.value.string_value


async def test_metrics_and_findings_come_from_one_instance_also_after_they_were_off() -> None:
    memory, receiver = Memory(), Receiver()
    with http_receiver(receiver) as url, log_receiver() as (logs, endpoint):
        both = pushes(memory)
        for _ in range(2):
            both.adjust(settings(url, "metrics"), settings(endpoint, "logs"), NOTHING)
            memory.left = [ONE]
            await both.flush()
            both.adjust(None, None, NOTHING)
    names = list(instances(receiver, logs))

    assert len(names) == 4
    assert len(set(names)) == 1


def test_instance_ids_differ_from_process_to_process() -> None:
    assert instance_id() != instance_id()


async def test_a_reload_that_changes_nothing_of_them_keeps_their_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adjusted: list[float] = []
    monkeypatch.setattr(
        FindingsPush, "adjust", lambda self, settings, connect: adjusted.append(settings.interval)
    )
    both, found = pushes(Memory()), settings("http://127.0.0.1:1", "logs")
    for interval in (5.0, 5.0, 7.0, 7.0):
        both.adjust(None, replace(found, interval=interval), NOTHING)

    assert adjusted == [7.0]


async def test_what_is_on_runs_from_the_start_or_its_reload_until_it_is_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running: list[FindingsPush] = []

    async def run(self: FindingsPush) -> None:
        running.append(self)
        try:
            await asyncio.Event().wait()
        finally:
            running.remove(self)

    async def count() -> int:
        await asyncio.sleep(0)
        return len(running)

    monkeypatch.setattr(FindingsPush, "run", run)
    both, found = pushes(Memory()), settings("http://127.0.0.1:1", "logs")
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        both.adjust(None, found, NOTHING)
        assert await count() == 0
        both.start(group)
        assert await count() == 1
        both.adjust(None, None, NOTHING)
        assert await count() == 0
        both.adjust(None, found, NOTHING)
        assert await count() == 1
        both.cancel()
        assert await count() == 0
        both.adjust(None, None, NOTHING)
        both.adjust(None, found, NOTHING)
        assert await count() == 0
