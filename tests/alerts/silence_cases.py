"""The cases of the alert on sessions that stop to come."""

from tests.alerts.promtool import Case, Firing, Story, frontier, named, rising, steady
from tests.alerts.series import FRONTIER, SESSIONS, SITE, minutes

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


STORIES = (STOPPED,)
