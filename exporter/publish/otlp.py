"""The OTLP push: sends the current snapshot at each interval, and once more at the end.

It runs beside polls and scrapes and slows neither. Conversion and sending happen on a thread of
their own, one at a time. Nothing is queued but the newest snapshot. A failure is counted and
logged, with the endpoint but without its credentials. It imports the OpenTelemetry SDK, so it may
only be imported where the push is on. Interval and time-outs are ours to keep: prebuilt data
passes by the SDK's own reader.
"""

import asyncio
import socket
import threading
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress

from opentelemetry.sdk.metrics.export import MetricExportResult

from exporter.clock import Clock
from exporter.log import get_logger
from exporter.metrics import catalogue
from exporter.metrics.instruments import Counter
from exporter.metrics.model import Sample
from exporter.metrics.snapshot import Snapshot
from exporter.net.failures import timed_out
from exporter.net.proxies import UnusableAddressError
from exporter.net.trust import CertificateFileError
from exporter.publish import otlp_client
from exporter.publish.otlp_client import Client
from exporter.publish.otlp_data import metrics_data, resource
from exporter.publish.otlp_settings import OtlpSettings

FLUSH_SECONDS = 1.5
"""The most that the last push may take: the rest of the stop must fit into the grace period."""

Connect = Callable[[OtlpSettings, float], Client]

_log = get_logger(__name__)


def instance_id() -> str:
    """A `service.instance.id` for this process: the host's name, made unique."""
    return f"{socket.gethostname()}-{uuid.uuid4()}"


class OtlpPush:
    """Pushes snapshots to one endpoint.

    snapshot: gives the current one. started: Unix seconds of the process's start.
    instance: `service.instance.id`, unless the user's resource attributes give one.
    connect: makes a client that gives up after so many seconds.
    """

    def __init__(
        self,
        settings: OtlpSettings,
        snapshot: Callable[[], Snapshot],
        clock: Clock,
        started: float,
        instance: str,
        connect: Connect = otlp_client.connect,
    ) -> None:
        self._settings = settings
        self._snapshot = snapshot
        self._clock = clock
        self._started = started
        self._instance = instance
        self._resource = resource(settings.resource, instance)
        self._connect = connect
        self._client: Client | None = None
        self._adjusted = False
        self._sending: asyncio.Future[str | None] | None = None
        self._exports = Counter(catalogue.EXPORTER_OTLP_EXPORTS, started)

    def adjust(self, settings: OtlpSettings, connect: Connect) -> None:
        """Push so from the next push on; what was counted of exports goes on."""
        self._settings = settings
        self._resource = resource(settings.resource, self._instance)
        self._connect = connect
        self._adjusted = True

    def samples(self) -> Iterable[Sample]:
        """How the exports went."""
        return self._exports.samples()

    async def run(self) -> None:
        """Push until cancelled, the first time after one interval.

        The rhythm holds; a push that takes longer than the interval leaves out what it overruns.
        """
        interval = self._settings.interval
        _log.info(
            "otlp_push_on",
            endpoint=self._settings.shown,
            protocol=self._settings.protocol,
            interval=interval,
        )
        due = self._clock.monotonic() + interval
        # Importing the client takes long, the first time; the flush would have no time for that.
        problem = await self._send(self._open, self._settings.export_timeout)
        if problem is not None:
            self._complain("otlp_client_failed", problem)
        while True:
            await self._clock.sleep(max(0.0, due - self._clock.monotonic()))
            await self._push()
            late = max(0.0, self._clock.monotonic() - due)
            interval = self._settings.interval
            due += interval * (1 + late // interval)

    async def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Send the last snapshot, within that time and OTEL_METRIC_EXPORT_TIMEOUT; then close.

        It has a client of its own: one that hangs must not take the last numbers with it.
        """
        limit = min(seconds, self._settings.export_timeout)
        problem = await self._send(lambda: self._export_last(limit), limit)
        if problem is not None:
            self._complain("otlp_flush_failed", problem)

    async def _push(self) -> None:
        limit = self._settings.export_timeout
        if self._sending is not None and not self._sending.done():
            problem: str | None = "the export before it still runs"
        else:
            problem = await self._send(self._export_next, limit)
        self._exports.inc("failure" if problem else "success")
        if problem is not None:
            self._complain("otlp_export_failed", problem)

    def _complain(self, event: str, problem: str) -> None:
        _log.warning(event, endpoint=self._settings.shown, reason=problem)

    async def _send(self, export: Callable[[], str | None], limit: float) -> str | None:
        """Run `export`, which says what went wrong, on a thread; None where nothing did."""
        self._sending = sending = _on_thread(export)
        try:
            async with asyncio.timeout(limit):
                # Shielded: the future tells later whether the thread still runs.
                return await asyncio.shield(sending)
        except TimeoutError:
            return timed_out(limit, "waiting")
        except (CertificateFileError, UnusableAddressError) as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - the SDK may raise anything; polls and scrapes go on
            return f"{type(error).__name__}: {error}"

    def _open(self) -> None:
        self._opened()

    def _opened(self) -> Client:
        if self._client is not None and (self._adjusted or self._client.outdated):
            self._client.shutdown()
            self._client = None
        self._adjusted = False
        if self._client is None:
            limit = min(self._settings.timeout, self._settings.export_timeout)
            self._client = self._connect(self._settings, limit)
        return self._client

    def _export_next(self) -> str | None:
        return self._export(self._opened())

    def _export_last(self, limit: float) -> str | None:
        if self._client is not None:
            self._client.shutdown()
        client = self._connect(self._settings, min(self._settings.timeout, limit))
        try:
            return self._export(client)
        finally:
            client.shutdown()

    def _export(self, client: Client) -> str | None:
        data = metrics_data(self._snapshot(), self._resource, self._started)
        if client.export(data) is MetricExportResult.SUCCESS:
            return None
        return client.reason or "the data could not be encoded, or sending was ended"


def _on_thread(call: Callable[[], str | None]) -> "asyncio.Future[str | None]":
    """The result of `call`, made on a daemon thread: neither loop nor process waits for its end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[str | None] = loop.create_future()

    def finish(result: str | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
            # Nobody may be left to ask, after a time-out.
            future.exception()
        else:
            future.set_result(result)

    def run() -> None:
        result, failure = None, None
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - carried to whoever waits
            failure = error
        # The loop may be closed by now.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(finish, result, failure)

    threading.Thread(target=run, name="otlp", daemon=True).start()
    return future
