"""The cases of the alerts for those who run the exporter."""

from tests.alerts.promtool import (
    CAMPUS,
    TARGET,
    Case,
    Firing,
    Story,
    frontier,
    named,
    rising,
    steady,
)

BUILD = named("isnotai_exporter_build_info", TARGET, version="1.0.0", revision="abc")
UP = named("up", TARGET)
API_UP = named("isnotai_up")
KEY = named("isnotai_api_key_valid")
POLLER = named("isnotai_exporter_poller")
STATS = {"resource": "stats"}
FRONTIER = "isnotai_session_frontier_timestamp_seconds"
SITE = {"job": "isnotai", "integration": "campus"}
GAP = named("isnotai_session_gap_seconds_total")
COMMIT = named("isnotai_exporter_state_last_commit_timestamp_seconds", TARGET)
SESSIONS_UP = named("isnotai_resource_up", resource="sessions")
SESSIONS_READ = named("isnotai_resource_last_success_timestamp_seconds", resource="sessions")
OTHER = {"job": "isnotai", "instance": "b:10984"}
STEP = 15
DAY = 24 * 60 // STEP
TARGET_DOWN = Firing(
    TARGET,
    "Exporter a:10984 cannot be scraped",
    "Prometheus has not reached a:10984 of job isnotai for 5 min; what it counts is caught up once "
    "it runs again with its state.",
)


def polls(good: float, bad: float, minutes: int) -> dict[str, str]:
    """Counters of polls that grow so much a minute."""
    return {
        named("isnotai_polls_total", resource="sessions", outcome="success"): rising(good, minutes),
        named("isnotai_polls_total", resource="sessions", outcome="failure"): rising(bad, minutes),
        named("isnotai_polls_total", resource="sessions", outcome="skipped"): rising(50, minutes),
    }


def requests(good: float, throttled: float, minutes: int) -> dict[str, str]:
    """Counters of requests that grow so much a minute."""
    return {
        named("isnotai_api_requests_total", resource="sessions", code="200"): rising(good, minutes),
        named("isnotai_api_requests_total", resource="sessions", code="429"): rising(
            throttled, minutes
        ),
    }


def otlp(good: float, bad: float, minutes: int) -> dict[str, str]:
    """Counters of OTLP exports that grow so much a minute."""
    name = "isnotai_exporter_otlp_exports_total"
    return {
        named(name, TARGET, outcome="success"): rising(good, minutes),
        named(name, TARGET, outcome="failure"): rising(bad, minutes),
    }


def stale(age: float, *, resource_up: int, api_up: int, minutes: int = 12) -> dict[str, str]:
    """Stats that were last read `age` seconds before each sample."""
    name = "isnotai_resource_last_success_timestamp_seconds"
    return {
        named(name, **STATS): rising(60, minutes, -age),
        named("isnotai_resource_up", **STATS): steady(resource_up, minutes),
        API_UP: steady(api_up, minutes),
    }


def schema(**kinds: str) -> dict[str, str]:
    """Differences between the API's own document and what is read."""
    return {named("isnotai_api_schema_changes", kind=kind): it for kind, it in kinds.items()}


