"""The cases of the alerts on what comes with bots: scores, flags, silence, users."""

from tests.alerts.promtool import WEEK, Case, Firing, Story, frontier, named, rising, steady
from tests.alerts.series import (
    FRONTIER,
    SESSIONS,
    SITE,
    STEP,
    WEEK_OF_DAYS,
    minutes,
    quarters,
)

FLAG = named("isnotai_session_flags_total", flag="webdriver")
SCORE_SUM = named("isnotai_session_bot_score_sum")
SCORE_COUNT = named("isnotai_session_bot_score_count")
FLAG_HERE = {**SITE, "flag": "webdriver"}


def scores(*means: tuple[float, float]) -> dict[str, str]:
    """120 scores an hour of these means, for so many hours each."""
    return {
        SESSIONS: quarters(*((120, hours) for _, hours in means)),
        SCORE_COUNT: quarters(*((120, hours) for _, hours in means)),
        SCORE_SUM: quarters(*((120 * mean, hours) for mean, hours in means)),
    }


DAYS = 4 * 24


def fewer(hourly: float) -> dict[str, str]:
    """120 scores an hour of a mean of 0.2, then so many of 0.5."""
    return {
        SESSIONS: quarters((120, DAYS), (hourly, 10)),
        SCORE_COUNT: quarters((120, DAYS), (hourly, 10)),
        SCORE_SUM: quarters((24, DAYS), (0.5 * hourly, 10)),
    }


SHIFTED = "Bot scores have shifted at campus"
SHIFT = Story(
    "NotAIScoreShift",
    "warning",
    "security",
    "notai-security",
    (
        Case(
            "fires",
            "the mean rises from 0.2 to 0.5",
            scores((0.2, DAYS), (0.5, 10)),
            {(DAYS + 8) * 60: [Firing(SITE, SHIFTED, "")]},
            STEP,
        ),
        Case(
            "fires",
            "the mean falls from 0.5 to 0.25",
            scores((0.5, DAYS), (0.25, 10)),
            {(DAYS + 8) * 60: [Firing(SITE, SHIFTED, "")]},
            STEP,
        ),
        Case(
            "boundary",
            "by a little less than 0.2",
            scores((0.2, DAYS), (0.399, 10)),
            {(DAYS + 8) * 60: []},
            STEP,
        ),
        Case(
            "silent",
            "a week after a wave, whose day is the odd one of seven",
            scores((0.2, 72), (0.7, 8), (0.2, WEEK_OF_DAYS + 24)),
            {(72 + WEEK_OF_DAYS + at) * 60: [] for at in range(2, 20, 3)},
            STEP,
        ),
        Case(
            "fires",
            "on a quieter day, too",
            fewer(80),
            {(DAYS + 8) * 60: [Firing(SITE, SHIFTED, "")]},
            STEP,
        ),
        Case(
            "silent",
            "on a holiday, when most of those who come are scripts",
            fewer(30),
            {(DAYS + at) * 60: [] for at in (7, 8, 9)},
            STEP,
        ),
        Case(
            "silent",
            "fewer than 50 scores in six hours",
            {
                SESSIONS: quarters((8, DAYS + 10)),
                SCORE_COUNT: quarters((8, DAYS + 10)),
                SCORE_SUM: quarters((1.6, DAYS), (7, 10)),
            },
            {(DAYS + 8) * 60: []},
            STEP,
        ),
    ),
)


TWO_DAYS = 48
SURGED = "Flag webdriver surges at campus"


def flagged(sessions: float, *parts: tuple[float, float], young: int = 0) -> dict[str, str]:
    """So many sessions an hour and so many flags; the flag's series begins `young` hours late."""
    hours = sum(span for _, span in parts)
    late = f"_x{young * 4} " if young else ""
    return {
        SESSIONS: quarters((sessions, hours + young)),
        FLAG: late + quarters(*parts),
    }


SURGE = Story(
    "NotAIFlagSurge",
    "warning",
    "security",
    "notai-security",
    (
        Case(
            "fires",
            "four times the share of the days before",
            flagged(600, (12, 72), (48, 4)),
            {(72 + 2) * 60: [Firing(FLAG_HERE, SURGED, "")]},
            STEP,
        ),
        Case(
            "fires",
            "a flag of two days surges",
            flagged(600, (6, TWO_DAYS), (60, 4), young=72),
            {(72 + TWO_DAYS + 2) * 60: [Firing(FLAG_HERE, SURGED, "")]},
            STEP,
        ),
        Case(
            "boundary",
            "less than three times",
            flagged(600, (30, 72), (78, 4)),
            {(72 + 2) * 60: []},
            STEP,
        ),
        Case(
            "silent",
            "one of 600 sessions, where last week had none",
            flagged(600, (0, 72), (1, 4)),
            {(72 + 2) * 60: [], (72 + 3) * 60: []},
            STEP,
        ),
        Case(
            "silent",
            "as ever, when a first day has hardly a minute of yesterday",
            {SESSIONS: minutes((600, 26)), FLAG: minutes((48, 26))},
            {23 * 60 + at: [] for at in (4, 15, 45, 120)},
        ),
        Case(
            "silent",
            "as ever, after a week in which hardly anybody came",
            {
                SESSIONS: quarters((200, 72), (2, WEEK_OF_DAYS), (200, 4)),
                FLAG: quarters((20, 72), (0.2, WEEK_OF_DAYS), (20, 4)),
            },
            {(72 + WEEK_OF_DAYS + at) * 60: [] for at in (1, 2, 3)},
            STEP,
        ),
    ),
)


