"""The details of one session: how long it lasted, and how many events of each type it had.

Nothing else of them is kept: the pages that it names and its timeline are nobody's business here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from exporter.api.schema.decode import LARGEST, Count, Shape, decoded, enveloped_object
from exporter.metrics.catalogue import EVENT_TYPES


class _EventCounts(Shape):
    mouse: Count | None = None
    scroll: Count | None = None
    keyboard: Count | None = None
    touch: Count | None = None
    form: Count | None = None


class Body(Shape):
    """What is read of an answer's `data`."""

    duration_seconds: (
        Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=LARGEST)] | None
    ) = None
    event_counts: _EventCounts | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """events: by type, 0 where the API does not tell. duration: seconds; None where it does not."""

    events: Mapping[str, int]
    duration: float | None


def read_details(body: object) -> Details:
    """Raises InvalidResponseError."""
    shape = decoded(Body, enveloped_object(body, "details"), "details")
    counts = shape.event_counts or _EventCounts()
    events = {name: getattr(counts, name) or 0 for name in EVENT_TYPES}
    return Details(events, shape.duration_seconds)
