"""What can be checked on this machine: settings, web-config file, state, and the OTLP endpoint."""

import asyncio
import os
import shutil
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from exporter.commands.check.findings import Finding
from exporter.commands.moments import shown
from exporter.commands.screen import BAD, GOOD, WARN
from exporter.ledger import statefile
from exporter.ledger.database import Database, place_of
from exporter.ledger.engine import ForeignStateError, MissingStateError, StateError
from exporter.ledger.inspect import look
from exporter.publish.otlp_settings import OtlpSettings, UnreadConfigError, read_otlp
from exporter.settings.load import Loaded
from exporter.settings.model import Settings
from exporter.web import webconfig

LEAST_FREE_BYTES = 100 << 20
SOON_SECONDS = 21 * 86_400.0
LARGEST_SKEW_SECONDS = 30.0
OTLP_SECONDS = 8.0


def settings(loaded: Loaded, *, picked: bool) -> Iterator[Finding]:
    """picked: `--integration` picks one of a list, and so is not passed over."""
    yield Finding(GOOD, "settings", "can be used")
    for warning in loaded.warnings:
        if not (picked and warning.setting == "integration"):
            yield Finding(WARN, "settings", warning.message)
    key = loaded.settings
    if key.api_key is None and key.api_key_file is None and not key.integrations:
        yield Finding(WARN, "key", "none is set", "ISNOTAI_API_KEY or --api-key-file")


def web(settings: Settings, now: float) -> Iterator[Finding]:
    """The web-config file, and how long its certificate lasts. Raises WebConfigError."""
    path = settings.web.config_file
    if path is None:
        return
    guard = webconfig.load(path)
    yield Finding(GOOD, "web", f"{path} can be used")
    if guard.tls is not None:
        yield certificate("web certificate", _end_of(guard.tls.cert_file), now)


def _end_of(path: Path) -> float:
    # `ssl` decodes a peer's certificate, once it is verified, and those of authorities. To read one
    # date is not worth a dependency.
    decoded = ssl._ssl._test_decode_cert(str(path))  # type: ignore[attr-defined]  # no public name
    return float(ssl.cert_time_to_seconds(decoded["notAfter"]))


def certificate(name: str, end: float, now: float) -> Finding:
    """How long a certificate lasts. end, now: Unix seconds."""
    day = f"{datetime.fromtimestamp(end, UTC):%Y-%m-%d}"
    if end <= now:
        return Finding(BAD, name, f"ended on {day}", "renew it")
    if end - now < SOON_SECONDS:
        return Finding(WARN, name, f"ends on {day}", "renew it")
    return Finding(GOOD, name, f"lasts until {day}")


def state(settings: Settings) -> Iterator[Finding]:
    """Whether the state can be used: a file that is absent or ours, a database that answers.

    It is never written.
    """
    place = place_of(settings.state)
    if place is None:
        yield Finding(GOOD, "state", "in memory: a restart counts from then on")
    elif isinstance(place, Database):
        yield _database(place)
    else:
        yield from _state_file(place)


def _database(server: Database) -> Finding:
    try:
        with look(server):
            return Finding(GOOD, "state", f"{server} is there")
    except MissingStateError as error:
        return Finding(GOOD, "state", str(error))
    except StateError as error:
        return Finding(BAD, "state", str(error), "see state.url, and whether the database answers")


def _state_file(path: Path) -> Iterator[Finding]:
    try:
        path = statefile.resolve(path)
        condition = statefile.examine(path)
    except (ForeignStateError, OSError) as error:
        problem = error.strerror if isinstance(error, OSError) else str(error)
        yield Finding(BAD, "state", f"{problem}", "name another file")
        return
    if not path.parent.is_dir():
        yield Finding(BAD, "state", f"there is no folder {path.parent}", "make it")
        return
    place = path if condition != "absent" else path.parent
    if not os.access(place, os.W_OK) or not os.access(path.parent, os.W_OK | os.X_OK):
        yield Finding(BAD, "state", f"{place} cannot be written by this user", "chown it")
        return
    said = {"absent": "will be made", "ours": "is there", "damaged": "is damaged; it is set aside"}
    level = WARN if condition == "damaged" else GOOD
    yield Finding(level, "state", f"{path} {said[condition]}")
    free = shutil.disk_usage(path.parent).free
    if free < LEAST_FREE_BYTES:
        yield Finding(WARN, "state", f"only {free >> 20} MiB are free there", "make room")


async def otlp(environ: Mapping[str, str], *, offline: bool) -> list[Finding]:
    """Whether the OTLP endpoint, if the OTEL variables name one, accepts an empty push."""
    try:
        found, warnings = read_otlp(environ)
    except UnreadConfigError as error:
        return [Finding(BAD, "OTLP", str(error))]
    findings = [Finding(WARN, "OTLP", f"{it.variable}: {it.message}") for it in warnings]
    if found is None:
        return findings
    if offline:
        return [*findings, Finding(GOOD, "OTLP", f"pushes to {found.shown}; not asked")]
    return [*findings, await asyncio.to_thread(_push, found)]


def _push(found: OtlpSettings) -> Finding:
    """Send nothing to the endpoint, and see whether it is accepted."""
    # Imported only where it is used: OpenTelemetry costs memory.
    from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData

    from exporter.publish import otlp_client

    try:
        otlp_client.prepare(found)
        client = otlp_client.connect(found, min(found.timeout, OTLP_SECONDS))
    except (otlp_client.GrpcMissingError, OSError) as error:
        return Finding(BAD, "OTLP", str(error))
    try:
        result = client.export(MetricsData(resource_metrics=[]))
    finally:
        client.shutdown()
    if result is MetricExportResult.SUCCESS:
        return Finding(GOOD, "OTLP", f"{found.shown} accepts a push")
    reason = client.reason or "the push was not accepted"
    remedy = "see OTEL_EXPORTER_OTLP_ENDPOINT, _HEADERS and _CERTIFICATE"
    return Finding(BAD, "OTLP", f"{found.shown}: {reason}", remedy)


def clock(skew: float | None, now: float) -> Iterator[Finding]:
    """How far our clock is from the API's. skew: the API's minus ours, in seconds."""
    if skew is None:
        return
    if abs(skew) <= LARGEST_SKEW_SECONDS:
        yield Finding(GOOD, "clock", f"agrees with the API's to {abs(skew):.0f} s")
        return
    side = "behind" if skew > 0 else "ahead of"
    yield Finding(
        WARN,
        "clock",
        f"{abs(skew):.0f} s {side} the API's ({shown(now)} here)",
        "synchronise it (NTP); counts go by the API's clock, scrapes by this one",
    )
