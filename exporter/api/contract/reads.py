"""What is read of the API, endpoint by endpoint; the fields are those of the decoders themselves.

It is all that the exporter can read, also what a setting has to switch on first (users, courses,
places, details). So a change of the API is told before anybody switches on what it breaks, and two
exporters with different settings tell the same of one API.

Beside them stand the names that the vendor documents (version 1.0.17.0) and nobody reads, so that
they are not taken for additions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from exporter.api.contract.locations import ARRAY, OBJECT, Locations, of_fields, of_shape
from exporter.api.schema import analytics, details, session, users
from exporter.api.schema.health import HealthReport
from exporter.api.schema.usage import Body as UsageBody
from exporter.api.walk import PAGINATION

_ANY: tuple[str, ...] = ()
PAGED: Mapping[str, tuple[str, ...]] = {"pageSize": _ANY, "cursor": _ANY}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint that is read.

    sent: the query parameters that are sent, with their values where those are fixed.
    answer: what is read of an answer; empty where its schema is unknown.
    unread, unsent: documented locations and parameters that nobody uses.
    needs: by location, what holds of at least one of its values where they are listed.
    """

    path: str
    sent: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    answer: Locations = field(default_factory=dict)
    unread: frozenset[str] = frozenset()
    unsent: frozenset[str] = frozenset()
    needs: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)


def _listed(items: Locations) -> Locations:
    """A list in its envelope."""
    return {"data": ARRAY, **items, **of_fields(PAGINATION, "pagination")}


def _below(location: str, names: str) -> frozenset[str]:
    return frozenset(f"{location}{name}" for name in names.split())


READS = (
    Endpoint("/health", answer=of_shape(HealthReport)),
    Endpoint("/v1/integration"),
    Endpoint("/v1/stats"),
    Endpoint(
        "/v1/analytics",
        sent={"period": analytics.PERIODS, "groupBy": analytics.GROUPS},
        answer={"data": OBJECT, **of_shape(analytics.Body, "data")},
        unread=_below("data.", "period groupBy startDate endDate userMatching.matchRate")
        | _below("data.timeSeries[].", "eventCount userMatchedCount"),
    ),
    Endpoint(
        "/v1/usage",
        sent={"startDate": _ANY, "endDate": _ANY},
        answer=of_shape(UsageBody),
        unread=_below("", "startDate endDate totals"),
        unsent=frozenset({"metric"}),
    ),
    Endpoint(
        "/v1/sessions",
        sent={**PAGED, "startDate": _ANY, "endDate": _ANY},
        answer=_listed(of_fields({**session.FIELDS, **session.PLACE_FIELDS}, "data[]")),
        unread=_below("data[].", "userAgentSummary userName userUrl"),
        unsent=frozenset({"status", "botOnly"}),
        needs={"data[].status": session.is_under_way},
    ),
    Endpoint(
        "/v1/sessions/{id}/details",
        answer={"data": OBJECT, **of_shape(details.Body, "data")},
        unread=_below("data.", "sessionId startTime endTime timeline pageHistory")
        | _below("data.eventCounts.", "total"),
    ),
    Endpoint(
        "/v1/users",
        sent=PAGED,
        answer=_listed(of_shape(users.User, "data[]")),
        unread=_below("data[].", "userName sessionCount mediumSessionCount averageBotScore")
        | _below("data[].", "firstSeen lastSeen sparkline userUrl"),
        unsent=frozenset({"search"}),
    ),
    Endpoint("/v1/courses", sent=PAGED),
)

DOCUMENTED = (
    "/openapi/v3.json",
    "/swagger",
    "/v1/sessions/{id}",
    "/v1/sessions/{id}/events",
    "/v1/users/{userId}/sessions",
)
"""Endpoints that the vendor documents and nobody reads."""
