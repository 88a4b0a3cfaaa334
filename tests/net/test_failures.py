"""What failed, in words: on real sockets, for each way in which a connection can fail."""

import asyncio
import re
import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import httpx
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from exporter.api import client as clients
from exporter.api.errors import ApiError
from exporter.net import peer_client
from exporter.net.network import Network
from tests.api.clients import KEY, trial
from tests.api.tiny_server import closed_port
from tests.net.peers import Serve, answer, certified, listening

_LOOPBACK = IPv4Address("127.0.0.1")
NOTHING = Network.read({})
SECRET = "hunter22"


async def failure(url: str, network: Network = NOTHING) -> str:
    """What the client says of a failed request."""
    async with asyncio.timeout(30), trial(url, network=network) as api:
        with pytest.raises(ApiError) as failed:
            await api.client.get("/v1/stats", {"cursor": SECRET}, resource="stats")
    text = str(failed.value)
    assert SECRET not in text
    assert KEY not in text
    return text


async def test_a_name_that_is_not_known() -> None:
    assert await failure("http://nowhere.invalid") == "cannot resolve nowhere.invalid"


async def test_a_port_on_which_nobody_listens() -> None:
    port = closed_port()
    assert await failure(f"http://127.0.0.1:{port}") == f"connection refused by 127.0.0.1:{port}"
    assert await failure(f"http://[::1]:{port}") in (
        f"connection refused by [::1]:{port}",
        f"no route to [::1]:{port}",
    )


