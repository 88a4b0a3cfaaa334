"""The SDK's exporters as we make them: what goes over the wire, and what counts as delivered."""

import gzip
import os
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # it has no types
import pytest
import trustme
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.sdk.metrics.export import MetricExportResult

from exporter.net.network import Network
from exporter.net.trust import CertificateFileError
from exporter.publish import otlp_client
from exporter.publish.otlp_client import GrpcMissingError, connect, remove_own_variables, require
from exporter.publish.otlp_data import metrics_data
from exporter.publish.otlp_settings import OtlpSettings, read_otlp
from tests.publish.test_otlp_data import RESOURCE, STARTED, whole_catalogue

Request = metrics_service_pb2.ExportMetricsServiceRequest
Response = metrics_service_pb2.ExportMetricsServiceResponse

DATA = metrics_data(whole_catalogue(), RESOURCE, STARTED)
SECONDS = 5.0


@dataclass
class Receiver:
    """An OTLP receiver, and what it got; it answers with `statuses`, the last one for ever."""

    statuses: list[int] = field(default_factory=lambda: [200])
    answer: bytes = b""
    port: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)


@contextmanager
def http_receiver(receiver: Receiver, authority: trustme.CA | None = None) -> Iterator[str]:
    """The receiver over HTTP, as its URL; with an authority it wants a certificate of it, too."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.paths.append(self.path)
            receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
            receiver.requests.append(Request.FromString(body))
            more = len(receiver.statuses) > 1
            self.send_response(receiver.statuses.pop(0) if more else receiver.statuses[0])
            self.send_header("Location", "https://elsewhere.invalid/")
            self.send_header("Retry-After", "0")
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(receiver.answer)))
            self.end_headers()
            self.wfile.write(receiver.answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Keep quiet about clients that refuse the certificate."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if authority is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.verify_mode = ssl.CERT_REQUIRED
            authority.configure_trust(context)
            authority.issue_cert("127.0.0.1").configure_cert(context)
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            scheme = "http" if authority is None else "https"
            yield f"{scheme}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(SECONDS)


@contextmanager
def grpc_receiver(receiver: Receiver, authority: trustme.CA | None = None) -> Iterator[str]:
    """The receiver over gRPC, as its URL; with an authority it wants a certificate of it, too."""

    class Service(metrics_service_pb2_grpc.MetricsServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
            receiver.headers.append(dict(context.invocation_metadata()))
            receiver.requests.append(request)
            return Response()

    server = grpc.server(futures.ThreadPoolExecutor(2))
    add = metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server
    add(Service(), server)  # type: ignore[no-untyped-call]  # generated code
    if authority is None:
        scheme, port = "http", server.add_insecure_port("127.0.0.1:0")
    else:
        own = authority.issue_cert("127.0.0.1")
        pair = (own.private_key_pem.bytes(), own.cert_chain_pems[0].bytes())
        trusted = authority.cert_pem.bytes()
        credentials = grpc.ssl_server_credentials([pair], trusted, require_client_auth=True)
        scheme, port = "https", server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield f"{scheme}://127.0.0.1:{port}"
    finally:
        server.stop(None).wait(SECONDS)


def settings(endpoint: str, **variables: str) -> OtlpSettings:
    found, warnings = read_otlp({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **variables})
    assert found is not None
    assert warnings == ()
    return found


def export(found: OtlpSettings, seconds: float = SECONDS) -> bool:
    client = connect(found, seconds)
    try:
        return client.export(DATA) is MetricExportResult.SUCCESS
    finally:
        client.shutdown()


def metric_names(receiver: Receiver) -> set[str]:
    (request,) = receiver.requests
    (resource_metrics,) = request.resource_metrics
    return {metric.name for metric in resource_metrics.scope_metrics[0].metrics}


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_http_delivers_all_metrics_with_headers_and_compression(compression: str) -> None:
    receiver = Receiver()
    with http_receiver(receiver) as url:
        assert export(
            settings(
                f"{url}/otlp",
                OTEL_EXPORTER_OTLP_COMPRESSION=compression,
                OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20a",
            )
        )
    assert receiver.paths == ["/otlp/v1/metrics"]
    assert receiver.headers[0]["authorization"] == "Bearer a"
    assert receiver.headers[0]["content-type"] == "application/x-protobuf"
    assert receiver.headers[0].get("content-encoding", "none") == compression
    assert "isnotai.sessions" in metric_names(receiver)


def test_credentials_in_the_url_are_sent_as_basic_auth() -> None:
    receiver = Receiver()
    with http_receiver(receiver) as url:
        assert export(settings(url.replace("://", "://someone:password@")))
    assert receiver.headers[0]["authorization"].startswith("Basic ")


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_grpc_delivers_all_metrics_with_metadata(compression: str) -> None:
    receiver = Receiver()
    with grpc_receiver(receiver) as url:
        assert export(
            settings(
                url,
                OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
                OTEL_EXPORTER_OTLP_COMPRESSION=compression,
                OTEL_EXPORTER_OTLP_HEADERS="x-tenant=a",
            )
        )
    assert receiver.headers[0]["x-tenant"] == "a"
    assert "isnotai.sessions" in metric_names(receiver)


def test_a_bare_host_and_port_work_for_grpc() -> None:
    receiver = Receiver()
    with grpc_receiver(receiver) as url:
        assert export(
            settings(
                url.removeprefix("http://"),
                OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
                OTEL_EXPORTER_OTLP_INSECURE="true",
            )
        )
    assert len(receiver.requests) == 1


def test_a_passing_error_is_retried() -> None:
    receiver = Receiver(statuses=[503, 200])
    with http_receiver(receiver) as url:
        assert export(settings(url))
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_refusal_is_a_failure(status: int) -> None:
    with http_receiver(Receiver(statuses=[status])) as url:
        assert not export(settings(url))


def test_a_redirect_is_a_failure_since_it_is_not_followed() -> None:
    receiver = Receiver(statuses=[307])
    with http_receiver(receiver) as url:
        assert not export(settings(url))
    assert len(receiver.requests) == 1


def test_points_that_were_rejected_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, dict[str, Any]]] = []

    class Log:
        def warning(self, event: str, **values: Any) -> None:
            told.append((event, values))

    monkeypatch.setattr(otlp_client, "_log", Log())
    partial = metrics_service_pb2.ExportMetricsPartialSuccess(
        rejected_data_points=3, error_message="too old"
    )
    answer = Response(partial_success=partial).SerializeToString()
    with http_receiver(Receiver(answer=answer)) as url:
        assert export(settings(url))
    assert told == [("otlp_partial_success", {"rejected": 3, "message": "too old"})]


def test_nobody_listening_is_a_failure_within_the_time_out() -> None:
    assert not export(settings("http://127.0.0.1:1"), seconds=0.2)


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_both_sides_certificates_are_checked_against_the_given_authority(
    protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, other = trustme.CA(), trustme.CA()
    own = authority.issue_cert("exporter.example")
    own.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    other.cert_pem.write_to_path(str(tmp_path / "other.pem"))
    # What HTTP libraries read by themselves must not weigh more than our own variable.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other.pem"))
    serve = grpc_receiver if protocol == "grpc" else http_receiver
    receiver = Receiver()
    with serve(receiver, authority) as url:
        good = settings(
            url,
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE=str(tmp_path / "ca.pem"),
            OTEL_EXPORTER_OTLP_CLIENT_KEY=str(tmp_path / "key.pem"),
            OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(tmp_path / "cert.pem"),
        )
        assert not export(replace(good, certificate=str(tmp_path / "other.pem")), seconds=0.5)
        assert not export(replace(good, client_key=None, client_certificate=None), seconds=0.5)
        assert receiver.requests == []
        assert export(good)
    assert len(receiver.requests) == 1


def test_a_netrc_does_not_replace_the_authorization_that_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login mallory password else\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    receiver = Receiver()
    with http_receiver(receiver) as url:
        assert export(settings(url, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20mine"))

    assert [headers["authorization"] for headers in receiver.headers] == ["Bearer mine"]


@pytest.mark.parametrize("receiver_of", [http_receiver, grpc_receiver])
def test_loopback_is_reached_directly_whatever_the_proxy(
    receiver_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:1")
    receiver = Receiver()
    protocol = "grpc" if receiver_of is grpc_receiver else "http/protobuf"
    with receiver_of(receiver) as url:
        assert export(settings(url, OTEL_EXPORTER_OTLP_PROTOCOL=protocol))

    assert len(receiver.requests) == 1


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_another_host_is_reached_through_the_proxy_unless_no_proxy_has_its_network(
    protocol: str,
) -> None:
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(SECONDS)
        url = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        found = settings("http://192.0.2.1:4318", OTEL_EXPORTER_OTLP_PROTOCOL=protocol)

        def answer() -> None:
            connection, _ = proxy.accept()
            with connection:
                connection.settimeout(SECONDS)
                seen.append(connection.recv(1000))
                connection.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        client = connect(found, 2.0, Network.read({"http_proxy": url}))
        try:
            assert client.export(DATA) is not MetricExportResult.SUCCESS
        finally:
            client.shutdown()
            thread.join(SECONDS)

    assert b"192.0.2.1:4318" in seen[0].splitlines()[0]
    assert (
        Network.read({"http_proxy": url, "no_proxy": "192.0.2.0/24"}).proxies.for_url(
            found.endpoint if protocol != "grpc" else f"http://{found.endpoint}"
        )
        is None
    )


@pytest.mark.parametrize(
    "variable", ["SSL_CERT_FILE", "tls.ca_file", "OTEL_EXPORTER_OTLP_CERTIFICATE"]
)
def test_an_authority_is_trusted_from_each_place_and_read_again_when_it_changes(
    tmp_path: Path, variable: str
) -> None:
    authority = trustme.CA()
    bundle, own = tmp_path / "ca.pem", tmp_path / "own.pem"
    bundle.write_bytes(trustme.CA().cert_pem.bytes())
    authority.issue_cert("me").private_key_and_cert_chain_pem.write_to_path(own)
    network = Network.read(
        {"SSL_CERT_FILE": str(bundle)} if variable == "SSL_CERT_FILE" else {},
        bundle if variable == "tls.ca_file" else None,
    )
    variables = {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(own)}
    if variable.startswith("OTEL"):
        variables[variable] = str(bundle)
    receiver = Receiver()
    with http_receiver(receiver, authority) as url:
        client = connect(settings(url, **variables), 2.0, network)
        try:
            assert client.export(DATA) is not MetricExportResult.SUCCESS
            assert client.reason == "certificate of 127.0.0.1 not accepted: unknown issuer"
            bundle.write_bytes(authority.cert_pem.bytes() + b"\n")
            assert client.export(DATA) is MetricExportResult.SUCCESS
            assert client.reason is None
        finally:
            client.shutdown()


def test_a_certificate_that_grpc_cannot_read_names_the_file(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    found = replace(
        settings("https://127.0.0.1:1", OTEL_EXPORTER_OTLP_PROTOCOL="grpc"),
        certificate=str(missing),
    )
    with pytest.raises(CertificateFileError, match=r"missing\.pem cannot be read: No such file"):
        connect(found, SECONDS)


def test_without_the_extra_grpc_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings("http://127.0.0.1:1", OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    require(found)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    for name in [name for name in sys.modules if name.partition(".")[0] == "grpc"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(GrpcMissingError, match=r"isnotai-exporter\[grpc\]"):
        require(found)


def test_http_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_client, "_installed", lambda name: False)
    require(settings("http://127.0.0.1:1"))


def test_variables_that_we_read_are_kept_from_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "not a number")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "secrettoken")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "kept")
    remove_own_variables()
    assert "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT" not in os.environ
    assert "OTEL_EXPORTER_OTLP_HEADERS" not in os.environ
    assert os.environ["OTEL_SERVICE_NAME"] == "kept"
