"""When each resource's request must have ended, so that a stuck poll differs from a waiting one.

The client sets a deadline before each request; the frame round the collectors reads it.
"""


class Deadlines:
    """The latest deadline of each resource, in monotonic seconds."""

    def __init__(self) -> None:
        self._by: dict[str, float] = {}

    def expect(self, resource: str, by: float) -> None:
        """A request of the resource may rightly take until then, waits included."""
        self._by[resource] = by

    def of(self, resource: str) -> float:
        """Until when its last request may rightly take; 0 before the first."""
        return self._by.get(resource, 0.0)
