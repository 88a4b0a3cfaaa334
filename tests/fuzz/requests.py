"""Attacks on what reads clients and files: requests, Accept headers, settings, web-config files.

The promise: a request is answered, refused or dropped, never with 500; a header gives a format; a
file gives settings or one line. None raises anything else.
"""

import asyncio
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from uvicorn import Config
from uvicorn.server import ServerState

from exporter.settings import SettingsError, load
from exporter.settings.describe import all_settings
from exporter.web import webconfig
from exporter.web.app import create_app
from exporter.web.basic_auth import BasicAuth
from exporter.web.connections import BoundedProtocol
from exporter.web.headers import AddedHeaders
from exporter.web.negotiation import choose
from tests.fuzz.target import Target
from tests.settings.odd_yaml import odd_files
from tests.web.conftest import FakeSite
from tests.web.test_negotiation import header_text, pieces
from tests.web.test_webconfig import KEYS as WEB_KEYS

SETTINGS = [tuple(setting.name.split(".")) for setting in all_settings() if setting.in_file]
VARIABLES = {"ISNOTAI_API_KEY": "aik_v1_" + "x" * 40}

request_parts = st.sampled_from(
    [
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"OPTIONS * ",
        b"/metrics",
        b"/-/healthy",
        b"/-/reload",
        b"/%00",
        b"//x/..",
        b"http://other/metrics",
        b"?a=b",
        b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n",
        b"Host: x\r\n",
        b"Connection: close\r\n",
        b"Connection: upgrade\r\nUpgrade: websocket\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"Accept: text/plain;n*;n*0\r\n",
        b"Accept-Encoding: gzip;q=\r\n",
        b"Authorization: Basic ",
        b"cHJvbWV0aGV1czpyaWdodA==\r\n",
        b"\r\n",
        b"0\r\n\r\n",
        b"5\r\nhello\r\n",
        b": \r\n",
        b"\x00",
        b"\xff",
    ]
)
requests = st.lists(request_parts | st.binary(max_size=8), max_size=16).map(b"".join)


class _Wire(asyncio.Transport):
    """Takes what the server writes, and remembers whether it closed."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 5), "sockname": ("127.0.0.1", 6)})
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class _Arena:
    """One loop and one application for all requests."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        users: dict[str, str] = {}
        app = AddedHeaders(BasicAuth(create_app(FakeSite()), lambda: users), dict)
        self.config = Config(
            app, http=BoundedProtocol, ws="none", lifespan="off", log_config=None, log_level="error"
        )
        self.config.load()

    async def meet(self, data: bytes) -> bytes:
        state, wire = ServerState(), _Wire()
        protocol = BoundedProtocol(self.config, state, {})
        protocol.connection_made(wire)
        for start in range(0, len(data), 40):
            if not wire.closed:
                protocol.data_received(data[start : start + 40])
            if state.tasks:
                await asyncio.wait(state.tasks, timeout=0.05)
        protocol.connection_lost(None)
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=5)
        return wire.written


@cache
def _arena() -> _Arena:
    return _Arena()


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


def request(data: bytes) -> None:
    arena = _arena()
    answer = arena.runner.run(arena.meet(data))
    assert not answer or answer.startswith(b"HTTP/1.1 ")
    assert b"HTTP/1.1 500 " not in answer


def accept(data: bytes) -> None:
    header, _, coding = data.decode("latin-1").partition("\n")
    face, gzipped = choose(header, coding)
    assert face in ("text", "openmetrics")
    assert gzipped in (True, False)


def settings_file(data: bytes) -> None:
    path = _folder() / "settings.yml"
    path.write_bytes(data)
    told = ""
    try:
        load([], {**VARIABLES, "ISNOTAI_CONFIG_FILE": str(path)})
    except SettingsError as error:
        told = str(error)
    assert "\n" not in told


def web_config(data: bytes) -> None:
    path = _folder() / "web.yml"
    path.write_bytes(data)
    told = ""
    try:
        webconfig.load(path)
    except webconfig.WebConfigError as error:
        told = str(error)
    assert "\n" not in told


headers = st.tuples(header_text | pieces, header_text | pieces).map(
    lambda pair: f"{pair[0]}\n{pair[1]}".encode("latin-1")
)

TARGETS = (
    Target("request", request, requests),
    Target("accept", accept, headers),
    Target("settings-file", settings_file, odd_files(SETTINGS)),
    Target("web-config", web_config, odd_files(WEB_KEYS)),
)
