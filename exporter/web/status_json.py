"""The status page as JSON, for scripts: `/api/status`.

Times are ISO 8601 in UTC; what is not known is null. Names are those of the metrics and settings
where they have one. Fields may be added, never renamed.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from exporter.web.backend import Finding, IntegrationStatus, Status
from exporter.web.words import iso

Json = dict[str, Any]

_TIMES = frozenset({"started", "now", "last_success", "next_poll", "frontier", "at", "last_commit"})


def document(status: Status) -> bytes:
    """The body of the answer."""
    made: Json = {
        "verdict": status.findings[0].level if status.findings else "unknown",
        "findings": [_finding(one) for one in status.findings],
        "version": status.version,
        "revision": status.revision,
        "started": iso(status.started),
        "now": iso(status.now),
        "series": status.series,
        "reload": _plain(status.reload) if status.reload else None,
        "state": _plain(status.state),
        "settings": {
            one.name: {"value": one.value, "source": one.source} for one in status.settings
        },
        "integrations": [_integration(one) for one in status.integrations],
    }
    return json.dumps(made, ensure_ascii=False).encode() + b"\n"


def _finding(one: Finding) -> Json:
    return {name: _value(value) for name, value in asdict(one).items()}


def _integration(one: IntegrationStatus) -> Json:
    made = {
        field.name: getattr(one, field.name)
        for field in fields(one)
        if field.name not in ("resources", "quotas", "recent", "key_state")
    }
    return {
        **_dated(made),
        "key": one.key_state,
        "resources": [_plain(it) for it in one.resources],
        "quotas": [_plain(it) for it in one.quotas],
        "last_day": [
            {"start": iso(slot.start), "sessions": slot.sessions, "bots": slot.bots}
            for slot in one.recent
        ],
    }


def _plain(value: Any) -> Json:
    return _dated(asdict(value))


def _dated(made: Mapping[str, Any]) -> Json:
    return {
        name: iso(value) if name in _TIMES and value is not None else _value(value)
        for name, value in made.items()
    }


def _value(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
