"""The SDK's OTLP exporters, made from our settings: HTTP/protobuf, and gRPC where it is installed.

Everything that the SDK would read from the environment is handed over, since it reads some of it
in units and with defaults of its own. Proxies and certificates are the network's, as for the API:
requests would let a .netrc replace the headers' Authorization, and gRPC has rules of its own. It
never decides when something is sent, nor whether a failure matters. It imports the OpenTelemetry
SDK, so only a process that pushes may import it.
"""

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from exporter.log import get_logger
from exporter.net.failures import Peer
from exporter.net.network import Network
from exporter.net.trust import CertificateFileError, ClientCertificate, Trust, only
from exporter.publish.otlp_settings import OtlpSettings, Signal
from exporter.redaction import redact

if TYPE_CHECKING:
    import requests

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
    """What sends: either of the SDK's exporters.

    reason: why the last export failed; None where it did not.
    rejected: of how much the last answer said that it was not accepted.
    outdated: whether it goes by certificates that have changed since.
    """

    @property
    def reason(self) -> str | None: ...

    @property
    def rejected(self) -> int: ...

    @property
    def outdated(self) -> bool: ...

    def export(self, data: Any, /) -> Any:
        """Send what the signal has, with retries; blocks for at most the client's time-out.

        Gives the SDK's own result, MetricExportResult or LogRecordExportResult.
        """
        ...

    def shutdown(self) -> None:
        """Give up a wait for a retry, and close the connection."""
        ...


def prepare(settings: OtlpSettings) -> None:
    """What comes before the first client: from now on nothing prints the settings' secrets.

    The SDK's own variables are gone then, as `remove_own_variables` says. Raises GrpcMissingError.
    """
    for secret in settings.secrets:
        redact.add(secret)
    require(settings)
    remove_own_variables()


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


def connect(settings: OtlpSettings, timeout: float, network: Network | None = None) -> Client:
    """A client for the endpoint; it connects when it first sends.

    timeout: seconds for one export, retries included.
    network: how to get there; None: as the process's environment says.
    Raises CertificateFileError where a file that gRPC needs cannot be read, UnusableAddressError
    where the proxy on the way cannot be used. Blocks while it imports; not for the event loop.
    """
    network = network or Network.read(os.environ)
    made = _grpc if settings.protocol == "grpc" else _http
    return made(
        settings, timeout, network.proxies.for_url(_url(settings)), _trust(settings, network)
    )


def _url(settings: OtlpSettings) -> str:
    """The endpoint as a URL, for the choice of a proxy."""
    if settings.protocol == "grpc":
        return f"{'http' if settings.insecure else 'https'}://{settings.endpoint}"
    return settings.endpoint


def _trust(settings: OtlpSettings, network: Network) -> Trust:
    """OTEL_EXPORTER_OTLP_CERTIFICATE takes the place of what is trusted otherwise."""
    own = None
    if settings.client_certificate is not None:
        key = None if settings.client_key is None else Path(settings.client_key)
        own = ClientCertificate(Path(settings.client_certificate), key)
    if settings.certificate is not None:
        return only("OTEL_EXPORTER_OTLP_CERTIFICATE", Path(settings.certificate), own)
    return network.trust if own is None else network.trust.with_client(own)


def remove_own_variables() -> None:
    """Take the variables that we read ourselves out of this process's environment, for good.

    The SDK reads them again, in other units, and logs headers that it cannot parse. Called before
    anything else runs: others may walk through the environment later.
    """
    for name in [name for name in os.environ if name.startswith("OTEL_EXPORTER_OTLP_")]:
        del os.environ[name]


def _http(settings: OtlpSettings, timeout: float, proxy: str | None, trust: Trust) -> Client:
    from opentelemetry.exporter.otlp.proto.http import Compression

    from exporter.publish.otlp_session import ExplicitSession

    base: Any
    if settings.signal == "metrics":
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        base = OTLPMetricExporter
    else:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

        base = OTLPLogExporter

    session = ExplicitSession(Peer.of(settings.endpoint, proxy, trust), proxy, trust, timeout)
    examiner = Examiner(settings.signal)
    session.hooks["response"].append(examiner)

    class HttpExporter(base):  # type: ignore[misc]  # chosen by the signal
        outdated = False  # each handshake goes by the files as they are

        @property
        def rejected(self) -> int:
            return examiner.rejected

        @property
        def reason(self) -> str | None:
            return session.failure

    exporter: Client = HttpExporter(
        endpoint=settings.endpoint,
        headers=dict(settings.headers),
        timeout=timeout,
        compression=Compression.Gzip if settings.gzip else Compression.NoCompression,
        session=session,
    )
    return exporter


