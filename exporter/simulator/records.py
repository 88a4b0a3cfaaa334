"""The small records behind a session and a user: details, events, users and courses.

Real in form and small in number; derived from the sessions that the tier may see.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from exporter.simulator.rollup import BOT
from exporter.simulator.sessions import (
    EVENT_TYPES,
    Session,
    course,
    event_count,
    event_counts,
    event_kind,
    fingerprint,
    origin,
    page_path,
    person,
    timestamp,
    user_id,
    user_matched,
)

_EVENT_TYPES: Final = ("MouseMove", "Scroll", "KeyPress", "Touch", "FormInput")
_MOST_SESSIONS: Final = 5000


def _events(session: Session) -> list[tuple[int, int]]:
    """(microseconds, kind) of each event, over the session's time so far."""
    count = event_count(session.salt)
    span = max(1, session.updated - session.created)
    return [
        (session.created + span * number // count, event_kind(session.salt, number))
        for number in range(count)
    ]


def details(session: Session) -> dict[str, Any]:
    """The `data` of /v1/sessions/{id}/details."""
    events = _events(session)
    length = max(1, len(events) // 10)
    timeline = []
    for at in range(0, len(events), length):
        part = [kind for _, kind in events[at : at + length]]
        timeline.append(
            {
                "timestamp": timestamp(events[at][0]),
                "eventCount": len(part),
                "dominantEventType": EVENT_TYPES[max(set(part), key=part.count)],
                "activityLevel": "high" if len(part) > 10 else "low",
            }
        )
    duration = session.updated - session.created
    return {
        "sessionId": session.id,
        "startTime": timestamp(session.created),
        "endTime": None if session.active else timestamp(session.updated),
        "durationSeconds": duration / 1_000_000,
        "eventCounts": {
            "total": len(events),
            **dict(zip(EVENT_TYPES, event_counts(session.salt), strict=True)),
        },
        "timeline": timeline,
        "pageHistory": [
            {
                "url": origin(session.salt) + page_path(session.salt),
                "timestamp": timestamp(session.created),
                "type": "load",
                "durationMs": duration // 1000,
            }
        ],
    }


def events(session: Session) -> list[bytes]:
    """The items of /v1/sessions/{id}/events, as JSON."""
    return [
        json.dumps(
            {
                "eventId": f"{session.salt:016x}-{number}",
                "messageId": f"{session.salt:016x}-{number // 10}",
                "eventTypeName": _EVENT_TYPES[kind],
                "timestamp": at // 1000,
                "payloadSize": 80 + (session.salt >> number % 50 & 127),
            }
        ).encode()
        for number, (at, kind) in enumerate(_events(session))
    ]


def recent(sessions: Sequence[Session]) -> Sequence[Session]:
    """The newest of them, which users and courses are made from."""
    return sessions[-_MOST_SESSIONS:]


def by_user(sessions: Sequence[Session]) -> dict[str, list[Session]]:
    """The newest sessions by the user to whom they were matched."""
    users: dict[str, list[Session]] = {}
    for session in recent(sessions):
        if user_matched(session.salt):
            users.setdefault(user_id(person(session.salt)), []).append(session)
    return users


def user(
    identifier: str, sessions: Sequence[Session], levels: Sequence[str], nulls: bool
) -> dict[str, Any]:
    """An item of /v1/users; the sessions are this user's, at least one, oldest first.

    levels: how riskLevel is written, from low to high. nulls: some users lack fields.
    """
    scores = [session.score for session in sessions if session.score is not None]
    highest = max(scores, default=0.0)
    number = person(sessions[0].salt)
    item: dict[str, Any] = {
        "userId": identifier,
        "userName": f"Synthetic Student {number:04d}",
        "sessionCount": len(sessions),
        "botSessionCount": sum(score >= BOT for score in scores),
        "mediumSessionCount": sum(0.4 <= score < BOT for score in scores),
        "averageBotScore": round(sum(scores) / len(scores), 4) if scores else None,
        "maxBotScore": highest,
        "deviceCount": len({fingerprint(session.salt) for session in sessions}),
        "firstSeen": timestamp(sessions[0].created),
        "lastSeen": timestamp(sessions[-1].updated),
        "riskLevel": levels[2 if highest >= BOT else 1 if highest >= 0.4 else 0],
        "sparkline": [len(sessions[at::7]) for at in range(7)],
        "userUrl": f"{origin(sessions[0].salt)}/users/{number}",
    }
    for name in missing(number) if nulls else ():
        if number % 2:
            item[name] = None
        else:
            del item[name]
    return item


def missing(number: int) -> tuple[str, ...]:
    """What the API does not tell of that person: nothing of most."""
    return ("riskLevel", "deviceCount", "maxBotScore")[: number % 16] if number % 16 < 4 else ()


def courses(sessions: Sequence[Session], form: str) -> list[Any]:
    """The items of /v1/courses, read from the sessions' URLs, in a form of `courses_form`."""
    counts: dict[int, list[int]] = {}
    for session in recent(sessions):
        count = counts.setdefault(course(session.salt), [0, 0])
        count[0] += 1
        count[1] += session.score is not None and session.score >= BOT
    return [_course(form, *row) for row in sorted(counts.items())]


def _course(form: str, number: int, counts: Sequence[int]) -> Any:
    name = f"Synthetic Course {number}"
    numbers = {"sessionCount": counts[0], "botSessionCount": counts[1]}
    if form == "names":
        return name
    if form == "nested":
        return {"id": f"c-{number}", "name": name, "stats": {"today": numbers, "courseId": number}}
    key = number if form == "numeric_ids" else str(number)
    return {"courseId": key, "courseName": name, **numbers}
