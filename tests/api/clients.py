"""A client of the API whose clock, jitter and key a test holds in its hand."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from exporter.api.budget import Budget
from exporter.api.client import Client
from exporter.api.deadlines import Deadlines
from exporter.api.key import FixedKey, KeyGate, KeySource
from exporter.api.retry import RetryPolicy
from exporter.api.serverclock import ServerClock
from exporter.clock import Clock
from exporter.metrics.telemetry import Telemetry, dropped_counter
from exporter.net.network import Network
from exporter.net.peer_client import PeerClient, http_client
from tests.clocks import FakeClock

KEY = "aik_v1_" + "x" * 40
OTHER_KEY = "aik_v1_" + "y" * 40
RESOURCES = ("health", "integration", "stats", "analytics", "usage", "sessions")

Handler = Callable[[httpx.Request], httpx.Response]


@dataclass
class ClientRig:
    """A client and what stands round it."""

    client: Client
    clock: FakeClock
    telemetry: Telemetry

    def requests(self, resource: str = "stats") -> dict[str, float]:
        """How many requests of a resource were counted, by code; those never seen left out."""
        return {
            reading.labels[1]: reading.value
            for reading in self.telemetry.requests.samples()
            if reading.labels[0] == resource and isinstance(reading.value, float) and reading.value
        }

    def invalid(self, resource: str = "stats") -> float:
        return self.telemetry.invalid_responses.value(resource)


def make_client(
    http: PeerClient,
    clock: Clock,
    telemetry: Telemetry,
    source: KeySource | None = None,
    auth_header: str = "authorization",
    share: float = 1.0,
) -> Client:
    return Client(
        http,
        gate=KeyGate(source or FixedKey(KEY), clock, lambda: 0.5),
        budget=Budget(share, 1, clock),
        server_clock=ServerClock(),
        retry=RetryPolicy(lambda: 0.5),
        clock=clock,
        telemetry=telemetry,
        deadlines=Deadlines(),
        auth_header=auth_header,
    )


@asynccontextmanager
async def trial(
    url: str,
    handler: Handler | None = None,
    *,
    source: KeySource | None = None,
    auth_header: str = "authorization",
    network: Network | None = None,
) -> AsyncIterator[ClientRig]:
    """A client of `url`; with a handler, that answers in place of a socket."""
    network = network or Network.read({})
    clock = FakeClock()
    telemetry = Telemetry(clock.now(), RESOURCES, dropped_counter(clock.now()))
    async with http_client(url, network) as http:
        if handler is not None:
            http._transport = httpx.MockTransport(lambda request: unread(handler(request)))
        yield ClientRig(make_client(http, clock, telemetry, source, auth_header), clock, telemetry)


def unread(answer: httpx.Response) -> httpx.Response:
    """The answer as it comes off a socket: its body still to be read."""
    stream = httpx.ByteStream(answer.content)
    return httpx.Response(answer.status_code, headers=answer.headers, stream=stream)


class Script:
    """Answers in turn, the last for ever; keeps what it was asked, and when."""

    def __init__(self, *answers: httpx.Response, clock: Callable[[], float] | None = None) -> None:
        self._answers = list(answers)
        self._clock = clock
        self.asked: list[httpx.Request] = []
        self.times: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self._clock is not None:
            self.times.append(self._clock())
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    @property
    def keys(self) -> Iterable[str | None]:
        return [request.headers.get("authorization") for request in self.asked]


def ok(**headers: str) -> httpx.Response:
    return httpx.Response(200, json={"data": {}}, headers=headers)


def status(code: int, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(code, json={"error": {"code": "NO", "message": "no"}}, headers=named)
