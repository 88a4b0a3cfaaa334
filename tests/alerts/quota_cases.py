"""The cases of the alerts on the customer's limits. For promtool it is 1 January 1970."""

from tests.alerts.promtool import Case, Firing, Story, named, phases, rising, steady

USED = named("isnotai_quota_used_ratio", metric="events")
USAGE = named("isnotai_usage", metric="events", period="month")
LIMIT = named("isnotai_quota_limit", metric="events")
LABELS = {"job": "isnotai", "integration": "campus", "metric": "events"}
HOURS_OF_MONTH = 31 * 24
DAY = 24 * 60
WORKING_WEEK = ((1.2 / 31 / 96, 5 * 96), (0.2 / 31 / 96, 2 * 96))
"""On five days of seven the pace would make 1.2 limits a month; over the week, 0.91."""

PACE = 1.5 / HOURS_OF_MONTH / 4
"""Of one and a half limits a month, each quarter of an hour."""
PER_QUARTER = 0.9 / HOURS_OF_MONTH / 4
CORRECTED = 960 * PER_QUARTER * 0.98


def _consumed(used: str, instance: str = "a:10984") -> dict[str, str]:
    """A month's use of a limit of 1, so that what is used is the ratio as well."""
    labels = {"instance": instance, "metric": "events"}
    return {
        named("isnotai_quota_used_ratio", **labels): used,
        named("isnotai_usage", **labels, period="month"): used,
        named("isnotai_quota_limit", **labels): "1+0x2000",
    }


STORIES = (
    Story(
        "NotAIQuotaExhausted",
        "critical",
        "operations",
        "notai-usage",
        (
            Case(
                "fires",
                "more is consumed than the limit",
                {USED: steady(1.25, 30)},
                {
                    10: [
                        Firing(
                            LABELS,
                            "Monthly limit of events is used up at campus",
                            "This month has consumed 125% of the limit on events that the "
                            "settings state.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "exactly the limit",
                {USED: steady(1, 30)},
                {
                    4: [],
                    5: [
                        Firing(
                            LABELS,
                            "Monthly limit of events is used up at campus",
                            "This month has consumed 100% of the limit on events that the "
                            "settings state.",
                        )
                    ],
                },
            ),
            Case("silent", "less than the limit", {USED: steady(0.99, 30)}, {20: []}),
        ),
    ),
    Story(
        "NotAIQuotaWarning",
        "warning",
        "operations",
        "notai-usage",
        (
            Case(
                "fires",
                "nearly all is consumed",
                {USED: steady(0.92, 30)},
                {
                    20: [
                        Firing(
                            LABELS,
                            "Monthly limit of events is nearly used up at campus",
                            "This month has consumed 92% of the limit on events that the "
                            "settings state.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "exactly 80 %",
                {USED: steady(0.8, 30)},
                {
                    14: [],
                    15: [
                        Firing(
                            LABELS,
                            "Monthly limit of events is nearly used up at campus",
                            "This month has consumed 80% of the limit on events that the "
                            "settings state.",
                        )
                    ],
                },
            ),
            Case("silent", "used up, which is another alert", {USED: steady(1, 30)}, {20: []}),
            Case("silent", "less than 80 %", {USED: steady(0.79, 30)}, {20: []}),
        ),
    ),
    Story(
        "NotAIQuotaForecast",
        "warning",
        "operations",
        "notai-usage",
        (
            Case(
                "fires",
                "a pace that makes one and a half limits a month",
                _consumed(rising(1.5 / HOURS_OF_MONTH / 4, 1000)),
                {
                    8 * DAY: [
                        Firing(
                            LABELS,
                            "Monthly limit of events will not last at campus",
                            "At the pace of the last week, this month will have consumed 150% of "
                            "the limit on events when it ends.",
                        )
                    ]
                },
                step=15,
            ),
            Case(
                "boundary",
                "a pace that leaves a hundredth",
                _consumed(rising(0.99 / HOURS_OF_MONTH / 4, 1000)),
                {8 * DAY: []},
                step=15,
            ),
            Case(
                "silent",
                "weekdays that would not last, and a weekend that makes them last",
                _consumed(phases(*WORKING_WEEK, *WORKING_WEEK)),
                {11 * DAY: [], 12 * DAY: []},
                step=15,
            ),
            Case(
                "silent",
                "used up already, which is another alert",
                _consumed(rising(1.5 / HOURS_OF_MONTH / 4, 1000, 1)),
                {8 * DAY: []},
                step=15,
            ),
            Case(
                "silent",
                "the limit is doubled on the twelfth day, as the runbook says",
                {
                    USAGE: rising(PER_QUARTER, 2000),
                    LIMIT: "1+0x1151 2+0x800",
                    USED: f"{rising(PER_QUARTER, 1152)} "
                    f"{rising(PER_QUARTER / 2, 800, 576 * PER_QUARTER)}",
                },
                {12 * DAY + 120: [], 14 * DAY: []},
                step=15,
            ),
            Case(
                "silent",
                "the API corrects what was consumed by a fiftieth of it",
                _consumed(f"{rising(PER_QUARTER, 960)} {rising(PER_QUARTER, 500, CORRECTED)}"),
                {10 * DAY + 120: [], 12 * DAY: []},
                step=15,
            ),
            Case(
                "fires",
                "pods that have another name each day, at a pace of one and a half limits",
                {
                    series: words
                    for day in range(10)
                    for series, words in _consumed(
                        "_ " * (96 * day) + rising(PACE, 96, PACE * 96 * day), f"pod-{day}"
                    ).items()
                },
                {8 * DAY: [Firing(LABELS, "", "")]},
                step=15,
            ),
        ),
    ),
)
