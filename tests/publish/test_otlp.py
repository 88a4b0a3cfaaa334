"""The push: its rhythm, its bounds, its end, and that nothing secret comes out of it."""

import asyncio
import io
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData

from exporter.metrics import catalogue
from exporter.metrics.model import Sample
from exporter.metrics.snapshot import Group, Snapshot, build
from exporter.publish import otlp_client
from exporter.publish.otlp import OtlpPush
from exporter.publish.otlp_settings import OtlpSettings, read_otlp
from exporter.redaction import redact

SECONDS = 5.0
VARIABLES = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://someone:passwordofmine@127.0.0.1:1/?key=queryofmine",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20headerofmine",
    "OTEL_METRIC_EXPORT_INTERVAL": "10000",
    "OTEL_METRIC_EXPORT_TIMEOUT": "3000",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "2000",
}


def settings(**changes: Any) -> OtlpSettings:
    found, warnings = read_otlp(VARIABLES)
    assert found is not None
    assert warnings == ()
    return replace(found, **changes)


class SteppedClock:
    """A clock whose sleeps a test ends, one by one."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: asyncio.Queue[float] = asyncio.Queue()
        self._wake = asyncio.Event()

    def now(self) -> float:
        return 1_790_000_000.0

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self._wake.clear()
        self.slept.put_nowait(seconds)
        await self._wake.wait()
        self.time += seconds

    async def asleep(self) -> float:
        """For how long the sleeper went to sleep."""
        async with asyncio.timeout(SECONDS):
            return await self.slept.get()

    def wake(self) -> None:
        self._wake.set()


@dataclass
class FakeClient:
    """Notes what it is given; `during` runs inside of each export."""

    seconds: float
    during: Callable[[], MetricExportResult]
    sent: list[MetricsData] = field(default_factory=list)
    closed: bool = False
    reason: str | None = None
    outdated: bool = False
    rejected: int = 0

    def export(self, metrics_data: MetricsData) -> MetricExportResult:
        self.sent.append(metrics_data)
        return self.during()

    def shutdown(self) -> None:
        self.closed = True


def succeed() -> MetricExportResult:
    return MetricExportResult.SUCCESS


class Pushed:
    """A push with a stepped clock and clients that a test controls."""

    def __init__(
        self,
        during: Callable[[], MetricExportResult] = succeed,
        found: OtlpSettings | None = None,
    ) -> None:
        self.clock = SteppedClock()
        self.clients: list[FakeClient] = []
        self.during = during
        self.sessions = 0.0
        self.push = OtlpPush(
            found or settings(),
            self.snapshot,
            self.clock,
            1_789_999_000.0,
            "host-1",
            self.connect,
        )

    def snapshot(self) -> Snapshot:
        sample = Sample(catalogue.SESSIONS, self.sessions, (), 1_789_000_000.0)
        return build([Group("campus", [sample])], 1_790_000_000.0)

    def connect(self, found: OtlpSettings, seconds: float) -> FakeClient:
        client = FakeClient(seconds, self.during)
        self.clients.append(client)
        return client

    @property
    def outcomes(self) -> dict[str, float]:
        return {
            sample.labels[0]: float(sample.value)  # type: ignore[arg-type]  # a histogram fails
            for sample in self.push.samples()
        }


@contextmanager
def running(pushed: Pushed) -> Iterator[asyncio.Task[None]]:
    task = asyncio.create_task(pushed.push.run())
    try:
        yield task
    finally:
        task.cancel()


def numbers(client: FakeClient) -> list[float]:
    """The value of `isnotai.sessions` in each export."""
    values = []
    for data in client.sent:
        metrics = data.resource_metrics[0].scope_metrics[0].metrics
        (metric,) = (metric for metric in metrics if metric.name == "isnotai.sessions")
        values.append(metric.data.data_points[0].value)  # type: ignore[union-attr]  # a sum's point has one
    return values


async def test_each_interval_sends_the_snapshot_of_that_moment() -> None:
    pushed = Pushed()
    with running(pushed):
        for turn in range(3):
            assert await pushed.clock.asleep() == 10
            pushed.sessions = turn + 1.0
            pushed.clock.wake()
        await pushed.clock.asleep()
    (client,) = pushed.clients
    assert numbers(client) == [1, 2, 3]
    assert pushed.outcomes == {"success": 3, "failure": 0}


async def test_a_reload_changes_where_and_how_often_it_pushes_and_counts_on() -> None:
    pushed = Pushed()
    other: list[OtlpSettings] = []

    def elsewhere(found: OtlpSettings, seconds: float) -> FakeClient:
        other.append(found)
        return pushed.connect(found, seconds)

    changed = settings(endpoint="http://127.0.0.1:2/v1/metrics", interval=20.0)
    with running(pushed):
        await pushed.clock.asleep()
        pushed.clock.wake()
        await pushed.clock.asleep()
        (first,) = pushed.clients
        pushed.push.adjust(changed, elsewhere)
        pushed.clock.wake()
        assert await pushed.clock.asleep() == 20

    assert first.closed
    assert [len(client.sent) for client in pushed.clients] == [1, 1]
    assert other == [changed]
    assert pushed.outcomes == {"success": 2.0, "failure": 0.0}


async def test_a_client_whose_certificates_changed_is_made_anew() -> None:
    pushed = Pushed()
    with running(pushed):
        await pushed.clock.asleep()
        pushed.clock.wake()
        await pushed.clock.asleep()
        pushed.clients[0].outdated = True
        pushed.clock.wake()
        await pushed.clock.asleep()

    assert [client.closed for client in pushed.clients] == [True, False]
    assert [len(client.sent) for client in pushed.clients] == [1, 1]


async def test_outcomes_are_zero_from_the_start() -> None:
    assert Pushed().outcomes == {"success": 0, "failure": 0}


async def test_a_slow_export_leaves_out_the_intervals_it_overran() -> None:
    pushed = Pushed()

    def slow() -> MetricExportResult:
        pushed.clock.time += 25
        return MetricExportResult.SUCCESS

    pushed.during = slow
    with running(pushed):
        await pushed.clock.asleep()
        pushed.clock.wake()
        assert await pushed.clock.asleep() == 5
    assert len(pushed.clients[0].sent) == 1


async def test_a_client_gives_up_within_the_shorter_of_both_time_outs() -> None:
    for timeout, export_timeout in ((2.0, 3.0), (3.0, 2.0)):
        pushed = Pushed(found=settings(timeout=timeout, export_timeout=export_timeout))
        with running(pushed):
            await pushed.clock.asleep()
            pushed.clock.wake()
            await pushed.clock.asleep()
        assert pushed.clients[0].seconds == 2.0


def fail() -> MetricExportResult:
    return MetricExportResult.FAILURE


def raise_error() -> MetricExportResult:
    raise OSError("no such file: headerofmine")


@pytest.mark.parametrize("during", [fail, raise_error])
async def test_a_failure_is_counted_and_logged_and_the_next_interval_tries_again(
    during: Callable[[], MetricExportResult], lines: io.StringIO
) -> None:
    for secret in settings().secrets:
        redact.add(secret)
    pushed = Pushed(during)
    with running(pushed):
        for _ in range(2):
            await pushed.clock.asleep()
            pushed.clock.wake()
        await pushed.clock.asleep()
    assert pushed.outcomes == {"success": 0, "failure": 2}
    assert lines.getvalue().count("otlp_export_failed") == 2
    assert "http://127.0.0.1:1/v1/metrics" in lines.getvalue()
    assert "ofmine" not in lines.getvalue()


async def test_an_endpoint_that_hangs_holds_one_thread_and_nothing_else(
    lines: io.StringIO,
) -> None:
    release = threading.Event()

    def hang() -> MetricExportResult:
        release.wait(SECONDS)
        return MetricExportResult.SUCCESS

    pushed = Pushed(hang, settings(export_timeout=0.01))
    with running(pushed):
        for _ in range(3):
            await pushed.clock.asleep()
            pushed.clock.wake()
        await pushed.clock.asleep()
        assert len(pushed.clients[0].sent) == 1
        assert pushed.outcomes == {"success": 0, "failure": 3}
        assert "timed out after 0.01 s while waiting" in lines.getvalue()
        assert "still runs" in lines.getvalue()
        release.set()


async def test_the_flush_sends_the_last_snapshot_with_a_client_of_its_own() -> None:
    pushed = Pushed()
    with running(pushed):
        await pushed.clock.asleep()
        pushed.clock.wake()
        await pushed.clock.asleep()
    pushed.sessions = 7.0
    await pushed.push.flush()
    first, last = pushed.clients
    assert numbers(last) == [7]
    assert last.seconds <= 1.5
    assert first.closed
    assert last.closed


async def test_the_flush_ends_in_time_where_the_endpoint_hangs(lines: io.StringIO) -> None:
    release = threading.Event()
    pushed = Pushed(lambda: (release.wait(SECONDS), MetricExportResult.SUCCESS)[1])
    async with asyncio.timeout(SECONDS):
        await pushed.push.flush(0.01)
    release.set()
    assert "otlp_flush_failed" in lines.getvalue()


async def test_the_flush_keeps_to_a_shorter_export_time_out() -> None:
    pushed = Pushed(found=settings(export_timeout=0.5))
    await pushed.push.flush()
    assert pushed.clients[0].seconds == 0.5


async def test_a_cancelled_push_ends_at_once_while_an_export_hangs() -> None:
    release = threading.Event()
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang() -> MetricExportResult:
        loop.call_soon_threadsafe(started.set)
        release.wait(SECONDS)
        return MetricExportResult.SUCCESS

    pushed = Pushed(hang)
    with running(pushed) as task:
        await pushed.clock.asleep()
        pushed.clock.wake()
        async with asyncio.timeout(SECONDS):
            await started.wait()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    assert task.cancelled()
    release.set()


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
async def test_a_failure_is_one_line_of_ours_and_none_of_a_library(
    lines: io.StringIO, capfd: pytest.CaptureFixture[str], protocol: str
) -> None:
    found = settings(timeout=0.5, export_timeout=30.0)
    if protocol == "grpc":
        found = replace(found, protocol="grpc", endpoint="127.0.0.1:1", insecure=True)
    for secret in found.secrets:
        redact.add(secret)
    pushed = Pushed(found=found)
    pushed.push._sender._connect = otlp_client.connect
    await pushed.push.flush(30.0)
    (line,) = lines.getvalue().splitlines()
    assert "otlp_flush_failed" in line
    assert "connection refused by 127.0.0.1:1" in line
    assert "ofmine" not in line
    # gRPC's core has a way of its own.
    assert capfd.readouterr().err == ""


def test_a_daemon_that_does_not_push_imports_no_opentelemetry() -> None:
    code = """
import asyncio, sys
from exporter.cli import main
from exporter import daemon

async def look(self):
    print(sorted(name for name in sys.modules if name.startswith(("opentelemetry", "requests"))))

daemon.Daemon._work = look
sys.exit(main([], {"ISNOTAI_WEB_LISTEN_ADDRESS": "127.0.0.1:0", "ISNOTAI_LOG_LEVEL": "error",
    "ISNOTAI_API_KEY": "aik_v1_" + "x" * 40, "OTEL_METRIC_EXPORT_INTERVAL": "1000"}))
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (answer.returncode, answer.stdout.strip()) == (0, "[]"), answer.stderr
