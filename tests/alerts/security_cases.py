"""The cases of the alerts for those who watch for AI agents.

Most begin with some quiet hours, from which the rules learn what is usual; what needs days is fed
in steps of a quarter of an hour.
"""

from tests.alerts.promtool import (
    CAMPUS,
    WEEK,
    Case,
    Firing,
    Story,
    frontier,
    named,
    phases,
    rising,
    steady,
)

STEP = 15
FRONTIER = named("isnotai_session_frontier_timestamp_seconds")
SESSIONS = named("isnotai_sessions_total")
BOTS = named("isnotai_bot_sessions_total")
FLAG = named("isnotai_session_flags_total", flag="webdriver")
SCORE_SUM = named("isnotai_session_bot_score_sum")
SCORE_COUNT = named("isnotai_session_bot_score_count")
HERE = {"job": "isnotai", "integration": "campus"}
FLAG_HERE = {**HERE, "flag": "webdriver"}
B = {**CAMPUS, "instance": "b:10984"}
HOURS = 3
QUIET = HOURS * 60
"""Minutes before whatever a case is about."""

WAVE = "Wave of AI agents at campus"
MORE = "More AI agents than usual at campus"
SOMEWHAT = "Somewhat more AI agents than usual at campus"


def minutes(*parts: tuple[float, float], start: float = 0) -> str:
    """A counter that grows by so much an hour, for so many hours, a sample a minute."""
    return phases(*((hourly / 60, round(hours * 60)) for hourly, hours in parts), start=start)


def quarters(*parts: tuple[float, float]) -> str:
    """The same with a sample each quarter of an hour."""
    return phases(*((hourly / 4, round(hours * 4)) for hourly, hours in parts))


def wave(
    people: float, usual: float, bots: float, hours: float = 2, *, quiet: int = HOURS
) -> dict[str, str]:
    """Quiet hours with so many people and bots an hour, then so many bots."""
    return {
        SESSIONS: minutes((people + usual, quiet), (people + bots, hours)),
        BOTS: minutes((usual, quiet), (bots, hours)),
    }


MORNING = 7
"""Hours from which warnings and hints are given, and one more."""


def told(
    span: str, bots: str, expected: str, share: str, usual: str, recent: str, raised: str
) -> str:
    """The description of an alert on bots."""
    return (
        f"{bots} bots in the last {span}, where {expected} are usual: {share} of the sessions "
        f"instead of {usual} at this time of day. {recent} of them came in the last 10 min. Bots "
        f"were at more than twice the usual for {raised} min of the last day."
    )


def backlog(hourly: float, landed: float, *, away: float = 3) -> str:
    """A counter that stands still for some hours, then gains `landed` at once."""
    before = hourly * HOURS
    return (
        f"{minutes((hourly, HOURS))} {steady(before, round(away * 60))} "
        f"{minutes((hourly, 2), start=before + landed)}"
    )


WEEK_OF_DAYS = 7 * 24
LATER = WEEK + 3 * 60


def weekly(usual: float, raised: float) -> str:
    """A week, with three raised hours at its start and again after it."""
    return quarters((usual, 24), (raised, 3), (usual, WEEK_OF_DAYS - 3), (raised, 3), (usual, 9))


def after_outage(bots: float) -> dict[str, str]:
    """Two days, then a holiday that begins with four hours of outage; then so many bots land."""
    days, away, after = 48 * 4, 4 * 4, 8
    frontier_then = days * STEP * 60 - 300
    return {
        SESSIONS: f"{quarters((120, 48))} {steady(5760, away)} {steady(5760 + 16 + bots, after)}",
        BOTS: f"{quarters((20, 48))} {steady(960, away)} {steady(960 + bots, after)}",
        FRONTIER: f"{frontier((300, days), step=STEP)} {steady(frontier_then, away)} "
        f"{rising(STEP * 60, after, frontier_then + away * STEP * 60)}",
    }


LANDED = 52 * 60