NEW = "Flag webdriver is new at campus"
NEW_TOLD = (
    "The API gave the flag webdriver to 3 sessions within the last 6 h; it was not seen in the "
    "week before."
)


EIGHT_DAYS = 8 * 24 * 4
NEW_FLAG = Story(
    "NotAINewFlag",
    "info",
    "security",
    "notai-security",
    (
        Case(
            "fires",
            "a flag that the week before did not have",
            {SESSIONS: quarters((120, 210)), FLAG: f"_x{EIGHT_DAYS} {steady(3, 48)}"},
            {EIGHT_DAYS * STEP + 60: [Firing(FLAG_HERE, NEW, NEW_TOLD)]},
            STEP,
        ),
        Case(
            "boundary",
            "first seen a little less and a little more than 6 h ago",
            {SESSIONS: quarters((120, 210)), FLAG: f"_x{EIGHT_DAYS} {steady(3, 48)}"},
            {
                EIGHT_DAYS * STEP + 345: [Firing(FLAG_HERE, NEW, NEW_TOLD)],
                EIGHT_DAYS * STEP + 420: [],
            },
            STEP,
        ),
        Case(
            "silent",
            "it was there two days ago for half a day, between the old rule's four instants",
            {
                SESSIONS: quarters((120, 210)),
                FLAG: f"_x{EIGHT_DAYS - 8 * 24} {steady(9, 48)} _x{6 * 24} {steady(3, 48)}",
            },
            {EIGHT_DAYS * STEP + 60: [], EIGHT_DAYS * STEP + 180: []},
            STEP,
        ),
        Case(
            "silent",
            "all flags are new to an exporter that is new itself",
            {SESSIONS: "0+1x100", FLAG: "1x100"},
            {90: []},
        ),
        Case(
            "silent",
            "what is over the bound of flags is not a flag",
            {
                SESSIONS: quarters((120, 210)),
                FLAG.replace("webdriver", "other"): f"_x{EIGHT_DAYS} {steady(3, 48)}",
            },
            {EIGHT_DAYS * STEP + 60: []},
            STEP,
        ),
    ),
)


DAY_AND_MORE = 30
"""Hours of data before a silence: yesterday is enough."""


