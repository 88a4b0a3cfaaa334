"""A private authority that is replaced together with the server's certificate, while all runs."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme

from exporter import cli
from tests.e2e.running import Exporter, Scrape, client_of, process
from tests.e2e.simulation import simulated

REASON = "certificate of 127.0.0.1 not accepted: unknown issuer"


class Front:
    """TLS before another server. port: where it listens."""

    def __init__(self, behind: int, authority: trustme.CA) -> None:
        self.port = 0
        self._behind = behind
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._context)
        self._open: set[asyncio.StreamWriter] = set()

    def rotate(self, authority: trustme.CA) -> None:
        """Show a certificate of another authority, and end what was let in by the old one."""
        authority.issue_cert("127.0.0.1").configure_cert(self._context)
        self.close()

    def close(self) -> None:
        """End what is open, but for connections that are only just being made."""
        for writer in self._open:
            writer.transport.abort()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Front"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        inward, outward = await asyncio.open_connection("127.0.0.1", self._behind)
        both = {writer, outward}
        self._open |= both
        with suppress(OSError):
            await asyncio.gather(_pump(reader, outward), _pump(inward, writer))
        self._open -= both
        for one in both:
            one.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    raise ConnectionResetError  # so that the other direction ends as well


async def check(
    variables: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """What `check` says, and its exit code."""
    code = await asyncio.to_thread(cli.main, ["check"], variables)
    return code, capsys.readouterr().out


async def until_page_says(exporter: Exporter, text: str) -> None:
    async with asyncio.timeout(60):
        while text not in (await exporter.get("/")).text:
            await exporter.alive.moment()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_a_bundle_and_a_server_that_rotate_together_need_no_restart(
    tmp_path: Path, variable: str, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = trustme.CA(), trustme.CA()
    bundle = tmp_path / "ca.pem"
    old.cert_pem.write_to_path(bundle)
    async with simulated(rate=2.0) as api:
        behind = int(api.url.rpartition(":")[2])
        async with Front(behind, old).running() as front:
            variables = {
                **api.variables,
                "ISNOTAI_BASE_URL": f"https://127.0.0.1:{front.port}",
                variable: str(bundle if variable == "SSL_CERT_FILE" else tmp_path),
            }
            async with process(variables) as daemon, client_of(daemon) as exporter:
                await exporter.until(lambda scrape: scrape.value("isnotai_up") == 1)
                front.rotate(new)

                def refused(scrape: Scrape) -> bool:
                    front.close()  # one that was being made still had the old certificate
                    return scrape.value("isnotai_up") == 0

                await exporter.until(refused)
                await until_page_says(exporter, REASON)
                assert REASON in daemon.output
                code, said = await check(variables, capsys)
                assert (code, REASON in said) == (1, True), said

                bundle.write_bytes(new.cert_pem.bytes() + b"\n")

                await exporter.until(lambda scrape: scrape.value("isnotai_up") == 1)
                assert "Traceback" not in daemon.output
