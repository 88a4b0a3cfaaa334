"""The simulated API's own description: OpenAPI 3, in each style that generators are known to write.

What it describes is what the simulator answers; changes can be put into it, so that a reader can be
shown to find them.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

STYLES: Final = ("refs", "inline", "net", "wrapped", "bare")
"""refs: 3.0, named schemas and nullable. inline: 3.1, no references, types in lists. net: 3.1,
numbers that may be strings, names of parameters in capitals. wrapped: each reference in an allOf,
the paths below the server's. bare: no schema of any answer."""

_COUNT, _NUMBER, _TEXT, _TIME = "integer", "number", "string", "date-time"
_PAGE: Final[Mapping[str, Any]] = {"hasMore": "boolean", "nextCursor": _TEXT, "limit": _COUNT}


def _fields(names: str, kind: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), kind)


def _listed(item: Any) -> dict[str, Any]:
    return {"data": [item], "pagination": dict(_PAGE)}


_SESSION: Final[dict[str, Any]] = {
    "id": _TEXT,
    **_fields("createdAt updatedAt", _TIME),
    "status": {"enum": ["active", "closed"]},
    "botScore": _NUMBER,
    "detectionFlags": [_TEXT],
    **_fields("pageUrl userAgentSummary userId userName userUrl", _TEXT),
}
_DETAILS: Final[dict[str, Any]] = {
    "sessionId": _TEXT,
    **_fields("startTime endTime", _TIME),
    "durationSeconds": _NUMBER,
    "eventCounts": _fields("total mouse scroll keyboard touch form", _COUNT),
    "timeline": [
        {
            "timestamp": _TIME,
            "eventCount": _COUNT,
            **_fields("dominantEventType activityLevel", _TEXT),
        }
    ],
    "pageHistory": [{"timestamp": _TIME, **_fields("url type", _TEXT), "durationMs": _COUNT}],
}
_USER: Final[dict[str, Any]] = {
    **_fields("userId userName riskLevel userUrl", _TEXT),
    **_fields("sessionCount botSessionCount mediumSessionCount deviceCount", _COUNT),
    **_fields("averageBotScore maxBotScore", _NUMBER),
    **_fields("firstSeen lastSeen", _TIME),
    "sparkline": [_COUNT],
}
_ANALYTICS: Final[dict[str, Any]] = {
    **_fields("period groupBy", _TEXT),
    **_fields("startDate endDate generatedAt", _TIME),
    "summary": {
        **_fields("totalSessions totalEvents uniqueBots uniqueUsers", _COUNT),
        **_fields("averageBotScore averageEventsPerSession", _NUMBER),
    },
    "timeSeries": [
        {
            "timestamp": _TIME,
            **_fields("sessionCount eventCount botCount userMatchedCount", _COUNT),
        }
    ],
    "botDetection": _fields(
        "highConfidenceBots mediumConfidenceBots lowConfidenceBots likelyHumans", _COUNT
    ),
    "userMatching": {
        **_fields("totalMatched totalUnmatched", _COUNT),
        **_fields("matchRate averageCorrelationConfidence", _NUMBER),
    },
    "topOrigins": [{"origin": _TEXT, "sessionCount": _COUNT, "botPercentage": _NUMBER}],
    "deviceBreakdown": {**_fields("mobile tablet desktop", _COUNT), "browserCounts": {"*": _COUNT}},
}
_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "/v1/analytics": {
        "period": {"enum": ["24h", "7d", "30d", "90d"]},
        "groupBy": {"enum": ["hour", "day", "week"]},
    },
    "/v1/usage": {**_fields("startDate endDate", _TIME), "metric": _TEXT},
    "/v1/sessions": {
        "pageSize": _COUNT,
        **_fields("cursor status", _TEXT),
        "botOnly": "boolean",
        **_fields("startDate endDate", _TIME),
    },
    "/v1/users": {"pageSize": _COUNT, **_fields("cursor search", _TEXT)},
    "/v1/courses": {"pageSize": _COUNT, "cursor": _TEXT},
}
_ANSWERS: Final[dict[str, Any]] = {
    "/health": {**_fields("status version", _TEXT), "timestamp": _TIME},
    "/v1/integration": {"data": {**_fields("id name apiKeyMasked tier", _TEXT)}},
    "/v1/stats": {
        "data": {
            **_fields("totalSessions totalEvents activeSessions", _COUNT),
            "bots": {**_fields("total high medium", _COUNT), "share": _NUMBER},
        }
    },
    "/v1/analytics": {"data": _ANALYTICS},
    "/v1/usage": {
        **_fields("startDate endDate", _TEXT),
        "data": [{**_fields("period metricType", _TEXT), "value": _COUNT}],
        "totals": {"*": _COUNT},
    },
    "/v1/sessions": _listed(_SESSION),
    "/v1/sessions/{id}": {"data": _SESSION},
    "/v1/sessions/{id}/details": {"data": _DETAILS},
    "/v1/sessions/{id}/events": _listed(_fields("eventId messageId eventTypeName", _TEXT)),
    "/v1/users": _listed(_USER),
    "/v1/users/{userId}/sessions": _listed(_SESSION),
    "/v1/courses": _listed(
        {**_fields("courseId courseName", _TEXT), **_fields("sessionCount botSessionCount", _COUNT)}
    ),
}


