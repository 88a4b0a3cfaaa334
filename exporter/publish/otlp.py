"""The OTLP push: sends the current snapshot at each interval, and once more at the end.

It runs beside polls and scrapes and slows neither. Conversion and sending happen on a thread of
their own, one at a time. Nothing is queued but the newest snapshot. A failure is counted and
logged, with the endpoint but without its credentials. It imports the OpenTelemetry SDK, so it may
only be imported where the push is on. Interval and time-outs are ours to keep: prebuilt data
passes by the SDK's own reader.
"""

from collections.abc import Callable, Iterable

from opentelemetry.sdk.metrics.export import MetricExportResult

from exporter.clock import Clock
from exporter.log import get_logger
from exporter.metrics import catalogue
from exporter.metrics.instruments import Counter
from exporter.metrics.model import Sample
from exporter.metrics.snapshot import Snapshot
from exporter.publish import otlp_client
from exporter.publish.otlp_client import Client
from exporter.publish.otlp_data import metrics_data, resource
from exporter.publish.otlp_sender import Connect, Sender
from exporter.publish.otlp_settings import OtlpSettings

FLUSH_SECONDS = 1.5
"""The most that the last push may take: the rest of the stop must fit into the grace period."""

_log = get_logger(__name__)


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
        self._snapshot = snapshot
        self._clock = clock
        self._started = started
        self._instance = instance
        self._sender = Sender(settings, connect)
        self._exports = Counter(catalogue.EXPORTER_OTLP_EXPORTS, started)

    def adjust(self, settings: OtlpSettings, connect: Connect) -> None:
        """Push so from the next push on; what was counted of exports goes on."""
        self._sender.adjust(settings, connect)

    def samples(self) -> Iterable[Sample]:
        """How the exports went."""
        return self._exports.samples()

    async def run(self) -> None:
        """Push until cancelled, the first time after one interval.

        The rhythm holds; a push that takes longer than the interval leaves out what it overruns.
        """
        interval = self._sender.settings.interval
        _log.info(
            "otlp_push_on",
            endpoint=self._sender.settings.shown,
            protocol=self._sender.settings.protocol,
            interval=interval,
        )
        due = self._clock.monotonic() + interval
        # Importing the client takes long, the first time; the flush would have no time for that.
        problem = await self._sender.open()
        if problem is not None:
            self._complain("otlp_client_failed", problem)
        while True:
            await self._clock.sleep(max(0.0, due - self._clock.monotonic()))
            await self._push()
            late = max(0.0, self._clock.monotonic() - due)
            interval = self._sender.settings.interval
            due += interval * (1 + late // interval)

    async def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Send the last snapshot, within that time and OTEL_METRIC_EXPORT_TIMEOUT; then close.

        It has a client of its own: one that hangs must not take the last numbers with it.
        """
        problem = await self._sender.send_last(self._export, seconds)
        if problem is not None:
            self._complain("otlp_flush_failed", problem)

    async def _push(self) -> None:
        problem = await self._sender.send(self._export)
        self._exports.inc("failure" if problem else "success")
        if problem is not None:
            self._complain("otlp_export_failed", problem)

    def _complain(self, event: str, problem: str) -> None:
        _log.warning(event, endpoint=self._sender.settings.shown, reason=problem)

    def _export(self, client: Client) -> str | None:
        sent_by = resource(self._sender.settings.resource, self._instance)
        data = metrics_data(self._snapshot(), sent_by, self._started)
        if client.export(data) is MetricExportResult.SUCCESS:
            return None
        return client.reason or "the data could not be encoded, or sending was ended"
