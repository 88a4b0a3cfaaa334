"""A hostile API, hostile clients and reloads at once: memory flat, counts exact, always healthy."""

import asyncio
import contextlib
import os
import random
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median
from time import monotonic

import bcrypt
import httpx
import pytest
import trustme

from tests.e2e.running import Exporter, Process, Scrape, process, rounded
from tests.e2e.simulation import SECOND, simulated
from tests.e2e.state import State
from tests.soak.clients import HostileClients, pause
from tests.soak.trouble import sampled
from tests.soak.watch import Watch
from tests.soak.weather import Weather

SHORT_SECONDS = 6.0
LONG_SECONDS = float(os.environ.get("SOAK_HOSTILE_SECONDS", "3600"))
LASTING_SECONDS = 60.0
"""Faults that take minutes to recover from strike in longer runs only."""
SETTLE_SECONDS = 420.0
RELOAD_SECONDS = 1.5
PROBE_SECONDS = 10.0
"""How long a probe may take, where a kubelet would wait for one."""

PASSWORD = "right"
MOST_MIB = 128.0
"""Well below the chart's limit of 192 MiB."""
GROWTH_MIB = 8.0
DESCRIPTORS = 250

GOOD_SETTINGS = ("analytics: {windows: [24h]}\n", "analytics: {windows: [24h, 7d]}\n")
BAD_SETTINGS = (
    "region: !!timestamp x\n",
    "[" * 3000,
    "- " * 50_000,
    "analytics: {windows: [24h]}\nanalytics: {windows: []}\n",
    "region: 2026-02-30\n",
    "poll: {stats_interval: !!int x}\n",
    "no_such: key\n",
)
BAD_WEB = (
    "",
    "basic_auth_users: {}\n",
    "tls_server_config: {cert_file: a, key_file: b, cipher_suites: [[x]]}\n",
    "basic_auth_users: {prometheus: no-hash}\n",
    "!!timestamp x",
    "{a: " * 2000,
)


@dataclass
class Health:
    """What was seen of the process while all went on."""

    probes: int = 0
    slowest: float = 0.0
    mib: list[float] = field(default_factory=list)
    descriptors: int = 0
    reloads: int = 0


def web_config(folder: Path) -> str:
    """TLS and one user; the certificate lies beside."""
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "tls.key")
    certificate.cert_chain_pems[0].write_to_path(folder / "tls.crt")
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode()
    return (
        "tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n"
        f"basic_auth_users: {{prometheus: {hashed}}}\n"
    )


@asynccontextmanager
async def guarded(daemon: Process) -> AsyncIterator[Exporter]:
    """A client that knows the password."""
    url = str((await daemon.until_logged("serving"))["url"]).replace("localhost", "127.0.0.1")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    auth = ("prometheus", PASSWORD)
    async with httpx.AsyncClient(base_url=url, timeout=30, verify=context, auth=auth) as client:
        yield Exporter(url, client, daemon)