SPIKE = Story(
    "NotAIBotShareSpike",
    "critical",
    "security",
    "notai-security",
    (
        Case(
            "fires",
            "of 600 sessions an hour the share of bots rises from 1 % to 10.9 %",
            wave(594, 6, 73),
            {
                QUIET + 10: [Firing(HERE, WAVE, "")],
                QUIET + 60: [Firing(HERE, WAVE, "")],
            },
        ),
        Case(
            "fires",
            "the same, and what it says after an hour",
            wave(594, 6, 73),
            {
                QUIET + 60: [
                    Firing(
                        HERE,
                        WAVE,
                        told("1h", "73", "6.3", "10.94%", "1.044%", "12", "59"),
                    )
                ]
            },
        ),
        Case(
            "fires",
            "four times the usual at a site of 200,000 sessions a day: within 4 min",
            wave(13_500, 560, 2240),
            {QUIET: [], QUIET + 4: [Firing(HERE, WAVE, "")]},
        ),
        Case(
            "fires",
            "five times the usual at a site of 5,000 sessions a day: within 20 min",
            wave(300, 12, 60),
            {QUIET + 5: [], QUIET + 20: [Firing(HERE, WAVE, "")]},
        ),
        Case(
            "fires",
            "a site of four sessions an hour has six bots within one",
            wave(4, 0.2, 6),
            {QUIET + 60: [Firing(HERE, WAVE, "")]},
        ),
        Case(
            "fires",
            "the same deadline had the same wave a week ago",
            {SESSIONS: weekly(600, 600), BOTS: weekly(12, 60)},
            {WEEK + 24 * 60 + 120: [Firing(HERE, WAVE, "")]},
            STEP,
        ),
        Case(
            "fires",
            "right after a blip of five minutes",
            {**wave(594, 6, 73), FRONTIER: frontier((300, QUIET), (900, 5), (300, 120))},
            {QUIET + 10: [Firing(HERE, WAVE, "")]},
        ),
        Case(
            "fires",
            "a wave during an outage lands at once with all that came meanwhile",
            {SESSIONS: backlog(120, 450), BOTS: backlog(6, 100)},
            {QUIET + 3 * 60 + 1: [Firing(HERE, WAVE, "")]},
        ),
        Case(
            "silent",
            "a backlog of three hours lands at once, with its usual share of bots",
            {SESSIONS: backlog(120, 360), BOTS: backlog(6, 18)},
            {QUIET + 3 * 60 + 1: [], QUIET + 3 * 60 + 30: []},
        ),
        Case(
            "silent",
            "a holiday: hardly anybody comes, and six of ten bots stay",
            {
                SESSIONS: quarters((600, 96), (60 + 14, 20)),
                BOTS: quarters((24, 96), (14, 20)),
            },
            {100 * 60: [], 110 * 60: []},
            STEP,
        ),
        Case(
            "silent",
            "an exporter loses its state, and another with higher counters comes and goes",
            {
                SESSIONS: f"{minutes((600, HOURS))} {minutes((600, 3))}",
                BOTS: f"{minutes((24, HOURS))} {minutes((24, 3))}",
                named("isnotai_sessions_total", B): (
                    f"_x{QUIET + 30} {minutes((600, 0.5), start=90000)} _x30 "
                    f"{minutes((600, 1), start=90600)}"
                ),
                named("isnotai_bot_sessions_total", B): (
                    f"_x{QUIET + 30} {minutes((24, 0.5), start=3600)} _x30 "
                    f"{minutes((24, 1), start=3624)}"
                ),
            },
            {at: [] for at in range(QUIET + 1, QUIET + 150, 7)},
        ),
        Case(
            "boundary",
            "a little less than two and a half times the usual",
            wave(600, 40, 96),
            {QUIET + 60: []},
        ),
        Case(
            "fires",
            "another job with the same integration is calm, and hides nothing",
            {
                **wave(594, 6, 73),
                named("isnotai_sessions_total", {**CAMPUS, "job": "other"}): minutes((90000, 6)),
                named("isnotai_bot_sessions_total", {**CAMPUS, "job": "other"}): minutes((90, 6)),
            },
            {QUIET + 60: [Firing(HERE, WAVE, "")]},
        ),
        Case(
            "boundary",
            "it stays for half an hour after its last sign, and not longer",
            {
                SESSIONS: minutes((600, HOURS), (680, 1), (600, 4)),
                BOTS: minutes((6, HOURS), (80, 1), (6, 4)),
            },
            {QUIET + 90: [Firing(HERE, WAVE, "")], QUIET + 180: []},
        ),
        Case(
            "silent",
            "what lands after an outage on a holiday: the scripts of four hours, and few people",
            after_outage(48),
            {LANDED + at: [] for at in (1, 4, 10)},
            STEP,
        ),
        Case(
            "fires",
            "twice as many",
            after_outage(100),
            {LANDED + 4: [Firing(HERE, WAVE, "")]},
            STEP,
        ),
    ),
)

