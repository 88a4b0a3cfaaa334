"""The cases of the alerts on an API that cannot be asked, and on what is not read of it."""

from tests.alerts.promtool import Case, Firing, Story, frontier, named, rising, steady
from tests.alerts.series import API_UP, DAY, OTHER, SITE, STATS, STEP

KEY = named("isnotai_api_key_valid")
FRONTIER = "isnotai_session_frontier_timestamp_seconds"
GAP_NAME = "isnotai_session_gap_seconds_total"
GAP = named(GAP_NAME)
NEVER_READ = {
    named("isnotai_resource_last_success_timestamp_seconds", **STATS): "0x60",
    named("isnotai_resource_up", **STATS): "0x60",
    API_UP: "1x60",
}
YEAR = 365 * 24 * 60
"""In minutes."""


def stale(age: float, *, resource_up: int, api_up: int, minutes: int = 12) -> dict[str, str]:
    """Stats that were last read `age` seconds before each sample."""
    name = "isnotai_resource_last_success_timestamp_seconds"
    return {
        named(name, **STATS): rising(60, minutes, -age),
        named("isnotai_resource_up", **STATS): steady(resource_up, minutes),
        API_UP: steady(api_up, minutes),
    }


STORIES = (
    Story(
        "NotAIApiUnreachable",
        "critical",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "no resource answers either of two exporters, which is one alert",
                {
                    API_UP: "0x30",
                    KEY: "1x30",
                    named("isnotai_up", OTHER, integration="campus"): "0x30",
                },
                {
                    10: [
                        Firing(
                            SITE,
                            "The API does not answer the exporter for campus",
                            "No authenticated request of any exporter in job isnotai has been "
                            "answered well for 10 min.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "for less than 10 min, or because the key is refused",
                {
                    API_UP: "0x9 1 0x30",
                    named("isnotai_up", OTHER, integration="refused"): "0x30",
                    named("isnotai_api_key_valid", OTHER, integration="refused"): "0x30",
                },
                {9: [], 19: [], 20: []},
            ),
            Case("silent", "the API answers", {API_UP: "1x30"}, {20: []}),
            Case(
                "silent",
                "the API answers one of two exporters",
                {API_UP: "1x30", named("isnotai_up", OTHER, integration="campus"): "0x30"},
                {20: []},
            ),
        ),
    ),
    Story(
        "NotAIKeyRefused",
        "critical",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "the key is refused",
                {KEY: "0x30"},
                {
                    5: [
                        Firing(
                            SITE,
                            "The API refuses the key of campus",
                            "An exporter in job isnotai has no key, or one that the API answers "
                            "with 401: revoked, mistyped, or of the other region.",
                        )
                    ]
                },
            ),
            Case("boundary", "for less than 5 min", {KEY: "0x30"}, {4: []}),
            Case("silent", "the key is accepted", {KEY: "1x30"}, {20: []}),
        ),
    ),
    Story(
        "NotAIDataStale",
        "warning",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "one resource fails while others answer",
                stale(1900, resource_up=0, api_up=1),
                {
                    6: [
                        Firing(
                            {**SITE, **STATS},
                            "No new stats for campus",
                            "stats was last read well 31m 40s ago, though other resources answer.",
                        )
                    ]
                },
            ),
            Case(
                "fires",
                "one resource was never read",
                NEVER_READ,
                {
                    40: [
                        Firing(
                            {**SITE, **STATS},
                            "No new stats for campus",
                            "stats was last read well 40m 0s ago, though other resources answer.",
                        )
                    ]
                },
            ),
            Case(
                "fires",
                "one resource was never read, and the clock is that of our days",
                NEVER_READ,
                {
                    50 * YEAR: [
                        Firing(
                            {**SITE, **STATS},
                            "No new stats for campus",
                            "stats has never been read well, though other resources answer.",
                        )
                    ]
                },
                YEAR,
            ),
            Case(
                "boundary",
                "exactly 30 min old",
                stale(1800, resource_up=0, api_up=1),
                {10: []},
            ),
            Case(
                "silent",
                "old, but its last poll was answered: it is polled rarely",
                stale(9000, resource_up=1, api_up=1),
                {10: []},
            ),
            Case(
                "silent",
                "nothing answers at all, which is another alert",
                stale(9000, resource_up=0, api_up=0),
                {10: []},
            ),
        ),
    ),
    Story(
        "NotAIFrontierBehind",
        "warning",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "an hour behind",
                {named(FRONTIER): frontier((3600, 30))},
                {
                    10: [
                        Firing(
                            SITE,
                            "Counting is behind for campus",
                            "All sessions are counted only up to 1h 0m 0s ago.",
                        )
                    ]
                },
            ),
            Case(
                "fires",
                "our clock is 20 min behind the API's, so the frontier is",
                {
                    named(FRONTIER): frontier((-100, 30)),
                    named("isnotai_api_clock_skew_seconds"): steady(1200, 30),
                },
                {
                    10: [
                        Firing(
                            SITE,
                            "Counting is behind for campus",
                            "All sessions are counted only up to 18m 20s ago.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "exactly 15 min behind",
                {named(FRONTIER): frontier((900, 30))},
                {20: []},
            ),
            Case(
                "silent",
                "another exporter of the integration is in time",
                {
                    named(FRONTIER): frontier((3600, 30)),
                    named(FRONTIER, OTHER, integration="campus"): frontier((300, 30)),
                },
                {20: []},
            ),
            Case(
                "silent",
                "behind by an overlap and a sweep",
                {named(FRONTIER): frontier((480, 30))},
                {20: []},
            ),
        ),
    ),
    Story(
        "NotAISessionsLost",
        "critical",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "a day fell out of the history",
                {GAP: "0x60 86400x60"},
                {
                    90: [
                        Firing(
                            SITE,
                            "Sessions can no longer be counted for campus",
                            "1d 0h 0m 0s of sessions fell out of the tier's history before "
                            "an exporter in job isnotai could read them.",
                        )
                    ]
                },
            ),
            Case(
                "fires",
                "the first scrape after an outage of ten days has the gap already",
                {GAP: f"0x96 _x{10 * DAY} 86400x20"},
                {
                    (98 + 10 * DAY) * STEP: [
                        Firing(
                            SITE,
                            "Sessions can no longer be counted for campus",
                            "1d 0h 0m 0s of sessions fell out of the tier's history before "
                            "an exporter in job isnotai could read them.",
                        )
                    ]
                },
                STEP,
            ),
            Case(
                "fires",
                "the gap is in the first scrape there ever was",
                {GAP: "_x5 86400x20"},
                {
                    10: [
                        Firing(
                            SITE,
                            "Sessions can no longer be counted for campus",
                            "1d 0h 0m 0s of sessions fell out of the tier's history before "
                            "an exporter in job isnotai could read them.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "more than two hours after the last gap",
                {GAP: "0x90 86400x200"},
                {89: [], 230: []},
            ),
            Case(
                "silent",
                "an exporter with a state and an old gap of its own comes back after three hours",
                {
                    GAP: "3600x90 _x180 3600x60",
                    named(GAP_NAME, OTHER, integration="campus"): "0x330",
                },
                {275: [], 300: []},
            ),
            Case("silent", "no gap", {GAP: "0x60"}, {50: []}),
        ),
    ),
    Story(
        "NotAICoverageLow",
        "warning",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "a tenth is missing",
                {
                    named("isnotai_session_coverage_ratio"): steady(0.9, 30),
                    named("isnotai_analytics_sessions", window="24h"): steady(500, 30),
                },
                {
                    15: [
                        Firing(
                            SITE,
                            "Fewer sessions are counted than the API reports for campus",
                            "For the last complete hour 90% of the sessions in the API's "
                            "analytics were counted.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "exactly 95 %",
                {
                    named("isnotai_session_coverage_ratio"): steady(0.95, 30),
                    named("isnotai_analytics_sessions", window="24h"): steady(5000, 30),
                },
                {20: []},
            ),
            Case(
                "silent",
                "too few sessions to tell",
                {
                    named("isnotai_session_coverage_ratio"): steady(0.5, 30),
                    named("isnotai_analytics_sessions", window="24h"): steady(499, 30),
                    named("isnotai_analytics_sessions", window="7d"): steady(3500, 30),
                },
                {20: []},
            ),
            Case(
                "silent",
                "one of two exporters with the key is new and the other covers all",
                {
                    named("isnotai_session_coverage_ratio"): steady(1, 30),
                    named("isnotai_session_coverage_ratio", OTHER, integration="campus"): steady(
                        0.5, 30
                    ),
                    named("isnotai_analytics_sessions", window="24h"): steady(5000, 30),
                },
                {20: []},
            ),
        ),
    ),
)
