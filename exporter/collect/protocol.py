"""What a collector is, and what it may ask of the rest: the frame owns all else.

A collector asks the API, turns the answer into readings and publishes them under the name of a
part (a window, or the resource itself). It raises ApiError where the answer is not to be had. Time,
errors, retries, `up` and staleness are the frame's and the client's.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from exporter.metrics.model import Reading

Publish = Callable[[str, Iterable[Reading]], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx whose body is JSON.

    body: the decoded JSON.
    server_time: the API's time when the request left, Unix microseconds, at the latest; None while
        no answer has carried a usable Date.
    """

    body: object
    server_time: int | None


class Api(Protocol):
    """The API as collectors see it; retries, budget, key and counting happen inside."""

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, resource: str
    ) -> Answer:
        """The decoded answer of `GET path`. Raises ApiError."""
        ...


class Collector(Protocol):
    """One resource of the API."""

    @property
    def resource(self) -> str:
        """One of `catalogue.RESOURCES`."""
        ...

    async def update(self, publish: Publish) -> None:
        """Ask, and publish what was read, part by part. Raises ApiError."""
        ...