RAISED = Story(
    "NotAIBotShareRaised",
    "warning",
    "security",
    "notai-security",
    (
        Case(
            "fires",
            "twice the usual for hours, which is too little for a page",
            wave(600, 60, 130, quiet=MORNING),
            {MORNING * 60 + 60: [Firing(HERE, MORE, "")]},
        ),
        Case(
            "boundary",
            "less than one and a half times",
            wave(600, 100, 130, quiet=MORNING),
            {MORNING * 60 + 60: []},
        ),
        Case(
            "silent",
            "as ever",
            wave(600, 40, 40, 6, quiet=MORNING),
            {MORNING * 60 + 60: [], MORNING * 60 + 300: []},
        ),
    ),
)

HINT = Story(
    "NotAIBotShareHint",
    "info",
    "security",
    "notai-security",
    (
        Case(
            "fires",
            "some more than usual for an hour",
            wave(600, 60, 100, quiet=MORNING),
            {MORNING * 60 + 60: [Firing(HERE, SOMEWHAT, "")]},
        ),
        Case(
            "boundary",
            "four bots are too few",
            wave(4, 0.1, 4, quiet=MORNING),
            {MORNING * 60 + 55: []},
        ),
        Case(
            "silent",
            "as ever",
            wave(600, 40, 40, 6, quiet=MORNING),
            {MORNING * 60 + 60: [], MORNING * 60 + 300: []},
        ),
    ),
)


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
            {(DAYS + 8) * 60: [Firing(HERE, SHIFTED, "")]},
            STEP,
        ),
        Case(
            "fires",
            "the mean falls from 0.5 to 0.25",
            scores((0.5, DAYS), (0.25, 10)),
            {(DAYS + 8) * 60: [Firing(HERE, SHIFTED, "")]},
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
            {(DAYS + 8) * 60: [Firing(HERE, SHIFTED, "")]},
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
            {AT + 10: [], AT + 25: [Firing(HERE, "Hardly any session is recorded at campus", "")]},
        ),
        Case(
            "fires",
            "a site of forty sessions an hour: within 30 min",
            {SESSIONS: minutes((40, DAY_AND_MORE), (0, 2))},
            {AT + 20: [], AT + 28: [Firing(HERE, "Hardly any session is recorded at campus", "")]},
        ),
        Case(
            "boundary",
            "a little less than fifteen are to be expected in 25 min",
            {SESSIONS: minutes((34, DAY_AND_MORE), (0, 2))},
            {AT + 28: [], AT + 60: []},
        ),
        Case(
            "fires",
            "a site of twenty sessions an hour: within hours",
            {SESSIONS: minutes((20, DAY_AND_MORE), (0, 4))},
            {AT + 60: [], AT + 125: [Firing(HERE, "Hardly any session is recorded at campus", "")]},
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
                        {**HERE, "window": "24h"},
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

STORIES = (SPIKE, RAISED, HINT, SHIFT, SURGE, NEW_FLAG, STOPPED, FELL)
