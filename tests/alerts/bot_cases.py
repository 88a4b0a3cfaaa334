"""The cases of the alerts on bots: a wave, more than usual, somewhat more."""

from tests.alerts.promtool import CAMPUS, WEEK, Case, Firing, Story, frontier, named, rising, steady
from tests.alerts.series import (
    FRONTIER,
    SESSIONS,
    SITE,
    STEP,
    WEEK_OF_DAYS,
    minutes,
    quarters,
)

BOTS = named("isnotai_bot_sessions_total")
B = {**CAMPUS, "instance": "b:10984"}
HOURS = 3
QUIET = HOURS * 60
"""Minutes before whatever a case is about."""


WAVE = "Wave of AI agents at campus"
MORE = "More AI agents than usual at campus"
SOMEWHAT = "Somewhat more AI agents than usual at campus"


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
    span: str,
    bots: str,
    expected: str,
    share: str,
    usual: str,
    recent: str,
    raised: str,
    other: str,
) -> str:
    """The description of an alert on bots. other: what it says of another span."""
    return (
        f"{bots} bots in the last {span}, where {expected} are usual: {share} of the sessions "
        f"instead of {usual} at this time of day. {recent} of them came in the last 10 min. "
        f"{other} Bots were at more than twice the usual for {raised} min of the last day."
    )


def backlog(hourly: float, landed: float, *, away: float = 3) -> str:
    """A counter that stands still for some hours, then gains `landed` at once."""
    before = hourly * HOURS
    return (
        f"{minutes((hourly, HOURS))} {steady(before, round(away * 60))} "
        f"{minutes((hourly, 2), start=before + landed)}"
    )


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
TWICE = named("isnotai:alert_threshold", {"name": "page_ratio", "cluster": "west"})
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
                QUIET + 10: [Firing(SITE, WAVE, "")],
                QUIET + 60: [Firing(SITE, WAVE, "")],
            },
        ),
        Case(
            "fires",
            "the same, and what it says after an hour",
            wave(594, 6, 73),
            {
                QUIET + 60: [
                    Firing(
                        SITE,
                        WAVE,
                        told(
                            *("1h", "73", "6.3", "10.94%", "1.044%", "12", "59"),
                            "In the last 3h 85 came, where 21.5 are usual.",
                        ),
                    )
                ]
            },
        ),
        Case(
            "fires",
            "four times the usual at a site of 200,000 sessions a day: within 4 min",
            wave(13_500, 560, 2240),
            {QUIET: [], QUIET + 4: [Firing(SITE, WAVE, "")]},
        ),
        Case(
            "fires",
            "one view shows the thresholds of two clusters",
            wave(594, 6, 73) | {TWICE: steady(2.5, QUIET + 120)},
            {QUIET + 60: [Firing(SITE, WAVE, "")]},
        ),
        Case(
            "fires",
            "five times the usual at a site of 5,000 sessions a day: within 20 min",
            wave(300, 12, 60),
            {QUIET + 5: [], QUIET + 20: [Firing(SITE, WAVE, "")]},
        ),
        Case(
            "fires",
            "a site of four sessions an hour has six bots within one",
            wave(4, 0.2, 6),
            {QUIET + 60: [Firing(SITE, WAVE, "")]},
        ),
        Case(
            "fires",
            "the same deadline had the same wave a week ago",
            {SESSIONS: weekly(600, 600), BOTS: weekly(12, 60)},
            {WEEK + 24 * 60 + 120: [Firing(SITE, WAVE, "")]},
            STEP,
        ),
        Case(
            "fires",
            "right after a blip of five minutes",
            {**wave(594, 6, 73), FRONTIER: frontier((300, QUIET), (900, 5), (300, 120))},
            {QUIET + 10: [Firing(SITE, WAVE, "")]},
        ),
        Case(
            "fires",
            "a wave during an outage lands at once with all that came meanwhile",
            {SESSIONS: backlog(120, 450), BOTS: backlog(6, 100)},
            {QUIET + 3 * 60 + 1: [Firing(SITE, WAVE, "")]},
        ),
        Case(
            "silent",
            "a backlog of three hours lands at once, with its usual share of bots",
            {SESSIONS: backlog(120, 360), BOTS: backlog(6, 18)},
            {QUIET + 3 * 60 + 1: [], QUIET + 3 * 60 + 30: []},
        ),
        *(
            Case(
                "silent",
                f"the first night of a site with a script, and {people} people an hour left",
                {SESSIONS: minutes((306, 12), (6 + people, 10)), BOTS: minutes((6, 22))},
                {at * 60: [] for at in range(13, 22)},
            )
            for people in (0, 3, 60)
        ),
        Case(
            "fires",
            "four times as many come in a first night",
            {SESSIONS: minutes((306, 12), (24, 4)), BOTS: minutes((6, 12), (24, 4))},
            {13 * 60 + 30: [Firing(SITE, WAVE, "")]},
        ),
        Case(
            "fires",
            "a wave an hour ago, and nobody since: a share of nothing is not told",
            {
                SESSIONS: minutes((60, 10), (160, 0.5), (0, 3)),
                BOTS: minutes((2, 10), (100, 0.5), (0, 3)),
            },
            {
                700: [
                    Firing(
                        SITE,
                        WAVE,
                        told(
                            *("1h", "0", "6.6", "?", "10.14%", "0", "39"),
                            "In the last 3h 53 came, where 19.7 are usual.",
                        ),
                    )
                ]
            },
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
            {QUIET + 60: [Firing(SITE, WAVE, "")]},
        ),
        Case(
            "boundary",
            "it stays for half an hour after its last sign, and not longer",
            {
                SESSIONS: minutes((600, HOURS), (680, 1), (600, 4)),
                BOTS: minutes((6, HOURS), (80, 1), (6, 4)),
            },
            {QUIET + 90: [Firing(SITE, WAVE, "")], QUIET + 180: []},
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
            {LANDED + 4: [Firing(SITE, WAVE, "")]},
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
            {MORNING * 60 + 60: [Firing(SITE, MORE, "")]},
        ),
        Case(
            "fires",
            "by the last hour, and says so: in the day it is not told from chance",
            wave(600, 60, 118, quiet=MORNING),
            {
                MORNING * 60 + 60: [
                    Firing(
                        SITE,
                        MORE,
                        told(
                            *("1d", "538", "480.0", "10.08%", "9.073%", "20", "0"),
                            "In the last 1h 118 came, where 60.0 are usual.",
                        ),
                    )
                ]
            },
        ),
        Case(
            "boundary",
            "less than 1.4 times",
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
            {MORNING * 60 + 60: [Firing(SITE, SOMEWHAT, "")]},
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


STORIES = (SPIKE, RAISED, HINT)
