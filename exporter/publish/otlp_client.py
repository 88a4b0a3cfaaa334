"""The SDK's OTLP exporters, made from our settings: HTTP/protobuf, and gRPC where it is installed.

Everything that the SDK would read from the environment is handed over, since it reads some of it
in units and with defaults of its own. It never decides when something is sent, nor whether a
failure matters. It imports the OpenTelemetry SDK, so only a process that pushes may import it.
"""

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from exporter.log import get_logger
from exporter.publish.otlp_settings import OtlpSettings

if TYPE_CHECKING:
    import requests
    from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData

_log = get_logger(__name__)

GRPC_PACKAGE = "opentelemetry.exporter.otlp.proto.grpc"


class GrpcMissingError(Exception):
    """gRPC is asked for, and its packages are not installed."""

    def __init__(self) -> None:
        super().__init__(
            "OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' needs the extra packages of "
            "isnotai-exporter[grpc], which are not installed"
        )


class Client(Protocol):
    """What sends: either of the SDK's exporters."""

    def export(self, metrics_data: "MetricsData") -> "MetricExportResult":
        """Send, with retries; blocks for at most the client's time-out, as a rule."""
        ...

    def shutdown(self) -> None:
        """Give up a wait for a retry, and close the connection."""
        ...


def require(settings: OtlpSettings) -> None:
    """Raises GrpcMissingError where the protocol's packages are not installed."""
    if settings.protocol == "grpc" and not _installed(GRPC_PACKAGE):
        raise GrpcMissingError


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None and (
            importlib.util.find_spec("grpc") is not None
        )
    except ModuleNotFoundError:
        return False


def connect(settings: OtlpSettings, timeout: float) -> Client:
    """A client for the endpoint; it connects when it first sends.

    timeout: seconds for one export, retries included. Raises OSError where a PEM file that gRPC
    needs cannot be read. Blocks while it imports; not for the event loop.
    """
    return _grpc(settings, timeout) if settings.protocol == "grpc" else _http(settings, timeout)


def remove_own_variables() -> None:
    """Take the variables that we read ourselves out of this process's environment, for good.

    The SDK reads them again, in other units, and logs headers that it cannot parse. Called before
    anything else runs: others may walk through the environment later.
    """
    for name in [name for name in os.environ if name.startswith("OTEL_EXPORTER_OTLP_")]:
        del os.environ[name]


def _http(settings: OtlpSettings, timeout: float) -> Client:
    import requests
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    class Session(requests.Session):
        """A session whose own certificate wins over REQUESTS_CA_BUNDLE, as no plain one's does."""

        def merge_environment_settings(
            self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
        ) -> Any:
            own = self.verify if verify is None and isinstance(self.verify, str) else verify
            return super().merge_environment_settings(url, proxies, stream, own, cert)

    session = Session()
    session.hooks["response"].append(_examine)
    exporter: Client = OTLPMetricExporter(
        endpoint=settings.endpoint,
        certificate_file=settings.certificate,
        client_key_file=settings.client_key,
        client_certificate_file=settings.client_certificate,
        headers=dict(settings.headers),
        timeout=timeout,
        compression=Compression.Gzip if settings.gzip else Compression.NoCompression,
        session=session,
    )
    return exporter


def _examine(response: "requests.Response", *_: Any, **__: Any) -> None:
    """Look at what the SDK passes over. Raises requests.HTTPError on a redirect.

    The SDK takes a redirect, which it does not follow, for a success, and does not read how many
    points a partial success rejected ("OTLP/HTTP Response").
    """
    import requests
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceResponse,
    )

    if 300 <= response.status_code < 400:
        response.close()
        raise requests.HTTPError(f"a redirect ({response.status_code}), which is not followed")
    if response.status_code != 200 or "protobuf" not in response.headers.get("content-type", ""):
        return
    try:
        partial = ExportMetricsServiceResponse.FromString(response.content).partial_success
    except DecodeError:
        return
    if partial.rejected_data_points or partial.error_message:
        _log.warning(
            "otlp_partial_success",
            rejected=partial.rejected_data_points,
            message=partial.error_message,
        )


def _grpc(settings: OtlpSettings, timeout: float) -> Client:
    import grpc  # type: ignore[import-untyped]
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

    credentials = None
    if not settings.insecure:
        credentials = grpc.ssl_channel_credentials(
            root_certificates=_content(settings.certificate),
            private_key=_content(settings.client_key),
            certificate_chain=_content(settings.client_certificate),
        )
    exporter: Client = OTLPMetricExporter(
        # A scheme of its own keeps the SDK from taking a bare host for one.
        endpoint=f"{'http' if settings.insecure else 'https'}://{settings.endpoint}",
        insecure=settings.insecure,
        credentials=credentials,
        headers=tuple(settings.headers.items()),
        timeout=timeout,
        compression=grpc.Compression.Gzip if settings.gzip else grpc.Compression.NoCompression,
    )
    return exporter


def _content(path: str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()
