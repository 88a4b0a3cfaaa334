"""What TLS promises: idle handshakes block nobody, renewed files are used, clients are verified."""

import asyncio
import contextlib
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import structlog
import trustme
from starlette.types import ASGIApp

from exporter.web import connections
from exporter.web import server as server_module
from exporter.web.server import Server
from exporter.web.tls import TLSConfig
from exporter.web.webconfig import WebConfig, WebConfigError
from tests.plain import TRUSTS_NOBODY
from tests.web.conftest import serving


def write_pair(folder: Path, ca: trustme.CA, *names: str) -> None:
    """`tls.crt` and `tls.key` in `folder`, issued by `ca` for `names`, in place of older ones."""
    certificate = ca.issue_cert(*names)
    replace_file(folder / "tls.key", certificate.private_key_pem.bytes())
    replace_file(folder / "tls.crt", b"".join(blob.bytes() for blob in certificate.cert_chain_pems))


def replace_file(path: Path, content: bytes) -> None:
    """Puts a new file in the place of the old one, as whoever renews certificates does."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(path)


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def config(tmp_path: Path, ca: trustme.CA) -> TLSConfig:
    write_pair(tmp_path, ca, "localhost", "127.0.0.1")
    return TLSConfig(tmp_path / "tls.crt", tmp_path / "tls.key")


def trusting(*authorities: trustme.CA, client: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for authority in authorities:
        authority.configure_trust(context)
    if client is not None:
        client.configure_cert(context)
    return context


async def scrape(server: Server, context: ssl.SSLContext, host: str = "127.0.0.1") -> int:
    async with httpx.AsyncClient(verify=context, timeout=5) as client:
        return (await client.get(f"https://{host}:{server.port}/metrics")).status_code


async def served_names(server: Server, context: ssl.SSLContext, host: str) -> list[str]:
    """The names in the certificate that a new connection is shown."""
    async with asyncio.timeout(5):
        _, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=context, server_hostname=host
        )
    certificate = writer.get_extra_info("peercert")
    writer.close()
    await writer.wait_closed()
    return [value for _, value in certificate["subjectAltName"]]


async def test_a_scrape_over_tls_is_answered(
    app: ASGIApp, config: TLSConfig, ca: trustme.CA
) -> None:
    async with serving(app, WebConfig(config)) as server:
        assert server.scheme == "https"
        assert await scrape(server, trusting(ca)) == 200


async def test_only_http_1_1_is_offered(app: ASGIApp, config: TLSConfig, ca: trustme.CA) -> None:
    context = trusting(ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with serving(app, WebConfig(config)) as server, asyncio.timeout(5):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.close()
        await writer.wait_closed()


async def test_idle_clients_in_mid_handshake_block_nobody(
    app: ASGIApp, config: TLSConfig, ca: trustme.CA
) -> None:
    async with serving(app, WebConfig(config)) as server:
        idle = [socket.create_connection(("127.0.0.1", server.port), 5) for _ in range(20)]
        for half in idle[::2]:
            half.sendall(b"\x16\x03\x01\x02\x00\x01")
        try:
            for _ in range(3):
                assert await scrape(server, trusting(ca)) == 200
        finally:
            for one in idle:
                one.close()


async def test_stopping_does_not_wait_for_a_handshake_that_never_ends(
    app: ASGIApp, config: TLSConfig, ca: trustme.CA
) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as idle:
        async with serving(app, WebConfig(config)) as server:
            idle.connect(("127.0.0.1", server.port))
            assert await scrape(server, trusting(ca)) == 200
            before = loop.time()
        assert loop.time() - before < 2.5


async def test_plain_http_on_the_tls_port_harms_nobody(
    app: ASGIApp, config: TLSConfig, ca: trustme.CA
) -> None:
    async with serving(app, WebConfig(config)) as server:
        async with httpx.AsyncClient(timeout=5, verify=TRUSTS_NOBODY) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"http://127.0.0.1:{server.port}/metrics")
        assert await scrape(server, trusting(ca)) == 200


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_renewed_certificate_is_shown_to_the_next_connection(
    app: ASGIApp, config: TLSConfig, ca: trustme.CA, tmp_path: Path, host: str
) -> None:
    context = trusting(ca)
    async with serving(app, WebConfig(config)) as server:
        assert "renewed.example" not in await served_names(server, context, host)
        write_pair(tmp_path, ca, "localhost", "127.0.0.1", "renewed.example")
        # An address is asked for without a server name in the handshake.
        assert "renewed.example" in await served_names(server, context, host)
        assert await scrape(server, context, host) == 200


async def test_a_connection_outlives_the_renewal(
    app: ASGIApp, config: TLSConfig, ca: trustme.CA, tmp_path: Path
) -> None:
    async with (
        serving(app, WebConfig(config)) as server,
        httpx.AsyncClient(verify=trusting(ca), timeout=5) as client,
    ):
        url = f"https://127.0.0.1:{server.port}/metrics"
        assert (await client.get(url)).status_code == 200
        write_pair(tmp_path, ca, "localhost", "127.0.0.1")
        assert await scrape(server, trusting(ca)) == 200
        assert (await client.get(url)).status_code == 200


async def test_a_half_written_pair_leaves_the_old_one_in_use_until_it_is_whole(
    app: ASGIApp, config: TLSConfig, ca: trustme.CA, tmp_path: Path
) -> None:
    context = trusting(ca)
    old_key = config.key_file.read_bytes()
    async with serving(app, WebConfig(config)) as server:
        write_pair(tmp_path, ca, "localhost", "renewed.example")
        new_key = config.key_file.read_bytes()
        replace_file(config.key_file, old_key)
        for _ in range(2):
            assert "renewed.example" not in await served_names(server, context, "localhost")
        config.key_file.unlink()
        assert "renewed.example" not in await served_names(server, context, "localhost")
        replace_file(config.key_file, new_key)
        assert "renewed.example" in await served_names(server, context, "localhost")


async def test_a_failed_renewal_is_logged_once_and_without_the_key(
    app: ASGIApp, config: TLSConfig, ca: trustme.CA
) -> None:
    with structlog.testing.capture_logs() as lines:
        async with serving(app, WebConfig(config)) as server:
            replace_file(config.cert_file, config.key_file.read_bytes())
            for _ in range(3):
                await served_names(server, trusting(ca), "localhost")
    assert [line["event"] for line in lines] == ["certificate_not_renewed"]
    assert str(config.cert_file) in lines[0]["reason"]
    assert "PRIVATE" not in str(lines)


@pytest.fixture
def verifying(config: TLSConfig, ca: trustme.CA, tmp_path: Path) -> TLSConfig:
    ca.cert_pem.write_to_path(tmp_path / "ca.crt")
    return replace(config, client_ca_file=tmp_path / "ca.crt", verify_mode=ssl.CERT_REQUIRED)


async def test_a_client_without_a_certificate_is_refused_where_one_is_required(
    app: ASGIApp, verifying: TLSConfig, ca: trustme.CA
) -> None:
    stranger = trustme.CA().issue_cert("client@example.org")
    async with serving(app, WebConfig(verifying)) as server:
        known = trusting(ca, client=ca.issue_cert("client@example.org"))
        assert await scrape(server, known) == 200
        for context in (trusting(ca), trusting(ca, client=stranger)):
            with pytest.raises(httpx.TransportError):
                await scrape(server, context)


async def test_a_renewed_client_ca_decides_on_the_next_connection(
    app: ASGIApp, verifying: TLSConfig, ca: trustme.CA
) -> None:
    other = trustme.CA()
    old = trusting(ca, client=ca.issue_cert("client@example.org"))
    new = trusting(ca, client=other.issue_cert("client@example.org"))
    assert verifying.client_ca_file is not None
    async with serving(app, WebConfig(verifying)) as server:
        assert await scrape(server, old) == 200
        replace_file(verifying.client_ca_file, other.cert_pem.bytes())
        assert await scrape(server, new) == 200
        with pytest.raises(httpx.TransportError):
            await scrape(server, old)


def resume(
    server: Server, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[str, bool, ssl.SSLSession | None]:
    """The first line of an answer, whether the session was resumed, and the session.

    A refusal may come as an alert, a reset, or an end without an answer.
    """
    with (
        socket.create_connection(("127.0.0.1", server.port), 5) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=session) as secured,
    ):
        secured.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: secured.recv(4096), b""))
        return answer.decode().partition("\r\n")[0], bool(secured.session_reused), secured.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_session_is_resumed_only_while_the_files_are_the_same(
    app: ASGIApp, verifying: TLSConfig, ca: trustme.CA, version: ssl.TLSVersion
) -> None:
    client = trusting(ca, client=ca.issue_cert("client@example.org"))
    client.minimum_version = client.maximum_version = version
    assert verifying.client_ca_file is not None
    async with serving(app, WebConfig(verifying)) as server:
        line, _, session = await asyncio.to_thread(resume, server, client, None)
        assert line == "HTTP/1.1 200 OK"
        line, resumed, session = await asyncio.to_thread(resume, server, client, session)
        assert (line, resumed) == ("HTTP/1.1 200 OK", True)
        replace_file(verifying.client_ca_file, trustme.CA().cert_pem.bytes())
        line = ""
        with contextlib.suppress(OSError):
            line, _, _ = await asyncio.to_thread(resume, server, client, session)
        assert line == ""


async def test_a_kept_connection_ends_with_the_ca_that_let_it_in(
    app: ASGIApp, verifying: TLSConfig, ca: trustme.CA
) -> None:
    client = trusting(ca, client=ca.issue_cert("client@example.org"))
    request = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
    assert verifying.client_ca_file is not None
    async with serving(app, WebConfig(verifying)) as server, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=client)
        for _ in range(2):
            writer.write(request)
            assert b"200 OK" in await reader.readuntil(b"healthy\n")
        replace_file(verifying.client_ca_file, trustme.CA().cert_pem.bytes())
        writer.write(request)
        assert await reader.read() == b""
        writer.close()


async def test_a_handshake_that_never_ends_is_ended(
    app: ASGIApp, config: TLSConfig, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HANDSHAKE_TIMEOUT", 0.1)
    async with serving(app, WebConfig(config)) as server, asyncio.timeout(5):
        for sent in (b"", b"\x16\x03\x01\x02\x00\x01"):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent)
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
        assert await scrape(server, trusting(ca)) == 200


async def test_handshakes_that_never_end_leave_room_for_others(
    app: ASGIApp, config: TLSConfig, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "CONNECTIONS", 4)
    async with serving(app, WebConfig(config)) as server:
        idle = [socket.create_connection(("127.0.0.1", server.port), 5) for _ in range(20)]
        try:
            assert await scrape(server, trusting(ca)) == 200
        finally:
            for one in idle:
                one.close()


async def test_a_protocol_below_the_minimum_is_refused(
    app: ASGIApp, config: TLSConfig, ca: trustme.CA
) -> None:
    only_1_3 = replace(config, minimum_version=ssl.TLSVersion.TLSv1_3)
    context = trusting(ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(app, WebConfig(only_1_3)) as server:
        with pytest.raises(httpx.TransportError):
            await scrape(server, context)


async def test_turning_tls_on_or_off_takes_a_restart(app: ASGIApp, config: TLSConfig) -> None:
    async with serving(app, WebConfig(config)) as server:
        with pytest.raises(WebConfigError, match="restart"):
            server.replace(WebConfig())
        server.replace(WebConfig(config, {"prometheus": "x"}))


def test_an_encrypted_key_is_refused_rather_than_asked_for(tmp_path: Path) -> None:
    pair = trustme.CA().issue_cert("localhost")
    (tmp_path / "tls.crt").write_bytes(pair.cert_chain_pems[0].bytes())
    # No key at all, but OpenSSL asks for the password before it finds that out.
    (tmp_path / "tls.key").write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    config = TLSConfig(tmp_path / "tls.crt", tmp_path / "tls.key")
    with pytest.raises(Exception, match=r"tls\.key are not a certificate with its key"):
        config.context()


def test_a_file_that_may_not_be_read_is_named(config: TLSConfig) -> None:
    config.key_file.unlink()
    config.key_file.mkdir()
    with pytest.raises(Exception, match=r"tls\.key cannot be read: Is a directory"):
        config.context()
