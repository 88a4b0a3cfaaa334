"""Daemons for whole runs, in this process or in one of their own, and what a scrape of them shows.

Nothing here sleeps for a time: each wait ends when its condition holds, and fails at its time-out
or as soon as the daemon is gone.
"""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

import httpx
from prometheus_client.parser import text_string_to_metric_families

from exporter.clock import Clock
from exporter.daemon import Daemon
from exporter.settings.load import load
from exporter.settings.model import Settings
from exporter.simulator.truth import Truth
from tests.plain import TRUSTS_NOBODY

WAIT_SECONDS = 90.0
_MOMENT = 0.1
_NAME_ENDS = re.compile("[{ ]")


class Scrape:
    """What one scrape showed. Its lines are parsed when they are asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines: dict[str, list[str]] = {}
        for line in text.split("\n"):
            if line and not line.startswith("#"):
                self._lines.setdefault(_NAME_ENDS.split(line, 1)[0], []).append(line)
        self._parsed: dict[str, list[tuple[Mapping[str, str], float]]] = {}

    def _samples(self, name: str) -> list[tuple[Mapping[str, str], float]]:
        """The labels and values of one name's series."""
        if name not in self._parsed:
            lines = "\n".join([*self._lines.get(name, ()), ""])
            self._parsed[name] = [
                (sample.labels, float(sample.value))
                for family in text_string_to_metric_families(lines)
                for sample in family.samples
            ]
        return self._parsed[name]

    def value(self, name: str, **labels: str) -> float | None:
        """The sum over the series with at least these labels; None without any."""
        values = [value for own, value in self._samples(name) if own.items() >= labels.items()]
        return sum(values) if values else None

    def by(self, label: str, name: str, **labels: str) -> dict[str, float]:
        """Values by one label, those above 0."""
        return {
            own[label]: value
            for own, value in self._samples(name)
            if own.items() >= labels.items() and value
        }

    def counted(self, integration: str = "default") -> Truth:
        """What was counted of sessions, in the simulator's terms."""

        def number(name: str) -> int:
            return int(self.value(name, integration=integration) or 0)

        def flags(name: str) -> dict[str, int]:
            found = self.by("flag", name, integration=integration)
            return dict(sorted((flag, int(count)) for flag, count in found.items()))

        buckets = {
            float(bound): int(
                self.value("isnotai_session_bot_score_bucket", integration=integration, le=bound)
                or 0
            )
            for bound in (f"{tenth / 10}" for tenth in range(1, 11))
        }
        total = self.value("isnotai_session_bot_score_sum", integration=integration) or 0.0
        return Truth(
            sessions=number("isnotai_sessions_total"),
            bot_sessions=number("isnotai_bot_sessions_total"),
            flags=flags("isnotai_session_flags_total"),
            bot_flags=flags("isnotai_bot_session_flags_total"),
            score_count=number("isnotai_session_bot_score_count"),
            score_sum=round(total, 6),
            score_buckets=tuple(buckets[bound] for bound in sorted(buckets)),
            invalid_items=int(
                self.value(
                    "isnotai_api_invalid_items_total", integration=integration, resource="sessions"
                )
                or 0
            ),
        )

    def agrees(self, truth: Truth, integration: str = "default") -> bool:
        return self.counted(integration) == rounded(truth)


def rounded(truth: Truth) -> Truth:
    """The truth, its sum free of the last digits that depend on the order of adding.

    Less what is counted only where it is asked for: places and details.
    """
    extra = {
        "courses": {},
        "bot_courses": {},
        "bot_events": {},
        "bot_seconds": 0.0,
        "missing_details": 0,
    }
    return Truth(**{**_fields(truth), **extra, "score_sum": round(truth.score_sum, 6)})


def _fields(truth: Truth) -> dict[str, Any]:
    return {name: getattr(truth, name) for name in Truth.__dataclass_fields__}


class Alive(Protocol):
    """A daemon that may end."""

    async def moment(self) -> None:
        """Wait a moment, or fail where the daemon is gone."""
        ...


