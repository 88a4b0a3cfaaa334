"""The cases of the alerts on exporters and integrations that are not there."""

from dataclasses import replace

from tests.alerts.promtool import TARGET, Case, Firing, Story, named
from tests.alerts.series import API_UP, DAY, OTHER, SITE, STEP

BUILD = named("isnotai_exporter_build_info", TARGET, version="1.0.0", revision="abc")
UP = named("up", TARGET)
POLLER = named("isnotai_exporter_poller")
ELSEWHERE = named("isnotai_exporter_build_info", {"job": "other", "instance": "z:10984"})
GONE_TEXT = (
    "For 15 min no exporter of job isnotai has exported the integration campus, which was there "
    "within the last day: it was taken out of the settings, renamed, or its exporter is no longer "
    "a target of Prometheus."
)
TARGET_DOWN = Firing(
    TARGET,
    "Exporter a:10984 cannot be scraped",
    "Prometheus has not reached a:10984 of job isnotai for 5 min; what it counts is caught up once "
    "it runs again with its state.",
)


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
            Case(
                "boundary",
                "another cluster has something else of that name",
                {
                    named("up", TARGET, cluster="east"): "1 0x30",
                    named("up", TARGET, cluster="west"): "1 0x30",
                    named("isnotai_exporter_build_info", TARGET, cluster="east"): "1 stale",
                },
                {7: [replace(TARGET_DOWN, labels={**TARGET, "cluster": "east"})]},
            ),
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
                            GONE_TEXT,
                        )
                    ]
                },
            ),
            Case(
                "fires",
                "its exporter is no target any more, and that of another job is",
                {API_UP: "1x30 stale", BUILD: "1x30 stale", ELSEWHERE: "1x120"},
                {60: [Firing(SITE, "Integration campus is no longer exported", GONE_TEXT)]},
            ),
            Case(
                "silent",
                "its exporter is down, which is another alert",
                {
                    API_UP: "1x30 stale",
                    BUILD: "1x30 stale",
                    UP: "1x30 0x90",
                    ELSEWHERE: "1x120",
                },
                {60: []},
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
)
