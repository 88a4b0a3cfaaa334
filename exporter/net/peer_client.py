"""HTTP to one peer: connections that are shared, and requests made of what is the same in all."""

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from importlib.util import find_spec
from typing import Any

from exporter import __version__
from exporter.net import descriptors
from exporter.net.failures import Peer
from exporter.net.http import httpx
from exporter.net.network import Network
from exporter.net.pieces import bound_pieces
from exporter.net.proxies import UnusableAddressError

PHASES = httpx.Timeout(connect=5.0, read=10.0, write=5.0, pool=5.0)

KEPT = 16
"""Connections that are kept for later requests. httpcore looks at all of them at each request."""

if find_spec("sniffio") is None:
    # httpcore imports it a dozen times a request, to learn that asyncio is in use, and where it is
    # not installed Python looks for it in every folder each time: a sixth of the processor time.
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # None: it cannot be imported

_URLS = 64
"""Paths of which the URL is kept."""

_NO_BODY = httpx.ByteStream(b"")


class _NoCookies(httpx.Cookies):
    """Keeps none: they would only pile up."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Leave them. Without this each answer is translated for a jar that wants none."""


_NO_COOKIES = _NoCookies()


class PeerClient(httpx.AsyncClient):
    """HTTP to one peer, shared by all who ask there; it closes when the last has let go of it.

    peer: whom it speaks to, for the words of errors.
    """

    peer: Peer | None = None
    _holders = 0
    _closing: asyncio.Task[None] | None = None

    @property  # type: ignore[misc]  # nobody sets it
    def cookies(self) -> httpx.Cookies:
        return _NO_COOKIES

    @asynccontextmanager
    async def get_stream(
        self, path: str, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        """The answer of `GET path`, of which the body is yet to be read: as `stream` gives it.

        What is the same in all requests is made once; httpx makes it anew for each, and parses
        the URL three times. Raises httpx.TransportError, httpx.InvalidURL.
        """
        url = self._url(path)
        request = httpx.Request(
            "GET",
            url.copy_with(params=params) if params else url,
            headers=[*self._standing, *headers.items()],
            stream=_NO_BODY,
            extensions=self._extensions,
        )
        response = await self.send(request, stream=True)
        try:
            yield response
        finally:
            await response.aclose()
            # The one that httpx puts there refers to the answer: a circle of 36 objects, which only
            # the garbage collector would free.
            response.stream = _NO_BODY

    def _url(self, path: str) -> httpx.URL:
        if path not in self._urls:
            if len(self._urls) >= _URLS:
                self._urls.clear()
            self._urls[path] = self.build_request("GET", path).url
        return self._urls[path]

    @cached_property
    def _urls(self) -> dict[str, httpx.URL]:
        return {}

    @cached_property
    def _standing(self) -> Sequence[tuple[str, str]]:
        """The headers of all requests."""
        raw = self.build_request("GET", "").headers.raw
        return [(name.decode("ascii"), value.decode("ascii")) for name, value in raw]

    @cached_property
    def _extensions(self) -> dict[str, Any]:
        return {"timeout": self.timeout.as_dict()}

    def hold(self) -> None:
        """Keep it open until `let_go`."""
        self._holders += 1

    def let_go(self) -> None:
        """Close it, unless somebody else holds it.

        In a task of its own: a poll that is cancelled meanwhile would leave connections open, and
        httpx closes a client once only.
        """
        self._holders -= 1
        if not self._holders:
            self._closing = asyncio.create_task(self.aclose())

    @contextmanager
    def held(self) -> Iterator["PeerClient"]:
        """It stays open meanwhile."""
        self.hold()
        try:
            yield self
        finally:
            self.let_go()

    async def closed(self) -> None:
        """Wait until it is closed, where nobody holds it any more."""
        if self._closing is not None:
            await self._closing


def http_client(base_url: str, network: Network) -> PeerClient:
    """An HTTP client for the API: TLS verified, redirects off, every phase timed out.

    It is meant to be shared by some integrations of that address: each has one request of each
    resource under way at most, so what bounds the connections is the number of open files.
    It reads nothing from the environment by itself: proxies and certificates are the network's.
    Raises UnusableAddressError.
    """
    proxy = network.proxies.for_url(base_url)
    context = network.trust.context
    try:
        http = PeerClient(
            base_url=base_url,
            timeout=PHASES,
            follow_redirects=False,
            trust_env=False,
            verify=context,
            proxy=_proxy(proxy, context),
            headers={
                "User-Agent": f"isnotai-exporter/{__version__}",
                "Accept": "application/json",
                # Uncompressed, so that the bound on a body is one on memory as well.
                "Accept-Encoding": "identity",
            },
            limits=httpx.Limits(
                max_connections=descriptors.for_peers(), max_keepalive_connections=KEPT
            ),
        )
    except httpx.InvalidURL:
        # Not its text, which may repeat a password.
        raise UnusableAddressError("base_url: must be a valid http or https URL") from None
    http.peer = Peer.of(base_url, proxy, network.trust)
    bound_pieces(http)
    return http


def _proxy(url: str | None, context: ssl.SSLContext) -> httpx.Proxy | None:
    if url is None:
        return None
    return httpx.Proxy(url, ssl_context=context if url.startswith("https:") else None)