@dataclass
class Exporter:
    """A daemon that serves, as its clients see it."""

    url: str
    client: httpx.AsyncClient
    alive: Alive

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def scrape(self) -> Scrape:
        """What is shown; waits for it at the start, where a busy machine may have nothing yet."""
        deadline = monotonic() + WAIT_SECONDS
        while (response := await self.get("/metrics")).status_code == 503:
            assert monotonic() < deadline, response.text
            await self.alive.moment()
        assert response.status_code == 200
        return Scrape(response.text)

    async def until(
        self, condition: Callable[[Scrape], object], seconds: float = WAIT_SECONDS
    ) -> Scrape:
        """The first scrape of which the condition holds."""
        deadline = monotonic() + seconds
        while True:
            scrape = await self.scrape()
            if condition(scrape):
                return scrape
            if monotonic() >= deadline:
                raise AssertionError(f"not within {seconds:g} s; the last scrape:\n{scrape.text}")
            await self.alive.moment()

    async def until_counted(self, truth: Callable[[], Truth]) -> Scrape:
        """Wait until all is settled and agrees with the truth; shows the difference otherwise."""
        deadline = monotonic() + WAIT_SECONDS
        while True:
            scrape = await self.scrape()
            expected = rounded(truth())
            if scrape.value("isnotai_sessions_unsettled") == 0 and scrape.agrees(expected):
                return scrape
            if monotonic() >= deadline:
                assert scrape.counted() == expected
                assert scrape.value("isnotai_sessions_unsettled") == 0
            await self.alive.moment()

    async def healthy(self) -> bool:
        return (await self.get("/-/healthy")).status_code == 200


@dataclass
class _Task:
    task: asyncio.Task[None]

    async def moment(self) -> None:
        await asyncio.wait({self.task}, timeout=_MOMENT)
        if self.task.done():
            await self.task
            raise AssertionError("the daemon ended by itself")


@asynccontextmanager
async def in_process(
    variables: Mapping[str, str],
    reload: Callable[[], Settings] | None = None,
    clock: Clock | None = None,
    origins: Callable[[], Mapping[str, str]] = dict,
) -> AsyncIterator[Exporter]:
    """A daemon in this event loop, stopped with the block."""
    settings = load([], variables).settings
    daemon = Daemon(settings, reload or (lambda: settings), clock, origins=origins)
    serving: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(daemon.run(serving.set_result))
    try:
        either: set[asyncio.Future[Any]] = {task, serving}
        await asyncio.wait(either, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        url = serving.result().replace("localhost", "127.0.0.1")
        async with httpx.AsyncClient(base_url=url, timeout=10, verify=TRUSTS_NOBODY) as client:
            yield Exporter(url, client, _Task(task))
    finally:
        daemon.stop()
        await asyncio.wait_for(task, 10)


@dataclass
class Process:
    """A daemon in a process of its own, and all that it wrote to stderr."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def events(self) -> list[dict[str, Any]]:
        """The log so far."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    async def read(self) -> None:
        """Collect stderr until it closes."""
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.lines.append(line.decode().rstrip("\n"))
            self._arrived.set()
        self._arrived.set()

    async def until_logged(self, event: str, seconds: float = WAIT_SECONDS) -> dict[str, Any]:
        """The first log line of that event, once it is there."""
        async with asyncio.timeout(seconds):
            while True:
                self._arrived.clear()
                for entry in self.events():
                    if entry.get("event") == event:
                        return entry
                assert self.process.returncode is None, self.output
                await self._arrived.wait()

    async def moment(self) -> None:
        try:
            await asyncio.wait_for(self.process.wait(), _MOMENT)
        except TimeoutError:
            return
        raise AssertionError(f"the daemon ended by itself:\n{self.output}")

    async def ended(self, seconds: float = 60) -> int:
        """Its exit code, once it has ended."""
        return await asyncio.wait_for(self.process.wait(), seconds)


@asynccontextmanager
async def process(
    variables: Mapping[str, str],
    arguments: Sequence[str] = (),
    prepare: Callable[[], None] | None = None,
    program: Sequence[str] = ("-m", "exporter"),
) -> AsyncIterator[Process]:
    """The command line in a process of its own; killed with the block if it still runs.

    prepare: called in the new process before the command starts. program: what Python is to run.
    """
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *program,
        *arguments,
        env={"ISNOTAI_LOG_FORMAT": "json", **variables},
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=prepare,
    )
    running = Process(started)
    reading = asyncio.create_task(running.read())
    try:
        yield running
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()
        await asyncio.wait_for(reading, 10)


@asynccontextmanager
async def client_of(daemon: Process) -> AsyncIterator[Exporter]:
    """A client of a daemon process, once that serves."""
    entry = await daemon.until_logged("serving")
    url = str(entry["url"]).replace("localhost", "127.0.0.1")
    async with httpx.AsyncClient(base_url=url, timeout=10, verify=TRUSTS_NOBODY) as client:
        yield Exporter(url, client, daemon)
