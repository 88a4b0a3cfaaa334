"""An answer of the API, and the API as those who ask see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx whose body is JSON, or a 204, which has none.

    body: the decoded JSON; None for a 204.
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