def document(style: str, changes: Sequence[str], version: str) -> dict[str, Any]:
    """The description in a style, with changes such as

    - `remove /v1/usage`, `add /v1/quizzes`: an endpoint;
    - `remove /v1/users data[].maxBotScore`: a field, or `?cursor`, a parameter;
    - `set /v1/users data[].maxBotScore string`: a field's type, a new one too; or a `?parameter`;
    - `set … {"type": "number", "maximum": 1}`: its whole schema, as JSON has it.

    Raises ValueError for any other change.
    """
    answers, parameters = deepcopy(_ANSWERS), deepcopy(_PARAMETERS)
    for change in changes:
        _change(answers, parameters, change)
    writer = _Writer(style)
    prefix = "/v1" if style == "wrapped" else ""
    paths = {
        path.removeprefix(prefix): {"get": writer.operation(path, answer, parameters.get(path, {}))}
        for path, answer in answers.items()
    }
    return {
        "openapi": "3.1.0" if style in ("inline", "net") else "3.0.1",
        "info": {"title": "Not AI Public REST API (simulated)", "version": version},
        "servers": [{"url": f"https://api.example.test{prefix}"}],
        "paths": paths,
        "components": {"schemas": writer.schemas},
    }


def _change(answers: dict[str, Any], parameters: dict[str, Any], change: str) -> None:
    verb, path, *rest = change.split(" ", 3)
    if verb == "add" and not rest:
        answers[path] = {"data": {}}
    elif verb == "remove" and not rest:
        del answers[path]
    elif rest and rest[0].startswith("?"):
        _put(parameters.setdefault(path, {}), rest[0][1:], verb, rest[1:])
    elif rest:
        inner: Any = answers[path]
        *steps, name = re.findall(r"[^.\[\]]+|\[\]", rest[0])
        for step in steps:
            inner = inner[0] if step == "[]" else inner[step]
        _put(inner, 0 if name == "[]" else name, verb, rest[1:])
    else:
        raise ValueError(f"no such change: {change!r}")


def _put(inside: Any, name: Any, verb: str, kind: Sequence[str]) -> None:
    if verb == "remove":
        del inside[name]
        return
    inside[name] = {"raw": json.loads(kind[0])} if kind[0].startswith("{") else kind[0]


class _Writer:
    """Schemas in one style; `schemas` holds those that are referred to."""

    def __init__(self, style: str) -> None:
        self._style = style
        self.schemas: dict[str, Any] = {}

    def operation(self, path: str, answer: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
        good: dict[str, Any] = {"description": "OK"}
        if self._style != "bare":
            good["content"] = {"application/json": {"schema": self._schema(answer, path)}}
        return {
            "responses": {"200": good, "429": {"description": "Too Many Requests"}},
            "parameters": [*self._parameters(parameters), *_in_path(path)],
        }

    def _parameters(self, parameters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for name, kind in parameters.items():
            shown = name[0].upper() + name[1:] if self._style == "net" else name
            raw = kind["raw"] if isinstance(kind, dict) and "raw" in kind else {}
            required = {"required": True} if raw.get("required") else {}
            schema = {} if raw.get("required") else self._schema(kind, name)
            yield {"name": shown, "in": "query", "schema": schema, **required}

    def _schema(self, kind: Any, name: str) -> dict[str, Any]:
        if isinstance(kind, list):
            return {"type": "array", "items": self._schema(kind[0], f"{name}Item")}
        if isinstance(kind, str):
            return self._plain(kind)
        if "raw" in kind:
            return dict(kind["raw"])
        if "enum" in kind:
            return {"type": "string", "enum": kind["enum"]}
        if "*" in kind:
            return {"type": "object", "additionalProperties": self._schema(kind["*"], name)}
        fields = {field: self._schema(it, name + field) for field, it in kind.items()}
        return self._named({"type": "object", "properties": fields}, name)

    def _named(self, schema: dict[str, Any], name: str) -> dict[str, Any]:
        if self._style in ("inline", "bare"):
            return schema
        key = re.sub(r"[^A-Za-z0-9]", "", name)
        self.schemas[key] = schema
        reference = {"$ref": f"#/components/schemas/{key}"}
        return {"allOf": [reference], "nullable": True} if self._style == "wrapped" else reference

    def _plain(self, kind: str) -> dict[str, Any]:
        name, form = ("string", {"format": kind}) if kind == _TIME else (kind, {})
        if self._style == "net" and name in ("integer", "number"):
            return {"type": [name, "string"], "pattern": "^-?[0-9.]+$"}
        if self._style in ("inline", "net"):
            return {"type": ["null", name], **form}
        return {"type": name, "nullable": True, **form}


def _in_path(path: str) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