STORIES = (
    Story(
        "NotAITargetDown",
        "critical",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "an exporter that was scraped before is down",
                {
                    UP: "1 0+0x30",
                    BUILD: "1 stale",
                    named("up", {"job": "node", "instance": "n:9100"}): "0x30",
                },
                {7: [TARGET_DOWN]},
            ),
            Case(
                "boundary",
                "down for three days, and for a week",
                {UP: f"1 0x{8 * DAY}", BUILD: "1 stale"},
                {3 * 1440: [TARGET_DOWN], 7 * 1440 - 60: [TARGET_DOWN], 7 * 1440 + 60: []},
                STEP,
            ),
            Case("boundary", "down for less than 5 min", {UP: "1 0x30", BUILD: "1"}, {5: []}),
            Case("silent", "up", {UP: "1x30", BUILD: "1x30"}, {20: []}),
        ),
    ),
    Story(
        "NotAIExporterAbsent",
        "critical",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "nothing exposes the exporter's build",
                {UP: "1x60"},
                {
                    15: [
                        Firing(
                            {},
                            "No exporter is scraped",
                            "For 15 min Prometheus has had no target that exposes "
                            "isnotai_exporter_build_info.",
                        )
                    ]
                },
            ),
            Case("boundary", "absent for less than 15 min", {UP: "1x60"}, {14: []}),
            Case("silent", "an exporter is there", {BUILD: "1x60"}, {30: []}),
        ),
    ),
    Story(
        "NotAIIntegrationGone",
        "warning",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "a reload leaves an integration out",
                {API_UP: "1x30 stale", BUILD: "1x120"},
                {
                    60: [
                        Firing(
                            SITE,
                            "Integration campus is no longer exported",
                            "An exporter of job isnotai is scraped, but for 15 min none has "
                            "exported the integration campus, which was there within the last "
                            "day: it was taken out of the settings, renamed, or its exporter has "
                            "gone.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "for less than 15 min, and for more than a day",
                {API_UP: "1x8 stale", BUILD: f"1x{3 * DAY}"},
                {9 * STEP: [], 2 * DAY * STEP: []},
                STEP,
            ),
            Case(
                "silent",
                "its pod has moved",
                {
                    API_UP: "1x30 stale",
                    BUILD: "1x120",
                    named("isnotai_up", OTHER, integration="campus"): "_x30 1x90",
                },
                {60: []},
            ),
            Case(
                "silent",
                "no exporter is scraped at all, which is another alert",
                {API_UP: "1x30 stale", BUILD: "1x30 stale"},
                {60: []},
            ),
        ),
    ),
    Story(
        "NotAINobodyPolls",
        "critical",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "neither of two replicas reaches the database, which is one alert",
                {
                    POLLER: "1x30 0x30",
                    named("isnotai_exporter_poller", OTHER, integration="campus"): "0x60",
                },
                {
                    30: [],
                    45: [
                        Firing(
                            SITE,
                            "No replica polls campus",
                            "Replicas of job isnotai run, but for 10 min none has polled campus: "
                            "most likely none reaches the database that they share. Nothing is "
                            "counted meanwhile, and is caught up afterwards.",
                        )
                    ],
                },
            ),
            Case("boundary", "for less than 10 min", {POLLER: "0x9 1x20"}, {9: [], 20: []}),
            Case(
                "silent",
                "another replica has taken over",
                {
                    POLLER: "1x30 0x60",
                    named("isnotai_exporter_poller", OTHER, integration="campus"): "0x30 1x60",
                },
                {60: []},
            ),
            Case("silent", "an exporter without a database", {API_UP: "1x60"}, {60: []}),
        ),
    ),
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
                {
                    named("isnotai_resource_last_success_timestamp_seconds", **STATS): "0x60",
                    named("isnotai_resource_up", **STATS): "0x60",
                    API_UP: "1x60",
                },
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
    Story(
        "NotAIThrottled",
        "warning",
        "operations",
        "notai-usage",
        (
            Case(
                "fires",
                "a tenth of the requests is throttled",
                requests(9, 1, 60),
                {
                    30: [
                        Firing(
                            CAMPUS,
                            "The API throttles the exporter for campus",
                            "10% of the requests of a:10984 were answered with 429 in the last "
                            "15 min.",
                        )
                    ]
                },
            ),
            Case("boundary", "exactly 5 %", requests(19, 1, 60), {50: []}),
            Case("silent", "one of ten in a quarter of an hour", requests(0.6, 0.07, 60), {50: []}),
            Case("silent", "never", requests(20, 0, 60), {50: []}),
        ),
    ),
    Story(
        "NotAIAnswersUndecodable",
        "warning",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "items and answers together exceed 10 an hour",
                {
                    named("isnotai_api_invalid_items_total", **STATS): rising(0.1, 120),
                    named("isnotai_api_invalid_responses_total", **STATS): rising(0.2, 120),
                },
                {
                    100: [
                        Firing(
                            {**SITE, **STATS},
                            "Answers on stats do not decode for campus",
                            "18 answers or items on stats could not be decoded in the last hour, "
                            "and are not counted.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "nine an hour",
                {
                    named("isnotai_api_invalid_items_total", **STATS): rising(0.1, 120),
                    named("isnotai_api_invalid_responses_total", **STATS): rising(0.05, 120),
                },
                {110: []},
            ),
            Case(
                "silent",
                "none",
                {
                    named("isnotai_api_invalid_items_total", **STATS): steady(40, 120),
                    named("isnotai_api_invalid_responses_total", **STATS): steady(0, 120),
                },
                {110: []},
            ),
        ),
    ),
    Story(
        "NotAILabelBoundHit",
        "info",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "origins are folded at each poll",
                {
                    named(
                        "isnotai_exporter_series_dropped_total",
                        TARGET,
                        family="isnotai_analytics_origin_sessions",
                    ): rising(1, 60)
                },
                {
                    30: [
                        Firing(
                            {**TARGET, "family": "isnotai_analytics_origin_sessions"},
                            "isnotai_analytics_origin_sessions has more label values than its "
                            "bound",
                            "a:10984 folded label values of isnotai_analytics_origin_sessions "
                            "into other, or left them out, in the last hour.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "more than an hour ago",
                {
                    named(
                        "isnotai_exporter_series_dropped_total", TARGET, family="isnotai_stats"
                    ): "0 5x120"
                },
                {62: []},
            ),
            Case(
                "silent",
                "no bound is hit",
                {
                    named(
                        "isnotai_exporter_series_dropped_total", TARGET, family="isnotai_stats"
                    ): "0x60"
                },
                {50: []},
            ),
        ),
    ),
    Story(
        "NotAIStateNotCommitted",
        "critical",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "sessions are read, and nothing is committed",
                {COMMIT: rising(60, 30, -901), SESSIONS_UP: "1x30"},
                {
                    5: [
                        Firing(
                            TARGET,
                            "Exporter a:10984 cannot commit its state",
                            "The API answers, but a:10984 of job isnotai has committed nothing "
                            "for 15 min or more: counters stand still.",
                        )
                    ]
                },
            ),
            Case(
                "fires",
                "the state could never be opened",
                {API_UP: "1x30", SESSIONS_READ: "0x30", SESSIONS_UP: "0x30"},
                {
                    5: [
                        Firing(
                            TARGET,
                            "Exporter a:10984 cannot commit its state",
                            "The API answers, but a:10984 of job isnotai has committed nothing "
                            "for 15 min or more: counters stand still.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "the last commit is exactly 15 min old",
                {COMMIT: rising(60, 30, -900), SESSIONS_UP: "1x30"},
                {20: []},
            ),
            Case(
                "silent",
                "there is nothing to commit: the API does not answer",
                {COMMIT: steady(0, 90), SESSIONS_UP: "0x90", API_UP: "0x90"},
                {80: []},
            ),
            Case(
                "silent",
                "sessions are not polled",
                {API_UP: "1x30"},
                {20: []},
            ),
        ),
    ),
    Story(
        "NotAIApiContractChanged",
        "warning",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "a field that is read was removed",
                schema(removed="2x40", changed="0x40", added="5x40"),
                {
                    16: [
                        Firing(
                            {**SITE, "kind": "removed"},
                            "What is read of the API was removed for campus",
                            "By the API's own document, 2 of the endpoints, parameters and fields "
                            "that the exporter reads were removed.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "for less than 15 min",
                schema(removed="0x40", changed="1x40", added="0x40"),
                {14: []},
            ),
            Case(
                "silent",
                "there is only more than before",
                schema(removed="0x40", changed="0x40", added="7x40"),
                {30: []},
            ),
        ),
    ),
    Story(
        "NotAIReloadFailed",
        "warning",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "the last reload failed",
                {named("isnotai_exporter_config_last_reload_successful", TARGET): "0x30"},
                {
                    5: [
                        Firing(
                            TARGET,
                            "Exporter a:10984 runs with old settings",
                            "The last reload of a:10984 failed; it keeps the settings from before.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "for less than 5 min",
                {named("isnotai_exporter_config_last_reload_successful", TARGET): "0x30"},
                {4: []},
            ),
            Case(
                "silent",
                "it went well",
                {named("isnotai_exporter_config_last_reload_successful", TARGET): "1x30"},
                {20: []},
            ),
        ),
    ),
    Story(
        "NotAIOtlpFailing",
        "warning",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "most exports fail",
                otlp(1, 3, 60),
                {
                    30: [
                        Firing(
                            TARGET,
                            "OTLP exports of a:10984 fail",
                            "75% of the OTLP exports of a:10984 failed in the last 15 min.",
                        )
                    ]
                },
            ),
            Case("boundary", "exactly half of them", otlp(2, 2, 60), {50: []}),
            Case("silent", "OTLP is off", {API_UP: "1x60"}, {50: []}),
        ),
    ),
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
