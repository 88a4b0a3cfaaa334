"""Behind a proxy that serves the exporter under a path: every link and every path still works."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urljoin

import httpx
import pytest

from exporter.web.app import create_app
from tests.net.peers import listening
from tests.plain import TRUSTS_NOBODY
from tests.web.conftest import FakeSite, serving

PREFIX = "/tools/isnotai"


@asynccontextmanager
async def proxy(port: int, *, strips: bool = True, header: bytes = b"") -> AsyncIterator[str]:
    """A reverse proxy for PREFIX before that port, as its URL."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, path, rest = head.split(b" ", 2)
        if not path.startswith(PREFIX.encode()):
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        if strips:
            path = path.removeprefix(PREFIX.encode()) or b"/"
        version, fields = rest.split(b"\r\n", 1)
        inner, outward = await asyncio.open_connection("127.0.0.1", port)
        outward.write(b" ".join((method, path, version)) + b"\r\n" + header + fields)
        writer.write(await inner.read())
        await writer.drain()
        outward.close()

    async with listening(forward) as outer:
        yield f"http://127.0.0.1:{outer}"


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(
        timeout=5, headers={"Connection": "close"}, verify=TRUSTS_NOBODY
    ) as client:
        return await client.get(url)


def own_links(page: str) -> list[str]:
    return [
        link
        for link in re.findall(r'(?:href|src|action)="([^"]*)"', page)
        if link[:1] not in ("#", "") and ":" not in link
    ]


@pytest.mark.parametrize(
    ("path", "header"),
    [
        (f"{PREFIX}/", b""),
        (f"{PREFIX}/", f"X-Forwarded-Prefix: {PREFIX}\r\n".encode()),
        (PREFIX, f"X-Forwarded-Prefix: {PREFIX}\r\n".encode()),
        (PREFIX, f"X-Forwarded-Prefix: {PREFIX}/\r\n".encode()),
    ],
)
@pytest.mark.parametrize("telemetry_path", ["/metrics", "/probe/metrics"])
async def test_every_link_of_the_page_is_answered_behind_a_proxy_that_strips_its_prefix(
    site: FakeSite, path: str, header: bytes, telemetry_path: str
) -> None:
    async with (
        serving(create_app(site, telemetry_path)) as server,
        proxy(server.port, header=header) as url,
    ):
        page = await get(url + path)
        links = own_links(page.text)

        assert len(links) >= 4
        for link in links:
            assert (await get(urljoin(url + path, link))).status_code == 200, link


async def test_behind_a_proxy_that_keeps_its_prefix_the_telemetry_path_may_have_it(
    site: FakeSite,
) -> None:
    """Nothing else is found there: which prefix it is, nobody has told us."""
    async with (
        serving(create_app(site, f"{PREFIX}/metrics")) as server,
        proxy(server.port, strips=False) as url,
    ):
        assert (await get(f"{url}{PREFIX}/metrics")).status_code == 200
        assert (await get(f"{url}{PREFIX}/")).status_code == 404


@pytest.mark.parametrize(
    "told", ["//evil.example", "javascript:x", "https://evil.example/", '/"><script>', "/a/../.."]
)
async def test_a_prefix_that_is_none_is_passed_over(site: FakeSite, told: str) -> None:
    header = f"X-Forwarded-Prefix: {told}\r\n".encode()
    async with (
        serving(create_app(site)) as server,
        proxy(server.port, header=header) as url,
    ):
        links = own_links((await get(f"{url}{PREFIX}/")).text)
        assert links[:3] == ["metrics", "-/healthy", "-/ready"]
        assert not any(link.startswith("/") for link in links)
