"""The cases of the alerts for those who watch for AI agents, catch-ups after an outage included."""

from tests.alerts.promtool import (
    CAMPUS,
    WEEK,
    Case,
    Firing,
    Story,
    frontier,
    named,
    phases,
    steady,
)

STEP = 15
WEEK_SAMPLES = WEEK // STEP
HOUR_SAMPLES = 60 // STEP
FRONTIER = named("isnotai_session_frontier_timestamp_seconds")
SESSIONS = named("isnotai_sessions_total")
BOTS = named("isnotai_bot_sessions_total")
FLAG = named("isnotai_session_flags_total", flag="webdriver")
FLAG_LABELS = {"integration": "campus", "flag": "webdriver"}
SCORE_SUM = named("isnotai_session_bot_score_sum")
SCORE_COUNT = named("isnotai_session_bot_score_count")
HERE = {"integration": "campus"}
NOW = WEEK + 120
"""Minutes: two hours after a whole week of data."""

IN_TIME = frontier((300, WEEK_SAMPLES + 120), step=STEP)
TWO_DAYS = WEEK_SAMPLES + 2 * 24 * HOUR_SAMPLES


def then(before: float, after: float, hours: int = 10) -> str:
    """A counter that grows by `before` an hour for a week, and by `after` since."""
    return phases(
        (before / HOUR_SAMPLES, WEEK_SAMPLES), (after / HOUR_SAMPLES, hours * HOUR_SAMPLES)
    )


