"""The cases of the alerts on what comes with bots: scores, flags, users."""

from tests.alerts.promtool import WEEK, Case, Firing, Story, named, steady
from tests.alerts.series import (
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


STORIES = (SHIFT, SURGE, NEW_FLAG, FELL)
