"""Several requests in one poll: each is tried, and the first failure is the poll's.

The frame counts the failure that it is given; answers that did not decode and are not the one
raised are counted here, so that `isnotai_api_invalid_responses_total` misses none.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from exporter.api.errors import ApiError, InvalidResponseError
from exporter.metrics.telemetry import Telemetry


class Attempts:
    """Holds the first ApiError of a poll back until all else was tried."""

    def __init__(self, telemetry: Telemetry, resource: str) -> None:
        self._telemetry = telemetry
        self._resource = resource
        self._first: ApiError | None = None

    @contextmanager
    def one(self) -> Iterator[None]:
        """Run one attempt; its ApiError is kept, and every other exception passes."""
        try:
            yield
        except ApiError as error:
            if self._first is None:
                self._first = error
            elif isinstance(error, InvalidResponseError) and not error.counted:
                self._telemetry.invalid_responses.inc(self._resource)

    def raise_first(self) -> None:
        """Raise the first ApiError, if there was one."""
        if self._first is not None:
            raise self._first
