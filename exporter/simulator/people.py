"""What a perfect reader must show of users and courses: an oracle that reads no answer.

Made from the sessions themselves, not from the items that the API makes of them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from exporter.simulator.records import missing, recent
from exporter.simulator.rollup import BOT
from exporter.simulator.sessions import Session, course, fingerprint, person, user_matched


@dataclass(frozen=True, slots=True)
class People:
    """Over all users, and over all courses, of the sessions that the API makes them from.

    scores: highest bot score of each user whose score is told. courses: sessions and bot sessions.
    """

    users: int
    by_risk: dict[str, int]
    with_bot_sessions: int
    multi_device: int
    scores: tuple[float, ...]
    courses: int
    course_sessions: int
    course_bot_sessions: int


def people(sessions: Sequence[Session], levels: Sequence[str], nulls: bool) -> People:
    """sessions: those that the tier may see, oldest first. levels, nulls: as in `ApiSettings`."""
    known = recent(sessions)
    highest: dict[int, float] = {}
    devices: dict[int, set[int]] = {}
    for session in known:
        if user_matched(session.salt):
            number = person(session.salt)
            highest[number] = max(highest.get(number, 0.0), session.score or 0.0)
            devices.setdefault(number, set()).add(fingerprint(session.salt))
    lacking = {number: missing(number) if nulls else () for number in highest}
    risks = Counter(
        "unknown" if "riskLevel" in lacking[number] else levels[(score >= 0.4) + (score >= BOT)]
        for number, score in highest.items()
    )
    return People(
        users=len(highest),
        by_risk=dict(sorted(risks.items())),
        with_bot_sessions=sum(score >= BOT for score in highest.values()),
        multi_device=sum(
            len(found) > 1 and "deviceCount" not in lacking[number]
            for number, found in devices.items()
        ),
        scores=tuple(
            sorted(it for number, it in highest.items() if "maxBotScore" not in lacking[number])
        ),
        courses=len({course(session.salt) for session in known}),
        course_sessions=len(known),
        course_bot_sessions=sum((session.score or 0.0) >= BOT for session in known),
    )