async def test_time_outs_say_how_long_and_what_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await reader.read()
        writer.close()

    monkeypatch.setattr(peer_client, "PHASES", httpx.Timeout(0.25))
    async with listening(silent) as port:
        assert await failure(f"http://127.0.0.1:{port}") == "timed out after 0.25 s while waiting"
    async with listening(half) as port:
        assert await failure(f"http://127.0.0.1:{port}") == "timed out after 0.25 s while reading"
    # A queue of one that is full: the next one's SYN is not answered.
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        said = await failure(f"http://127.0.0.1:{full.getsockname()[1]}")
        assert said == "timed out after 0.25 s while connecting"
    monkeypatch.setattr(clients, "REQUEST_SECONDS", 0.125)
    async with listening(silent) as port:
        assert await failure(f"http://127.0.0.1:{port}") == "timed out after 0.125 s while waiting"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", "connection closed by PEER"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "connection closed by PEER"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "unexpected answer from PEER: not HTTP"),
    ],
)
async def test_answers_that_are_none(sent: bytes, said: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(sent)
        await writer.drain()
        writer.close()

    async with listening(serve) as port:
        assert await failure(f"http://127.0.0.1:{port}") == said.replace(
            "PEER", f"127.0.0.1:{port}"
        )


@pytest.mark.parametrize(
    ("name", "age", "trusted", "why"),
    [
        ("127.0.0.1", 0, False, "unknown issuer"),
        ("elsewhere.example", 0, True, "hostname mismatch"),
        ("127.0.0.1", 2, True, "expired"),
    ],
)
async def test_why_a_certificate_is_not_accepted(
    tmp_path: Path, name: str, age: float, trusted: bool, why: str
) -> None:
    authority = trustme.CA()
    file = tmp_path / "ca.pem"
    file.write_bytes((authority if trusted else trustme.CA()).cert_pem.bytes())

    async with listening(answer, certified(authority, name, age)) as port:
        said = await failure(
            f"https://127.0.0.1:{port}", Network.read({"SSL_CERT_FILE": str(file)})
        )

    assert said == f"certificate of 127.0.0.1 not accepted: {why}"


async def test_what_a_strict_python_misses_in_a_certificate_is_told(tmp_path: Path) -> None:
    """Python 3.13 asks for what RFC 5280 wants; here whichever Python runs is asked to."""
    file = tmp_path / "ca.pem"
    context = _incomplete(file)
    network = Network.read({"SSL_CERT_FILE": str(file)})
    network.trust.current().verify_flags |= ssl.VERIFY_X509_STRICT

    async with listening(answer, context) as port:
        said = await failure(f"https://127.0.0.1:{port}", network)

    assert re.search(r"not accepted: missing (Authority|Subject) Key Identifier$", said)


async def test_a_ca_without_basic_constraints_is_told(tmp_path: Path) -> None:
    """OpenSSL only calls it an invalid CA certificate, which names nothing to change."""
    file = tmp_path / "ca.pem"
    context = _incomplete(file, identifiers=True)
    network = Network.read({"SSL_CERT_FILE": str(file)})
    network.trust.current().verify_flags |= ssl.VERIFY_X509_STRICT

    async with listening(answer, context) as port:
        said = await failure(f"https://127.0.0.1:{port}", network)

    assert "not accepted: its CA's basic constraints are missing" in said


def _incomplete(ca_file: Path, *, identifiers: bool = False) -> ssl.SSLContext:
    """A server's context, its certificate and its CA's made as many private CAs still do.

    They lack the key identifiers, or, with these, the basic constraints.
    """
    now = datetime.now(UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("CA", "server")
    ]
    made = []
    for place, (key, name) in enumerate(zip(keys, names, strict=True)):
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(names[0])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        if identifiers:
            own_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
            ca_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key())
            builder = builder.add_extension(own_id, critical=False)
            builder = builder.add_extension(ca_id, critical=False)
        else:
            basic = x509.BasicConstraints(ca=place == 0, path_length=None)
            builder = builder.add_extension(basic, critical=True)
        if place == 1:
            san = x509.SubjectAlternativeName([x509.IPAddress(_LOOPBACK)])
            builder = builder.add_extension(san, critical=False)
        made.append(builder.sign(keys[0], hashes.SHA256()))
    ca_file.write_bytes(made[0].public_bytes(serialization.Encoding.PEM))
    own = ca_file.with_name("own.pem")
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    own.write_bytes(
        keys[1].private_bytes(pem, form, serialization.NoEncryption()) + made[1].public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    return context


async def test_plain_http_where_tls_is_expected() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with listening(plain) as port:
        said = await failure(f"https://127.0.0.1:{port}")

    assert said.startswith(f"TLS handshake with 127.0.0.1:{port} failed: ")


def proxied(port: int, scheme: str = "http") -> Network:
    proxy = f"{scheme}://user:{SECRET}@127.0.0.1:{port}"
    return Network.read({"http_proxy": proxy, "https_proxy": proxy})


async def test_a_proxy_that_cannot_be_reached_is_named_as_one() -> None:
    port = closed_port()
    refused = f"connection refused by the proxy 127.0.0.1:{port}"
    assert await failure("http://api.example", proxied(port)) == refused
    assert await failure("https://api.example", proxied(port)) == refused
    unknown = Network.read({"https_proxy": "http://nowhere.invalid:3128"})
    said = await failure("https://api.example", unknown)
    assert said == "cannot resolve the proxy nowhere.invalid"


async def test_a_proxy_that_refuses_the_tunnel() -> None:
    async with listening(_saying(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")) as port:
        said = await failure("https://api.example", proxied(port))

    assert said == f"proxy refused: the proxy 127.0.0.1:{port} answered 407"


async def test_a_request_goes_through_the_proxy_with_its_password_and_past_it_by_no_proxy() -> None:
    seen: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with listening(proxy) as port, listening(answer) as direct:
        async with trial("http://api.example", network=proxied(port)) as api:
            await api.client.get("/health", resource="health")
        async with trial(f"http://127.0.0.1:{direct}", network=proxied(port)) as api:
            await api.client.get("/health", resource="health")

    assert len(seen) == 1
    assert seen[0].startswith(b"GET http://api.example/health HTTP/1.1\r\n")
    assert b"roxy-Authorization: Basic " in seen[0]


def _saying(words: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(words)
        await writer.drain()
        writer.close()

    return serve
