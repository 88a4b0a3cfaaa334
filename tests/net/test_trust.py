"""Trusted certificates: read from every place, again when they change, never a reason to end."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from exporter.api.errors import UnreachableError
from exporter.net.network import Network
from exporter.net.trust import CertificateFileError, ClientCertificate, only, read_trust
from tests.api.clients import trial
from tests.net.peers import answer, certified, listening

TIME_OUT = 10.0


async def reached(port: int, network: Network) -> bool:
    """Whether the API there is reached; any error but that about the certificate is raised."""
    url = f"https://127.0.0.1:{port}"
    async with asyncio.timeout(TIME_OUT), trial(url, network=network) as api:
        try:
            await api.client.get("/health", resource="health")
        except UnreachableError as error:
            if "not accepted" not in str(error):
                raise
            return False
        return True


@pytest.mark.parametrize("place", ["SSL_CERT_FILE", "SSL_CERT_DIR", "tls.ca_file", "all"])
async def test_a_certificate_is_trusted_from_every_place(tmp_path: Path, place: str) -> None:
    authority, other = trustme.CA(), trustme.CA()
    file, folder = tmp_path / "ca.pem", tmp_path / "folder"
    folder.mkdir()
    (folder / "not-hashed.pem").write_bytes(authority.cert_pem.bytes())
    file.write_bytes(authority.cert_pem.bytes())
    unrelated = tmp_path / "other.pem"
    unrelated.write_bytes(other.cert_pem.bytes())
    environ, ca_file = {
        "SSL_CERT_FILE": ({"SSL_CERT_FILE": str(file)}, None),
        "SSL_CERT_DIR": ({"SSL_CERT_DIR": f"{tmp_path / 'folder'}:"}, None),
        "tls.ca_file": ({}, file),
        "all": ({"SSL_CERT_FILE": str(unrelated), "SSL_CERT_DIR": str(folder)}, unrelated),
    }[place]

    async with listening(answer, certified(authority)) as port:
        assert await reached(port, Network.read(environ, ca_file))


async def test_the_ca_file_is_trusted_besides_the_variables(tmp_path: Path) -> None:
    first, second = trustme.CA(), trustme.CA()
    for name, authority in (("first", first), ("second", second)):
        (tmp_path / name).write_bytes(authority.cert_pem.bytes())
    network = Network.read({"SSL_CERT_FILE": str(tmp_path / "first")}, tmp_path / "second")

    for authority in (first, second):
        async with listening(answer, certified(authority)) as port:
            assert await reached(port, network)


def test_the_ca_file_alone_is_trusted_besides_the_default_list(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(trustme.CA().cert_pem.bytes())

    known = len(read_trust({}).current().get_ca_certs())
    assert known > 50
    assert len(read_trust({}, file).current().get_ca_certs()) == known + 1


async def test_a_bundle_that_rotates_with_its_server_needs_no_reload(tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA()
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(old.cert_pem.bytes())
    network = Network.read({}, bundle)

    async with listening(answer, certified(old)) as port:
        assert await reached(port, network)
    async with listening(answer, certified(new)) as port:
        assert not await reached(port, network)
        bundle.write_bytes(new.cert_pem.bytes() + b"\n")
        assert await reached(port, network)
    async with listening(answer, certified(old)) as port:
        assert not await reached(port, network)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"no certificate"])
async def test_a_bundle_that_comes_later_is_no_reason_to_end(
    tmp_path: Path, content: bytes | None
) -> None:
    authority = trustme.CA()
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_bytes(content)
    network = Network.read({"SSL_CERT_FILE": str(bundle)})

    async with listening(answer, certified(authority)) as port:
        assert not await reached(port, network)
        (problem,) = network.trust.problems
        assert problem.startswith(f"SSL_CERT_FILE: {bundle} ")
        bundle.write_bytes(authority.cert_pem.bytes())
        assert await reached(port, network)
    assert network.trust.problems == ()


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA"])
async def test_a_bundle_that_is_gone_or_half_written_leaves_the_old_one_trusted(
    tmp_path: Path, content: bytes | None
) -> None:
    authority = trustme.CA()
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(authority.cert_pem.bytes())
    network = Network.read({}, bundle)

    async with listening(answer, certified(authority)) as port:
        assert await reached(port, network)
        bundle.unlink()
        if content is not None:
            bundle.write_bytes(content)
        assert await reached(port, network)
    (problem,) = network.trust.problems
    assert problem.startswith("tls.ca_file: ")
    assert problem.endswith("what it held before stays trusted")


async def test_a_refused_certificate_says_which_file_is_missing(tmp_path: Path) -> None:
    network = Network.read({}, tmp_path / "nowhere.pem")
    async with (
        listening(answer, certified(trustme.CA())) as port,
        trial(f"https://127.0.0.1:{port}", network=network) as api,
    ):
        with pytest.raises(UnreachableError) as refused:
            await api.client.get("/health", resource="health")

    assert str(refused.value) == (
        "certificate of 127.0.0.1 not accepted: unknown issuer; "
        f"tls.ca_file: {tmp_path}/nowhere.pem cannot be read: No such file or directory"
    )


def test_one_context_is_made_and_kept_while_nothing_changes(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(trustme.CA().cert_pem.bytes())
    trust = only("OTEL_EXPORTER_OTLP_CERTIFICATE", file)

    assert trust.current() is trust.current()
    assert trust.pem() == file.read_bytes().strip()
    assert len(trust.current().get_ca_certs()) == 1


def test_a_client_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(trustme.CA().cert_pem.bytes())

    for own in (tmp_path / "nowhere.pem", file):
        with pytest.raises(CertificateFileError, match=str(own)):
            only("x", file, ClientCertificate(own)).current()


def test_no_variable_writes_down_what_decrypts_a_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))

    trust = read_trust({"SSLKEYLOGFILE": str(tmp_path / "keys")})

    assert trust.current().keylog_filename is None
    assert isinstance(trust.context, ssl.SSLContext)
    assert trust.context.keylog_filename is None
