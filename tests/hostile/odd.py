"""Good answers of every endpoint, each of their places, and odd things to put there."""

from collections.abc import Mapping
from typing import Any

from exporter.simulator.odd import ODD, Path, encoded, places, put

__all__ = ["GOOD", "ODD", "RESOURCE_OF", "Path", "encoded", "places", "put", "without"]

GOOD: Mapping[str, Any] = {
    "/health": {"status": "healthy", "version": "1.0.17.0", "timestamp": "2026-06-10T12:00:00Z"},
    "/v1/integration": {"data": {"apiKeyMasked": "aik_v1_***", "name": "a"}},
    "/v1/stats": {"data": {"totalSessions": 9, "bots": {"high": 2, "byRule": {"linear": 1}}}},
    "/v1/analytics": {
        "data": {
            "period": "24h",
            "groupBy": "hour",
            "startDate": "2026-06-09T12:00:00Z",
            "endDate": "2026-06-10T12:00:00Z",
            "generatedAt": "2026-06-10T12:00:00Z",
            "summary": {
                "totalSessions": 9,
                "totalEvents": 90,
                "uniqueBots": 1,
                "uniqueUsers": 2,
                "averageBotScore": 0.25,
                "averageEventsPerSession": 10.0,
            },
            "timeSeries": [
                {
                    "timestamp": "2026-06-10T11:00:00Z",
                    "sessionCount": 9,
                    "eventCount": 90,
                    "botCount": 1,
                    "userMatchedCount": 2,
                }
            ],
            "botDetection": {
                "highConfidenceBots": 1,
                "mediumConfidenceBots": 1,
                "lowConfidenceBots": 1,
                "likelyHumans": 6,
            },
            "userMatching": {
                "totalMatched": 2,
                "totalUnmatched": 7,
                "matchRate": 0.2,
                "averageCorrelationConfidence": 0.9,
            },
            "topOrigins": [
                {"origin": "https://lms.example", "sessionCount": 9, "botPercentage": 11.0}
            ],
            "deviceBreakdown": {
                "mobile": 1,
                "tablet": 1,
                "desktop": 7,
                "browserCounts": {"Chrome": 7, "Firefox": 2},
            },
        }
    },
    "/v1/usage": {
        "startDate": "2026-06-10",
        "endDate": "2026-06-10",
        "data": [
            {"period": "2026-06-10", "metricType": "ApiCalls", "value": 5},
            {"period": "2026-06-10", "metricType": "StorageBytes", "value": 7},
        ],
        "totals": {"ApiCalls": 5},
    },
    "/v1/sessions": {
        "data": [
            {
                "id": "s-1",
                "createdAt": "2026-06-10T11:59:00.0000000+00:00",
                "updatedAt": "2026-06-10T11:59:30.0000000+00:00",
                "status": "closed",
                "botScore": 0.25,
                "detectionFlags": ["linear_mouse"],
                "pageUrl": "https://lms.example/courses/1",
                "userAgentSummary": "Chrome on Windows",
                "userId": "u-1",
                "userName": "A B",
                "userUrl": "https://lms.example/users/1",
            }
        ],
        "pagination": {"nextCursor": None, "hasMore": False, "limit": 50},
    },
    "/v1/users": {
        "data": [
            {
                "userId": "u-1",
                "userName": "A B",
                "sessionCount": 3,
                "botSessionCount": 1,
                "mediumSessionCount": 1,
                "averageBotScore": 0.5,
                "maxBotScore": 0.75,
                "deviceCount": 2,
                "firstSeen": "2026-06-01T12:00:00Z",
                "lastSeen": "2026-06-10T11:00:00Z",
                "riskLevel": "high",
                "sparkline": [1, 0, 2],
                "userUrl": "https://lms.example/users/1",
            }
        ],
        "pagination": {"nextCursor": None, "hasMore": False, "limit": 50},
    },
    "/v1/courses": {
        "data": [{"courseId": "1", "name": "A", "sessionCount": 9, "bots": {"high": 2}}],
        "pagination": {"nextCursor": None, "hasMore": False, "limit": 50},
    },
    "/openapi/v3.json": {
        "servers": [{"url": "https://api.example.test"}],
        "paths": {
            "/v1/stats": {
                "get": {
                    "parameters": [{"name": "since", "in": "query", "schema": {"enum": ["a"]}}],
                    "responses": {
                        "200": {
                            "content": {
                                "application/json": {"schema": {"$ref": "#/components/schemas/A"}}
                            }
                        }
                    },
                }
            }
        },
        "components": {
            "schemas": {"A": {"type": ["object", "null"], "properties": {"n": {"maximum": 1}}}}
        },
    },
}
"""By path. The times are of 10 June 2026; `at_time` moves them."""

RESOURCE_OF = {
    "/health": "health",
    "/v1/integration": "integration",
    "/v1/stats": "stats",
    "/v1/analytics": "analytics",
    "/v1/usage": "usage",
    "/v1/sessions": "sessions",
    "/v1/users": "users",
    "/v1/courses": "courses",
    "/openapi/v3.json": "openapi",
}


def without(value: Any, place: Path) -> Any:
    """A copy without what is at that place."""
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    if len(place) == 1:
        del copy[place[0]]
    else:
        copy[place[0]] = without(value[place[0]], place[1:])
    return copy