AT = DAY_AND_MORE * 60
DEAD = "Hardly any session is recorded at campus"
STOPPED = Story(
    "NotAISessionsStopped",
    "critical",
    "security",
    "notai-security",
    (
        Case(
            "fires",
            "nothing comes any more: within 30 min",
            {SESSIONS: minutes((120, DAY_AND_MORE), (0, 2))},
            {
                AT + 10: [],
                AT + 25: [
                    Firing(
                        SITE,
                        DEAD,
                        "0 sessions in the last 20 min, where 37 were to be expected by other days "
                        "and the hours before, and 190 in the last 2 h, where 240 were, though the "
                        "API is read well: the pixel may be broken or gone from the pages.",
                    )
                ],
            },
        ),
        Case(
            "fires",
            "on a Monday, though hardly anybody comes at weekends; and on Tuesday again",
            {
                SESSIONS: minutes(
                    *((6, 7), (60, 120), (6, 48), (60, 120), (6, 48)), *((0, 1), (60, 23), (0, 1))
                )
            },
            {
                343 * 60 + 10: [],
                343 * 60 + 30: [Firing(SITE, DEAD, "")],
                367 * 60 + 10: [],
                367 * 60 + 30: [Firing(SITE, DEAD, "")],
            },
        ),
        Case(
            "fires",
            "soon after the API was away for hours",
            {
                SESSIONS: f"{minutes((60, 30), (0, 5))} "
                f"{minutes((60, 0.5), (0, 1), start=30 * 60 + 5 * 60)}",
                FRONTIER: f"{frontier((300, AT))} {steady(AT * 60 - 300, 300)} "
                f"{rising(60, 90, (AT + 300) * 60 - 300)}",
            },
            {AT + 330: [], AT + 360: [Firing(SITE, DEAD, "")]},
        ),
        Case(
            "fires",
            "a site of forty sessions an hour: within 30 min",
            {SESSIONS: minutes((40, DAY_AND_MORE), (0, 2))},
            {AT + 20: [], AT + 30: [Firing(SITE, DEAD, "")]},
        ),
        Case(
            "fires",
            "for hours, without a pause",
            {SESSIONS: minutes((50, DAY_AND_MORE), (0, 6))},
            {AT + at: [Firing(SITE, DEAD, "")] for at in range(30, 360, 15)},
        ),
        Case(
            "boundary",
            "a little less than fifteen are to be expected in 28 min",
            {SESSIONS: minutes((31, DAY_AND_MORE), (0, 2))},
            {AT + 30: [], AT + 60: []},
        ),
        Case(
            "fires",
            "a site of twenty sessions an hour: within hours",
            {SESSIONS: minutes((20, DAY_AND_MORE), (0, 4))},
            {AT + 60: [], AT + 125: [Firing(SITE, DEAD, "")]},
        ),
        Case(
            "boundary",
            "a little more than 2 % of yesterday",
            {SESSIONS: minutes((240, DAY_AND_MORE), (6, 4))},
            {AT + 60: [], AT + 180: []},
        ),
        Case(
            "silent",
            "a holiday: a tenth of the people since midnight",
            {SESSIONS: minutes((240, 34), (24, 12))},
            {34 * 60 + at: [] for at in range(15, 600, 60)},
        ),
        Case(
            "silent",
            "by chance, in the second hour of a holiday",
            {SESSIONS: minutes((120, DAY_AND_MORE), (12, 1), (0, 0.4), (12, 1))},
            {AT + 60 + at: [] for at in range(10, 30)},
        ),
        Case(
            "silent",
            "yesterday, a backlog came at this hour, after an outage",
            {
                SESSIONS: f"{minutes((2400, 5), (0, 5))} "
                f"{minutes((120, 14), (2400, 10), (120, 1), start=24_000)}",
                FRONTIER: f"{frontier((300, 300))} {steady(300 * 60 - 300, 300)} "
                f"{rising(60, 25 * 60, 600 * 60 - 300)}",
            },
            {34 * 60 + at: [] for at in range(5, 40)},
        ),
        Case(
            "silent",
            "the calendar says that it is a holiday",
            {
                SESSIONS: minutes((120, DAY_AND_MORE), (0, 2)),
                "isnotai:holiday": steady(1, AT + 120),
            },
            {AT + 25: [], AT + 100: []},
        ),
        Case(
            "silent",
            "the calendar says so of this integration",
            {
                SESSIONS: minutes((120, DAY_AND_MORE), (0, 2)),
                'isnotai:holiday{integration="campus"}': steady(1, AT + 120),
            },
            {AT + 25: [], AT + 100: []},
        ),
        Case(
            "silent",
            "it is the exporter that does not read",
            {
                SESSIONS: minutes((120, DAY_AND_MORE), (0, 2)),
                named("isnotai_up"): f"{steady(1, AT)} {steady(0, 120)}",
                FRONTIER: f"{frontier((300, AT))} {steady(AT * 60 - 300, 120)}",
            },
            {AT + 25: [], AT + 100: []},
        ),
        Case(
            "silent",
            "the exporter is restarted while the API does not answer",
            {
                SESSIONS: f"{minutes((120, DAY_AND_MORE))} {steady(2 * AT, 22)} stale _x4",
                named("isnotai_up"): f"{steady(1, AT)} {steady(0, 22)} stale _x4",
                FRONTIER: f"{frontier((300, AT))} {steady(AT * 60 - 300, 22)} stale _x4",
            },
            {AT + at: [] for at in range(21, 27)},
        ),
        Case(
            "silent",
            "no exporter is scraped",
            {SESSIONS: minutes((120, DAY_AND_MORE))},
            {AT + 10: [], AT + 25: [], AT + 100: []},
        ),
    ),
)


MATCHED = named("isnotai_analytics_user_match_ratio", window="24h")
OF = named("isnotai_analytics_sessions", window="24h")
WEEK_SAMPLES = WEEK // STEP
NOW = WEEK + 120
FELL = Story(
    "NotAIUserMatchingFell",
    "warning",
    "security",
    "notai-security",
    (
        Case(
            "fires",
            "half of last week's share",
            {
                MATCHED: f"{steady(0.8, WEEK_SAMPLES)} {steady(0.4, 60)}",
                OF: steady(100, WEEK_SAMPLES + 60),
            },
            {
                NOW: [
                    Firing(
                        {**SITE, "window": "24h"},
                        "Fewer sessions are matched to users at campus",
                        "40% of the sessions of 24h are matched to a user, less than three "
                        "quarters of what the week before had.",
                    )
                ]
            },
            STEP,
        ),
        Case(
            "boundary",
            "exactly three quarters of it",
            {
                MATCHED: f"{steady(0.8, WEEK_SAMPLES)} {steady(0.6000000000000001, 60)}",
                OF: steady(1000, WEEK_SAMPLES + 60),
            },
            {NOW: []},
            STEP,
        ),
        Case(
            "silent",
            "as it was for most of the week, though a week ago it was more",
            {
                MATCHED: f"{steady(0.8, 40)} {steady(0.5, WEEK_SAMPLES + 20)}",
                OF: steady(1000, WEEK_SAMPLES + 60),
            },
            {NOW: []},
            STEP,
        ),
        Case(
            "silent",
            "too few sessions to tell",
            {
                MATCHED: f"{steady(0.8, WEEK_SAMPLES)} {steady(0.4, 60)}",
                OF: steady(99, WEEK_SAMPLES + 60),
            },
            {NOW: []},
            STEP,
        ),
    ),
)


STORIES = (SHIFT, SURGE, NEW_FLAG, STOPPED, FELL)
