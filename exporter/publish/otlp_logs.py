"""The OTLP push of findings: log records, from the outboxes of all integrations, at least once.

A finding is removed from its outbox only after the Collector has accepted it, in a commit. A
process that dies between the two sends it once more, with the same id. It imports the OpenTelemetry
SDK, so it may only be imported where findings are on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource

from exporter.clock import Clock
from exporter.log import get_logger
from exporter.net.failures import timed_out
from exporter.publish import otlp_client
from exporter.publish.findings import Finding, Outbox, OutboxError
from exporter.publish.otlp_client import Client
from exporter.publish.otlp_data import SCOPE, resource
from exporter.publish.otlp_sender import Connect, Export, Sender
from exporter.publish.otlp_settings import OtlpSettings
from exporter.publish.text import utf8

BATCH = 512
"""Findings sent at once at most, as OTEL_BLRP_MAX_EXPORT_BATCH_SIZE has it by default."""

FLUSH_SECONDS = 1.5
"""The most that the last push may take, of all integrations together."""

LONGEST_PAUSE_SECONDS = 300.0
"""Between two tries while the Collector accepts nothing."""

EVENT = "isnotai.bot_session"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_log = get_logger(__name__)


class FindingsPush:
    """Sends the findings that wait to one endpoint.

    outboxes: gives those of all integrations as they are now.
    instance: `service.instance.id`, unless the user's resource attributes give one.
    """

    def __init__(
        self,
        settings: OtlpSettings,
        outboxes: Callable[[], Iterable[Outbox]],
        clock: Clock,
        instance: str,
        connect: Connect = otlp_client.connect,
    ) -> None:
        self._outboxes = outboxes
        self._clock = clock
        self._instance = instance
        self._sender = Sender(settings, connect)

    def adjust(self, settings: OtlpSettings, connect: Connect) -> None:
        """Send so from the next time on."""
        self._sender.adjust(settings, connect)

    async def run(self) -> None:
        """Send until cancelled; more rarely while the Collector accepts nothing."""
        _log.info("otlp_findings_on", endpoint=self._sender.settings.shown)
        failures = 0
        while True:
            failures = 0 if await self.send_waiting() else failures + 1
            pause = self._sender.settings.interval * 2.0 ** min(failures, 16)
            longest = max(self._sender.settings.interval, LONGEST_PAUSE_SECONDS)
            await self._clock.sleep(min(pause, longest))

    async def send_waiting(self) -> bool:
        """Send all that waits now; whether the Collector, and the state, took it."""
        for outbox in self._outboxes():
            while sent := await self._send_batch(outbox, self._sender.send):
                pass
            if sent is None:
                return False
        return True

    async def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Send a batch of each integration once more, all within that time; what is left waits."""
        send = partial(self._sender.send_last, seconds=seconds)
        try:
            async with asyncio.timeout(seconds):
                for outbox in self._outboxes():
                    if await self._send_batch(outbox, send) is None:
                        return
        except TimeoutError:
            self._complain(timed_out(seconds, "waiting"))

    async def _send_batch(
        self, outbox: Outbox, send: Callable[[Export], Awaitable[str | None]]
    ) -> int | None:
        """Send what waits longest, and take it off; how many, None where something went wrong."""
        try:
            waiting = await outbox.waiting(BATCH)
            if not waiting:
                return 0
            rejected = [0]
            problem = await send(partial(self._export, waiting, rejected))
            if problem is None:
                await outbox.sent(waiting, rejected[0])
                return len(waiting)
        except OutboxError as error:
            problem = str(error)
        self._complain(problem)
        return None

    def _export(
        self, findings: Sequence[Finding], rejected: list[int], client: Client
    ) -> str | None:
        now = self._clock.now()
        sent_by = resource(self._sender.settings.resource, self._instance)
        records = [record(it, sent_by, now) for it in findings]
        if client.export(records) is LogRecordExportResult.SUCCESS:
            rejected[0] = client.rejected
            return None
        return client.reason or "the records could not be encoded, or sending was ended"

    def _complain(self, problem: str) -> None:
        _log.warning("otlp_findings_failed", endpoint=self._sender.settings.shown, reason=problem)


def record(it: Finding, sender: Resource, now: float) -> ReadableLogRecord:
    """A finding as a log record. now: Unix seconds, when it is sent."""
    created = (_EPOCH + timedelta(microseconds=it.created)).isoformat()
    attributes: dict[str, str | float | list[str]] = {
        "log.record.uid": it.uid,
        "session.id": utf8(it.session),
        "isnotai.integration": utf8(it.integration),
        "isnotai.session.created": created,
        "isnotai.session.flags": [utf8(flag) for flag in it.flags],
    }
    if it.score is not None:
        attributes["isnotai.session.bot_score"] = it.score
    for name, value in it.places:
        attributes[f"isnotai.place.{name}"] = utf8(value)
    return ReadableLogRecord(
        LogRecord(
            timestamp=_nanoseconds(it.settled),
            observed_timestamp=_nanoseconds(now),
            severity_text="WARN",
            severity_number=SeverityNumber.WARN,
            body="A session was settled as a bot",
            attributes=attributes,
            event_name=EVENT,
        ),
        resource=sender,
        instrumentation_scope=SCOPE,
    )


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e6) * 1000