def backlog(before: float, landed: float) -> str:
    """A counter that stands still for the 3 h before `NOW`, then gains `landed` in one scrape."""
    still = 3 * HOUR_SAMPLES
    fed = (NOW // STEP) - still
    total = before / HOUR_SAMPLES * fed
    return (
        f"{phases((before / HOUR_SAMPLES, fed))} {steady(total, still)} "
        f"{phases((before / HOUR_SAMPLES, 60), start=total + landed)}"
    )


def outage() -> str:
    """A frontier that stands still for the 3 h before `NOW`, then is up to date again."""
    still = 3 * HOUR_SAMPLES
    fed = (NOW // STEP) - still
    stood = fed * STEP * 60 - 300
    caught_up = NOW * 60 - 300
    return f"{frontier((300, fed), step=STEP)} {steady(stood, still)} {caught_up}+{60 * STEP}x60"


def caught_up_bots(frontier_values: str) -> dict[str, str]:
    """3 h of sessions that land at once, of which most are bots, as in an attack."""
    return {
        FRONTIER: frontier_values,
        SESSIONS: backlog(120, 1000),
        BOTS: backlog(12, 900),
        FLAG: backlog(12, 900),
        SCORE_COUNT: backlog(120, 1000),
        SCORE_SUM: backlog(24, 900),
    }


BOT_SPIKE = Firing(
    HERE,
    "Share of AI agents has spiked at campus",
    "30% of the sessions of the last hour are bots: more than twice the share, and 10 points more, "
    "than in the same hour last week.",
)

STORIES = (
    Story(
        "NotAIBotShareSpike",
        "critical",
        "security",
        "notai-security",
        (
            Case(
                "fires",
                "three times the share of last week",
                {FRONTIER: IN_TIME, SESSIONS: then(120, 120), BOTS: then(12, 36)},
                {NOW: [BOT_SPIKE]},
                STEP,
            ),
            Case(
                "fires",
                "an exporter beside it is behind, but this one is not",
                {
                    FRONTIER: IN_TIME,
                    SESSIONS: then(120, 120),
                    BOTS: then(12, 36),
                    FRONTIER.replace("a:10984", "b:10984"): frontier(
                        (7200, WEEK_SAMPLES + 120), step=STEP
                    ),
                    SESSIONS.replace("a:10984", "b:10984"): then(120, 0),
                    BOTS.replace("a:10984", "b:10984"): then(12, 0),
                },
                {NOW: [BOT_SPIKE]},
                STEP,
            ),
            Case(
                "boundary",
                "exactly twice the share",
                {FRONTIER: IN_TIME, SESSIONS: then(128, 128), BOTS: then(16, 32)},
                {NOW: []},
                STEP,
            ),
            Case(
                "boundary",
                "exactly 50 sessions, then fewer",
                {FRONTIER: IN_TIME, SESSIONS: then(60, 48), BOTS: then(3, 24)},
                {NOW: []},
                STEP,
            ),
            Case(
                "silent",
                "as last week",
                {FRONTIER: IN_TIME, SESSIONS: then(120, 240), BOTS: then(36, 72)},
                {NOW: []},
                STEP,
            ),
            Case(
                "silent",
                "held back after an outage, while its backlog is within the hour",
                caught_up_bots(outage()),
                {NOW: [], NOW + 15: [], NOW + 30: [], NOW + 45: []},
                STEP,
            ),
            Case(
                "fires",
                "the same numbers raise it where the frontier was never behind",
                caught_up_bots(IN_TIME),
                {
                    NOW + 15: [
                        Firing(
                            HERE,
                            BOT_SPIKE.summary,
                            BOT_SPIKE.description.replace("30%", "87.67%"),
                        )
                    ]
                },
                STEP,
            ),
        ),
    ),
    Story(
        "NotAIScoreShift",
        "warning",
        "security",
        "notai-security",
        (
            Case(
                "fires",
                "the mean rises from 0.2 to 0.5",
                {FRONTIER: IN_TIME, SCORE_COUNT: then(120, 120), SCORE_SUM: then(24, 60)},
                {
                    NOW: [
                        Firing(
                            HERE,
                            "Bot scores have shifted at campus",
                            "The mean bot score of the last hour is 0.30 away from that of the "
                            "same hour last week.",
                        )
                    ]
                },
                STEP,
            ),
            Case(
                "fires",
                "the mean falls from 0.5 to 0.25",
                {FRONTIER: IN_TIME, SCORE_COUNT: then(120, 120), SCORE_SUM: then(60, 30)},
                {
                    NOW: [
                        Firing(
                            HERE,
                            "Bot scores have shifted at campus",
                            "The mean bot score of the last hour is 0.25 away from that of the "
                            "same hour last week.",
                        )
                    ]
                },
                STEP,
            ),
            Case(
                "boundary",
                "by a little less than 0.15",
                {FRONTIER: IN_TIME, SCORE_COUNT: then(120, 120), SCORE_SUM: then(24, 41.9)},
                {NOW: []},
                STEP,
            ),
            Case(
                "silent",
                "fewer than 50 scores",
                {FRONTIER: IN_TIME, SCORE_COUNT: then(48, 48), SCORE_SUM: then(9, 40)},
                {NOW: []},
                STEP,
            ),
            Case(
                "silent",
                "held back after an outage",
                caught_up_bots(outage()),
                {NOW + 15: [], NOW + 30: [], NOW + 45: []},
                STEP,
            ),
        ),
    ),
    Story(
        "NotAIFlagSurge",
        "warning",
        "security",
        "notai-security",
        (
            Case(
                "fires",
                "four times the share of last week",
                {FRONTIER: IN_TIME, SESSIONS: then(120, 120), FLAG: then(12, 48)},
                {
                    NOW: [
                        Firing(
                            FLAG_LABELS,
                            "Flag webdriver surges at campus",
                            "40% of the sessions of the last hour have the flag webdriver: more "
                            "than three times the share of the same hour last week.",
                        )
                    ]
                },
                STEP,
            ),
            Case(
                "boundary",
                "exactly three times the share",
                {FRONTIER: IN_TIME, SESSIONS: then(128, 128), FLAG: then(16, 48)},
                {NOW: []},
                STEP,
            ),
            Case(
                "silent",
                "fewer than 30",
                {FRONTIER: IN_TIME, SESSIONS: then(120, 120), FLAG: then(3, 24)},
                {NOW: []},
                STEP,
            ),
            Case(
                "silent",
                "held back after an outage",
                caught_up_bots(outage()),
                {NOW + 15: [], NOW + 30: [], NOW + 45: []},
                STEP,
            ),
        ),
    ),
    Story(
        "NotAINewFlag",
        "info",
        "security",
        "notai-security",
        (
            Case(
                "fires",
                "a flag that the week before did not have",
                {
                    FRONTIER: IN_TIME,
                    SESSIONS: then(120, 120),
                    FLAG: f"_x{WEEK_SAMPLES} {steady(3, 96)}",
                },
                {
                    NOW: [
                        Firing(
                            FLAG_LABELS,
                            "Flag webdriver is new at campus",
                            "The API gave the flag webdriver to 3 sessions within the last 6 h; "
                            "it was not seen in the week before.",
                        )
                    ]
                },
                STEP,
            ),
            Case(
                "boundary",
                "first seen 6 h ago",
                {
                    FRONTIER: IN_TIME,
                    SESSIONS: then(120, 120),
                    FLAG: f"_x{WEEK_SAMPLES} {steady(3, 96)}",
                },
                {
                    WEEK + 345: [
                        Firing(
                            FLAG_LABELS,
                            "Flag webdriver is new at campus",
                            "The API gave the flag webdriver to 3 sessions within the last 6 h; "
                            "it was not seen in the week before.",
                        )
                    ],
                    WEEK + 360: [],
                },
                STEP,
            ),
            Case(
                "silent",
                "all flags are new to an exporter that is new itself",
                {FRONTIER: frontier((300, 100)), SESSIONS: "0+1x100", FLAG: "1x100"},
                {90: []},
            ),
            Case(
                "silent",
                "a flag that went with the state, and came back",
                {
                    FRONTIER: IN_TIME,
                    SESSIONS: then(120, 120),
                    FLAG: f"{steady(9, WEEK_SAMPLES - 40)} _x40 {steady(1, 96)}",
                },
                {NOW: []},
                STEP,
            ),
            Case(
                "silent",
                "what is over the bound of flags is no flag",
                {
                    FRONTIER: IN_TIME,
                    SESSIONS: then(120, 120),
                    FLAG.replace("webdriver", "other"): f"_x{WEEK_SAMPLES} {steady(3, 96)}",
                },
                {NOW: []},
                STEP,
            ),
            Case(
                "boundary",
                "held back for an hour after an outage, then told",
                {
                    FRONTIER: outage(),
                    SESSIONS: backlog(120, 1000),
                    FLAG: f"_x{NOW // STEP} {steady(3, 60)}",
                },
                {
                    NOW + 45: [],
                    NOW + 60: [
                        Firing(
                            FLAG_LABELS,
                            "Flag webdriver is new at campus",
                            "The API gave the flag webdriver to 3 sessions within the last 6 h; "
                            "it was not seen in the week before.",
                        )
                    ],
                },
                STEP,
            ),
        ),
    ),
    Story(
        "NotAISessionsStopped",
        "critical",
        "security",
        "notai-security",
        (
            Case(
                "fires",
                "nothing comes any more",
                {FRONTIER: IN_TIME, SESSIONS: then(120, 0)},
                {
                    NOW: [
                        Firing(
                            HERE,
                            "Hardly any session is recorded at campus",
                            "0 sessions in the last hour, less than 5 % of the same hour last "
                            "week, though the API is read well: the pixel may be broken or gone "
                            "from the pages.",
                        )
                    ]
                },
                STEP,
            ),
            Case(
                "boundary",
                "exactly 5 % of last week",
                {FRONTIER: IN_TIME, SESSIONS: then(240, 12)},
                {NOW: []},
                STEP,
            ),
            Case(
                "silent",
                "too few last week to tell",
                {FRONTIER: IN_TIME, SESSIONS: then(96, 0)},
                {NOW: []},
                STEP,
            ),
            Case(
                "silent",
                "it is the exporter that does not read",
                {FRONTIER: outage(), SESSIONS: backlog(120, 1000)},
                {NOW - 30: [], NOW + 30: []},
                STEP,
            ),
        ),
    ),
    Story(
        "NotAIUserMatchingFell",
        "warning",
        "security",
        "notai-security",
        (
            Case(
                "fires",
                "half of last week's share",
                {
                    named("isnotai_analytics_user_match_ratio", window="24h"): (
                        f"{steady(0.8, WEEK_SAMPLES)} {steady(0.4, 60)}"
                    ),
                    named("isnotai_analytics_sessions", window="24h"): steady(
                        100, WEEK_SAMPLES + 60
                    ),
                },
                {
                    NOW: [
                        Firing(
                            {"integration": "campus", "window": "24h"},
                            "Fewer sessions are matched to users at campus",
                            "40% of the sessions of 24h are matched to a user, less than three "
                            "quarters of the share a week ago.",
                        )
                    ]
                },
                STEP,
            ),
            Case(
                "boundary",
                "exactly three quarters of it",
                {
                    named("isnotai_analytics_user_match_ratio", window="24h"): (
                        f"{steady(0.8, WEEK_SAMPLES)} {steady(0.6000000000000001, 60)}"
                    ),
                    named("isnotai_analytics_sessions", window="24h"): steady(
                        1000, WEEK_SAMPLES + 60
                    ),
                },
                {NOW: []},
                STEP,
            ),
            Case(
                "silent",
                "too few sessions to tell",
                {
                    named("isnotai_analytics_user_match_ratio", window="24h"): (
                        f"{steady(0.8, WEEK_SAMPLES)} {steady(0.4, 60)}"
                    ),
                    named("isnotai_analytics_sessions", window="24h"): steady(
                        99, WEEK_SAMPLES + 60
                    ),
                },
                {NOW: []},
                STEP,
            ),
        ),
    ),
    Story(
        "NotAISecurityAlertsHeldBack",
        "warning",
        "security",
        "notai-exporter",
        (
            Case(
                "fires",
                "behind by more than 10 min for hours, as with a long overlap",
                {FRONTIER: frontier((720, 200))},
                {
                    150: [
                        Firing(
                            HERE,
                            "Alerts on sessions are held back at campus",
                            "For hours now every exporter has been, within the hour, more than 10 "
                            "min behind (by up to 12m 0s), so that no alert on sessions can be "
                            "raised.",
                        )
                    ]
                },
            ),
            Case("boundary", "by exactly 10 min", {FRONTIER: frontier((600, 200))}, {150: []}),
            Case(
                "silent",
                "another exporter with the key is in time",
                {
                    FRONTIER: frontier((7200, 200)),
                    named(
                        "isnotai_session_frontier_timestamp_seconds",
                        {**CAMPUS, "instance": "b:10984"},
                    ): frontier((300, 200)),
                },
                {150: []},
            ),
        ),
    ),
)
