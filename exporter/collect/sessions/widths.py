"""How wide the windows of createdAt are that are asked for, in microseconds."""

from exporter.api.times import DAY, MICROSECONDS, MINUTE

FIRST_WIDTH = 15 * MINUTE
"""How wide the first window is of which nothing is known: a backlog's first slice, or a probe."""

NARROWEST = MICROSECONDS
"""No slice is narrower: the API's filters are written in whole seconds."""

WIDEST = 32 * DAY

WIDER = 1.1
"""By so much a slice may be wider than the last one, where a wider one was too much for the server:
one crowded moment is not to make all that follow narrow, and each try in vain costs requests."""

FAILED_NARROWEST = MINUTE
"""No window is cut narrower than this because its first page fails."""


class Widest:
    """How wide a slice may be: less, and growing slowly, where a wider one was too much to read."""

    def __init__(self) -> None:
        self._most: float = WIDEST

    def too_wide(self, width: int) -> None:
        """The server cannot read more than so much, microseconds, of what comes next."""
        self._most = width

    def following(self, wanted: float) -> int:
        """The width of the slice that follows one that was read: as wanted, as far as may be."""
        self._most = min(WIDEST, self._most * WIDER)
        return max(NARROWEST, round(min(self._most, wanted)))