def memory_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    line = next(line for line in lines if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


async def probe(url: str, pid: int, seen: Health, over: asyncio.Event) -> None:
    """Ask for the health on a new connection each time, as a kubelet does; it must be 200.

    Until it is over, and not until it is cancelled: httpx leaves a handshake open that is cut off.
    """
    while not over.is_set():
        before = monotonic()
        async with httpx.AsyncClient(verify=False, timeout=PROBE_SECONDS) as client:  # noqa: S501 - as a kubelet
            response = await client.get(f"{url}/-/healthy")
        assert (response.status_code, response.text) == (200, "healthy\n")
        seen.probes += 1
        seen.slowest = max(seen.slowest, monotonic() - before)
        seen.mib.append(memory_mib(pid))
        seen.descriptors = max(seen.descriptors, len(os.listdir(f"/proc/{pid}/fd")))  # noqa: PTH208 - names alone are counted
        await pause(0.5)


def texts(chance: random.Random, web: str) -> Iterator[tuple[str, str]]:
    """What the two files hold at one reload after the other; every second one is good."""
    for good in cycle(GOOD_SETTINGS):
        yield good, web
        if chance.random() < 0.5:
            yield chance.choice(BAD_SETTINGS), web
        else:
            yield good, chance.choice(BAD_WEB)


async def reload(daemon: Process, folder: Path, chance: random.Random, seen: Health) -> None:
    web = (folder / "web.yml").read_text()
    try:
        for settings, guard in texts(chance, web):
            (folder / "config.yml").write_text(settings)
            (folder / "web.yml").write_text(guard)
            daemon.process.send_signal(signal.SIGHUP)
            seen.reloads += 1
            await pause(RELOAD_SECONDS)
    finally:
        (folder / "config.yml").write_text(GOOD_SETTINGS[0])
        (folder / "web.yml").write_text(web)


async def endure(
    folder: Path, state: State, seconds: float, seed: int, settle_after: int
) -> tuple[Health, Watch]:
    """All of it for so long, then quiet; asserts that everything was counted exactly once.

    settle_after: seconds; it decides how long the quiet lasts.
    """
    (folder / "config.yml").write_text(GOOD_SETTINGS[0])
    (folder / "web.yml").write_text(web_config(folder))
    chance, watch, seen = random.Random(seed), Watch(), Health()  # noqa: S311 - reproducible
    async with simulated(
        seed=seed,
        rate=10.0,
        lifetime=(SECOND, settle_after * SECOND / 3),
        late_share=0.2,
        late_max=settle_after * SECOND / 5,
    ) as api:
        variables = {
            **api.variables,
            **state.variables,
            "ISNOTAI_CONFIG_FILE": str(folder / "config.yml"),
            "ISNOTAI_WEB_CONFIG_FILE": str(folder / "web.yml"),
            "ISNOTAI_SESSIONS_OVERLAP": "6s",
            "ISNOTAI_SESSIONS_SETTLE_AFTER": f"{settle_after}s",
            "ISNOTAI_BUDGET_SHARE": "0.9",
        }
        watch.born()
        weather = Weather(api, chance, 0.0, wrong_dates=seconds > LASTING_SECONDS)
        async with process(variables) as daemon, guarded(daemon) as exporter:
            port = int(exporter.url.rpartition(":")[2])
            clients = HostileClients(port, seed)
            over = asyncio.Event()
            async with sampled(exporter, watch):
                probing = asyncio.create_task(probe(exporter.url, daemon.pid, seen, over))
                trouble = [
                    asyncio.create_task(weather.change()),
                    asyncio.create_task(clients.attack()),
                    asyncio.create_task(reload(daemon, folder, chance, seen)),
                ]
                done, _ = await asyncio.wait(
                    {probing, *trouble}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
                )
                over.set()
                await probing
                for task in trouble:
                    task.cancel()
                for task in done - {probing}:
                    await task  # nothing of it ends by itself but by an error
                await asyncio.gather(*trouble, return_exceptions=True)
                print(report(seconds, clients, weather, watch, seen))  # noqa: T201 - figures, for whoever runs it with -s
                weather.clear()
                daemon.process.send_signal(signal.SIGHUP)
                await exporter.until(reloaded, SETTLE_SECONDS)
                api.pause()
                truth = rounded(api.truth())
                with contextlib.suppress(AssertionError):
                    await exporter.until(
                        lambda scrape: (
                            scrape.agrees(truth) and scrape.value("isnotai_sessions_unsettled") == 0
                        ),
                        SETTLE_SECONDS,
                    )
                scrape = await exporter.scrape()
            assert scrape.counted() == truth, daemon.output[-4000:]
            print(f"{truth.sessions} sessions, counted exactly")  # noqa: T201 - figures, for whoever runs it with -s
            assert scrape.value("isnotai_session_gap_seconds_total") == 0
            daemon.process.terminate()
            assert await daemon.ended(15) == 0
            assert "Traceback" not in daemon.output
    assert not watch.falls
    assert max(seen.mib) < MOST_MIB
    assert seen.descriptors < DESCRIPTORS
    assert clients.attacks
    return seen, watch


def report(
    seconds: float, clients: HostileClients, weather: Weather, watch: Watch, seen: Health
) -> str:
    """What happened, and what was seen of the exporter meanwhile."""
    return (
        f"\n{seconds:.0f} s: {clients.attacks.total()} attacks {dict(clients.attacks)},"
        f" {seen.reloads} reloads, {weather.storms} storms, {weather.outages} outages,"
        f" {weather.jumps} clock jumps; {seen.probes} probes, all healthy, the slowest"
        f" {seen.slowest:.2f} s; {watch.samples} scrapes, {len(watch.falls)} falls; MiB"
        f" {', '.join(f'{value:.1f}' for value in quarters(seen.mib))}, at most"
        f" {max(seen.mib):.1f}; at most {seen.descriptors} descriptors"
    )


def reloaded(scrape: Scrape) -> bool:
    return scrape.value("isnotai_exporter_config_last_reload_successful") == 1


def quarters(values: list[float]) -> list[float]:
    """The median of each quarter."""
    size = max(1, len(values) // 4)
    return [median(values[number * size :][:size] or values[-1:]) for number in range(4)]


async def test_hostile_api_clients_and_reloads_at_once(tmp_path: Path, state: State) -> None:
    seen, _ = await endure(tmp_path, state, SHORT_SECONDS, 71, 6)
    assert seen.probes > 0
    assert seen.reloads > 1


@pytest.mark.soak
@pytest.mark.timeout(LONG_SECONDS + SETTLE_SECONDS + 300)
async def test_an_hour_of_hostile_api_clients_and_reloads_leaves_memory_flat(
    tmp_path: Path, state: State
) -> None:
    seen, _ = await endure(tmp_path, state, LONG_SECONDS, 72, 20)
    _, second, _, last = quarters(seen.mib)
    assert last < second + GROWTH_MIB
