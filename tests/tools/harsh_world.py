"""The exporter's process in a world that is against it; run as a script in a network of its own.

The network has one address besides loopback, where an API over TLS listens. A dead proxy leads
nowhere, NO_PROXY names the address's network, stdin is closed, and the API's private authority is
replaced while all runs. What was seen comes out as one line of JSON. Needs root.
"""

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import trustme

ADDRESS = "10.98.76.54"
DEAD_PROXY = "http://127.0.0.1:9"
WEB = "127.0.0.1:10984"
WAIT_SECONDS = 90.0

Command = Callable[[Mapping[str, str], list[str]], list[str]]


async def seen(command: Command, bundle: Path, bundle_there: str, extra: dict[str, str]) -> Any:
    """What happened, in order.

    command: what runs the exporter with these variables and arguments.
    bundle: the authority's file as we write it; bundle_there: as the exporter reads it.
    """
    found: dict[str, Any] = {}
    old, new = trustme.CA(), trustme.CA()
    async with simulator() as (api, key):
        port = int(api.rpartition(":")[2])
        variables = {
            "ISNOTAI_API_KEY": f"{key}\n",
            "ISNOTAI_WEB_LISTEN_ADDRESS": WEB,
            "ISNOTAI_TLS_CA_FILE": bundle_there,
            "ISNOTAI_POLL_SESSIONS_INTERVAL": "1s",
            "ISNOTAI_POLL_HEALTH_INTERVAL": "1s",
            "ISNOTAI_LOG_FORMAT": "json",
            "HTTPS_PROXY": DEAD_PROXY,
            "HTTP_PROXY": DEAD_PROXY,
            **extra,
        }
        async with front(port, old) as tls:
            variables["ISNOTAI_BASE_URL"] = f"https://{ADDRESS}:{tls}"
            async with exporter(command, variables):
                found["proxied"] = await until(lambda page: "the proxy 127.0.0.1:9" in page, "/")
            variables["NO_PROXY"] = "fd00::/8,10.0.0.0/8"
            publish(bundle, b"")
            async with exporter(command, variables) as running:
                found["no authority yet"] = await until(not_accepted, "/")
                publish(bundle, old.cert_pem.bytes())
                found["authority"] = await until(up(1))
                async with front(port, new, port=tls, before=tls_stop):
                    found["rotated server"] = await until(not_accepted, "/")
                    publish(bundle, new.cert_pem.bytes() + b"\n")
                    found["rotated authority"] = await until(
                        lambda page: up(1)(page) and resource_up(page)
                    )
                    found["healthcheck"] = await asyncio.to_thread(healthcheck, command, variables)
                    pid = innermost(running.pid)
                    found["stdin is nothing"] = stdin_of(pid).startswith(("/dev/null", "pipe:"))
                    os.kill(pid, signal.SIGTERM)
                    found["exit code"] = await asyncio.wait_for(running.wait(), WAIT_SECONDS)
    return found


tls_stop: list[asyncio.Server] = []


def up(value: int) -> Callable[[str], bool]:
    return lambda page: f'isnotai_up{{integration="default"}} {value}' in page


def resource_up(page: str) -> bool:
    return 'isnotai_resource_up{integration="default",resource="sessions"} 1' in page


def not_accepted(page: str) -> bool:
    return f"certificate of {ADDRESS} not accepted: unknown issuer" in page


async def until(condition: Callable[[str], bool], path: str = "/metrics") -> bool:
    """Whether the exporter's page comes to be so."""
    deadline = monotonic() + WAIT_SECONDS
    while monotonic() < deadline:
        if condition(await asyncio.to_thread(fetched, path)):
            return True
        await asyncio.sleep(0)
    return False


def fetched(path: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{WEB}{path}", timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except (urllib.error.URLError, ConnectionError):
        return ""


def publish(bundle: Path, authorities: bytes) -> None:
    bundle.write_bytes(authorities)


def stdin_of(pid: int) -> str:
    return str(Path(f"/proc/{pid}/fd/0").readlink())


def healthcheck(command: Command, variables: Mapping[str, str]) -> int:
    asked = subprocess.run(
        command(variables, ["healthcheck"]), capture_output=True, timeout=60, check=False
    )
    return asked.returncode


def innermost(pid: int) -> int:
    """The process that the wrappers ended up in: unshare keeps itself above it."""
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    return pid


@asynccontextmanager
async def exporter(
    command: Command, variables: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    running = await asyncio.create_subprocess_exec(
        *command(variables, []), preexec_fn=lambda: os.close(0)
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(innermost(running.pid), signal.SIGTERM)
            await asyncio.wait_for(running.wait(), WAIT_SECONDS)


@asynccontextmanager
async def simulator() -> AsyncIterator[tuple[str, str]]:
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", "simulate", "--port", "0", "--exit-with-parent"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert running.stdout is not None
    try:
        told = json.loads(await running.stdout.readline())
        yield told["url"], told["key"]
    finally:
        running.terminate()
        await running.wait()


@asynccontextmanager
async def front(
    behind: int, authority: trustme.CA, port: int = 0, before: list[asyncio.Server] | None = None
) -> AsyncIterator[int]:
    """TLS in front of the simulator, in place of the front before it, as its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(ADDRESS).configure_cert(context)
    writers: set[asyncio.StreamWriter] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", behind)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    for server in before or ():
        server.close()
    server = await asyncio.start_server(serve, ADDRESS, port, ssl=context)
    tls_stop.append(server)
    # A server that is rotated ends its connections, too.
    _connections.append(writers)
    for older in _connections[:-1]:
        for writer in older:
            writer.transport.abort()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


_connections: list[set[asyncio.StreamWriter]] = []


def main() -> None:
    """argv: the folder that the exporter sees, its name there, then the command as JSON.

    In the command `VARIABLES` stands for `NAME=value` pairs and `ARGUMENTS` for arguments.
    """
    folder, there, template, extra = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    parts: list[str] = json.loads(template)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)

    def command(variables: Mapping[str, str], arguments: list[str]) -> list[str]:
        whole: list[str] = []
        for part in parts:
            if part == "VARIABLES":
                whole += [f"{name}={value}" for name, value in variables.items()]
            elif part == "ARGUMENTS":
                whole += arguments
            else:
                whole.append(part)
        return whole

    bundle = folder / "ca.pem"
    bundle.touch()
    bundle.chmod(0o644)
    found = asyncio.run(seen(command, bundle, f"{there}/ca.pem", json.loads(extra)))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
