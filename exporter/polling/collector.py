"""What a collector is, and what it may ask of the rest: the frame owns all else.

A collector asks the API, turns the answer into samples and publishes them under the name of a
part (a window, or the resource itself). It raises ApiError where the answer is not to be had. Time,
errors, retries, `up` and staleness are the frame's and the client's.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from exporter.api.answer import Answer, Api
from exporter.metrics.model import Sample

__all__ = ["Answer", "Api", "Collector", "NothingAskedError", "Publish"]

Publish = Callable[[str, Iterable[Sample]], None]


class NothingAskedError(Exception):
    """A poll had nothing to ask for: it went well, and says nothing about the API."""


class Collector(Protocol):
    """One resource of the API."""

    @property
    def resource(self) -> str:
        """Its name, the value of the label `resource`."""
        ...

    async def update(self, publish: Publish) -> None:
        """Ask, and publish what was read, part by part. Raises ApiError, NothingAskedError."""
        ...