class Examiner:
    """Looks at what the SDK passes over, in each answer.

    rejected: how many points or records the last answer said were not accepted.
    """

    def __init__(self, signal: Signal) -> None:
        self.rejected = 0
        self._signal = signal

    def __call__(self, response: "requests.Response", *_: Any, **__: Any) -> None:
        """Raises requests.HTTPError on a redirect.

        The SDK takes a redirect, which it does not follow, for a success, and does not read how
        much a partial success rejected ("OTLP/HTTP Response").
        """
        import requests
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it has no types

        self.rejected = 0
        if 300 <= response.status_code < 400:
            response.close()
            raise requests.HTTPError(f"a redirect ({response.status_code}), which is not followed")
        protobuf = "protobuf" in response.headers.get("content-type", "")
        if response.status_code != 200 or not protobuf:
            return
        try:
            self.rejected, message = self._partial(response.content)
        except DecodeError:
            return
        if self.rejected or message:
            _log.warning("otlp_partial_success", rejected=self.rejected, message=message)

    def _partial(self, content: bytes) -> tuple[int, str]:
        if self._signal == "metrics":
            from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics

            points = metrics.ExportMetricsServiceResponse.FromString(content).partial_success
            return points.rejected_data_points, points.error_message
        from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs

        records = logs.ExportLogsServiceResponse.FromString(content).partial_success
        return records.rejected_log_records, records.error_message


def _grpc(settings: OtlpSettings, timeout: float, proxy: str | None, trust: Trust) -> Client:
    # Its core writes lines past our log, onto standard error.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import grpc  # type: ignore[import-untyped]  # it has no types

    from exporter.publish.otlp_grpc import NotedCalls, grpc_failure

    base: Any
    if settings.signal == "metrics":
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

        base = OTLPMetricExporter
    else:
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter

        base = OTLPLogExporter

    credentials = None
    if not settings.insecure:
        if settings.certificate is not None:
            # So that a file that is missing is told as that, and not as an unknown issuer.
            _content(settings.certificate)
        credentials = grpc.ssl_channel_credentials(
            root_certificates=trust.pem(),
            private_key=_content(settings.client_key),
            certificate_chain=_content(settings.client_certificate),
        )
    option: Any = ("grpc.enable_http_proxy", 0) if proxy is None else ("grpc.http_proxy", proxy)
    known = trust.stamp()

    peer = Peer.of(_url(settings), proxy, trust)

    class GrpcExporter(base):  # type: ignore[misc]  # chosen by the signal
        reason: str | None = None
        rejected = 0  # the SDK keeps the answer to itself

        @property
        def outdated(self) -> bool:
            return not settings.insecure and trust.changed(known)

        def export(self, *args: Any, **options: Any) -> Any:
            self.reason = None
            result = super().export(*args, **options)
            if result.name == "SUCCESS":
                self.reason = None
            return result

        def _initialize_channel_and_stub(self) -> None:
            super()._initialize_channel_and_stub()
            self._client: Any = NotedCalls(self._client, self._note)

        def _note(self, error: grpc.RpcError) -> None:
            # Of several tries, the last one may only have run out of time.
            if self.reason is None or error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                self.reason = grpc_failure(error, peer, timeout)

    exporter: Client = GrpcExporter(
        endpoint=_url(settings),
        insecure=settings.insecure,
        credentials=credentials,
        headers=tuple(settings.headers.items()),
        timeout=timeout,
        compression=grpc.Compression.Gzip if settings.gzip else grpc.Compression.NoCompression,
        channel_options=(option,),
    )
    return exporter


def _content(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CertificateFileError(f"{path} cannot be read: {error.strerror}") from error
