"""The cases of the alerts on too many polls that fail."""

from tests.alerts.promtool import Case, Firing, Story, named, rising
from tests.alerts.series import API_UP, DAY, SITE, STEP


def polls(good: float, bad: float, minutes: int) -> dict[str, str]:
    """Counters of polls that grow so much a minute."""
    return {
        named("isnotai_polls_total", resource="sessions", outcome="success"): rising(good, minutes),
        named("isnotai_polls_total", resource="sessions", outcome="failure"): rising(bad, minutes),
        named("isnotai_polls_total", resource="sessions", outcome="skipped"): rising(50, minutes),
    }


STORIES = (
    Story(
        "NotAIPollErrorBudgetBurnsFast",
        "critical",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "a fifth of the polls fails",
                polls(4, 1, 120),
                {
                    90: [
                        Firing(
                            SITE,
                            "Many polls fail for campus",
                            "20% of the polls of the last hour failed: at this pace the error "
                            "budget of 30 days (1 %) is gone within 2 days.",
                        )
                    ]
                },
            ),
            Case("boundary", "exactly 14.4 % of them", polls(107, 18, 120), {100: []}),
            Case(
                "silent",
                "the API does not answer at all, which is another alert",
                {**polls(0, 5, 120), API_UP: "0x120"},
                {90: []},
            ),
            Case(
                "silent",
                "the last hour was bad, but the last 5 min were good",
                {
                    named(
                        "isnotai_polls_total", resource="sessions", outcome="failure"
                    ): "0+1x60 60x60",
                    named(
                        "isnotai_polls_total", resource="sessions", outcome="success"
                    ): "0x60 0+1x60",
                },
                {90: []},
            ),
        ),
    ),
    Story(
        "NotAIPollErrorBudgetBurnsSlowly",
        "warning",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "a tenth of the polls fails",
                polls(9, 1, 500),
                {
                    450: [
                        Firing(
                            SITE,
                            "Polls keep failing for campus",
                            "10% of the polls of the last 6 h failed: at this pace the error "
                            "budget of 30 days (1 %) is gone within 5 days.",
                        )
                    ]
                },
            ),
            Case("boundary", "exactly 6 % of them", polls(47, 3, 500), {450: []}),
            Case("silent", "none fails", polls(10, 0, 500), {450: []}),
        ),
    ),
    Story(
        "NotAIPollErrorBudgetBurnsSteadily",
        "warning",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "one in fifty polls fails for days",
                polls(49, 1, 4 * DAY),
                {
                    4 * 1440 - 60: [
                        Firing(
                            SITE,
                            "Some polls always fail for campus",
                            "2% of the polls of the last 3 days failed: at this pace the error "
                            "budget of 30 days (1 %) is used up when they are over.",
                        )
                    ]
                },
                STEP,
            ),
            Case(
                "fires",
                "the same, though for two hours of the first day there was no poll at all",
                {
                    series: words.replace(f"x{4 * DAY - 1}", f"x{DAY // 2}")
                    + f" {at}+0x8 {at}+{more}x{3 * DAY + DAY // 2}"
                    for (series, words), more in zip(
                        polls(49, 1, 4 * DAY).items(), (49, 1, 50), strict=True
                    )
                    for at in (more * (DAY // 2),)
                },
                {3 * 1440 + 600: [Firing(SITE, "Some polls always fail for campus", "")]},
                STEP,
            ),
            Case(
                "boundary",
                "a little less than 1 % of them",
                polls(991, 9, 4 * DAY),
                {4 * 1440 - 60: []},
                STEP,
            ),
            Case(
                "silent",
                "none fails",
                polls(10, 0, 4 * DAY),
                {4 * 1440 - 60: []},
                STEP,
            ),
        ),
    ),
)
