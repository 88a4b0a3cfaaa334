"""Why a push failed: the same words over HTTP and over gRPC, and those of the API."""

import asyncio
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # it has no types
import pytest
import trustme
from opentelemetry.sdk.metrics.export import MetricExportResult

from exporter.net.failures import Peer
from exporter.net.network import Network
from exporter.publish.otlp_client import connect
from exporter.publish.otlp_grpc import grpc_failure
from tests.api.tiny_server import closed_port
from tests.net.peers import answer, certified, listening
from tests.publish.test_otlp_client import DATA, Receiver, grpc_receiver, http_receiver, settings

pytestmark = pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])

SECONDS = 10.0
"""More than any push here takes, also on a slow machine."""
NOTHING = Network.read({})


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK tries again after about a second, then two; which is that times what this gives."""
    monkeypatch.setattr("random.uniform", lambda low, high: low / 1000)


async def failure(
    url: str, protocol: str, network: Network = NOTHING, seconds: float = SECONDS
) -> str | None:
    """What is said of a push that failed; None of one that did not."""
    found = settings(url, OTEL_EXPORTER_OTLP_PROTOCOL=protocol)

    def push() -> str | None:
        client = connect(found, seconds, network)
        try:
            result = client.export(DATA)
            assert (client.reason is None) == (result is MetricExportResult.SUCCESS)
            return client.reason
        finally:
            client.shutdown()

    return await asyncio.to_thread(push)


async def test_a_push_that_works_has_no_reason(protocol: str) -> None:
    receiver = http_receiver if protocol.startswith("http") else grpc_receiver
    with receiver(Receiver()) as url:
        assert await failure(url, protocol) is None


async def test_a_name_that_is_not_known(protocol: str) -> None:
    said = await failure("http://nowhere.invalid:4317", protocol)
    assert said == "cannot resolve nowhere.invalid"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_a_port_on_which_nobody_listens(protocol: str, host: str) -> None:
    port = closed_port()
    said = await failure(f"http://{host}:{port}", protocol)
    assert said in (f"connection refused by {host}:{port}", f"no route to {host}:{port}")


async def test_a_time_out_says_how_long_and_what_for(protocol: str) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silent) as port:
        said = await failure(f"http://127.0.0.1:{port}", protocol, seconds=0.5)
    assert said == "timed out after 0.5 s while waiting"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", "connection closed by PEER"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "unexpected answer from PEER: not WANTED"),
    ],
)
async def test_answers_that_are_none(protocol: str, sent: bytes, said: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(sent)
        await writer.drain()
        # So that what else came is read, and nothing is reset before it arrived.
        writer.write_eof()
        await reader.read()

    wanted = "HTTP" if protocol.startswith("http") else "gRPC"
    async with listening(serve) as port:
        found = await failure(f"http://127.0.0.1:{port}", protocol)
    assert found == said.replace("PEER", f"127.0.0.1:{port}").replace("WANTED", wanted)


@pytest.mark.parametrize(
    ("name", "age", "trusted", "why"),
    [
        ("127.0.0.1", 0, False, "unknown issuer"),
        ("elsewhere.example", 0, True, "hostname mismatch"),
        ("127.0.0.1", 2, True, "expired"),
    ],
)
async def test_why_a_certificate_is_not_accepted(
    tmp_path: Path, protocol: str, name: str, age: float, trusted: bool, why: str
) -> None:
    authority = trustme.CA()
    file = tmp_path / "ca.pem"
    file.write_bytes((authority if trusted else trustme.CA()).cert_pem.bytes())
    context = certified(authority, name, age)
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with listening(answer, context) as port:
        said = await failure(
            f"https://127.0.0.1:{port}", protocol, Network.read({"SSL_CERT_FILE": str(file)})
        )
    assert said == f"certificate of 127.0.0.1 not accepted: {why}"


async def test_plain_text_where_tls_is_expected(protocol: str) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.write_eof()
        await reader.read()

    async with listening(plain) as port:
        said = await failure(f"https://127.0.0.1:{port}", protocol)
    assert said is not None
    assert said.startswith(f"TLS handshake with 127.0.0.1:{port} failed: ")


async def test_a_proxy_that_cannot_be_reached_is_named_as_one(protocol: str) -> None:
    port = closed_port()
    network = Network.read({"https_proxy": f"http://someone:hunter22@127.0.0.1:{port}"})
    said = await failure("https://collector.example:4317", protocol, network)
    assert said == f"connection refused by the proxy 127.0.0.1:{port}"


async def test_a_proxy_that_refuses_the_tunnel(protocol: str) -> None:
    async with listening(_refusing) as port:
        network = Network.read({"https_proxy": f"http://someone:hunter22@127.0.0.1:{port}"})
        said = await failure("https://collector.example:4317", protocol, network)
    assert said == f"proxy refused: the proxy 127.0.0.1:{port} answered 407"


async def _refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


async def test_an_answer_that_says_no_is_told_by_its_status(protocol: str) -> None:
    class Refusal(grpc.RpcError):  # type: ignore[misc]  # grpc has no types
        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.UNAUTHENTICATED

        def details(self) -> str:
            return "no token: hunter22"

    if protocol == "grpc":
        said: str | None = grpc_failure(Refusal(), Peer("collector.example", 4317), 1.0)
        assert said == "collector.example:4317 answered UNAUTHENTICATED"
        return
    with http_receiver(Receiver(statuses=[403])) as url:
        said = await failure(url, protocol)
    assert said == f"{url.removeprefix('http://')} answered 403"
